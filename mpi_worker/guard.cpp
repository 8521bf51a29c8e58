#include "mpi_worker/guard.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "mpi_worker/spawn.hpp"

namespace lockstep::worker {
namespace {

/// Lines of a slot and the group in it, or nothing where it is free again; at the end of the lines KILL to all groups.
/// Only numbers of ours are ever evaluated.
constexpr const char* kScript =
    "trap '' TERM INT HUP USR1 USR2\n"
    "while read -r slot group; do eval \"g$slot=$group\"; done\n"
    "i=0\n"
    "while [ \"$i\" -lt \"$1\" ]; do\n"
    "  eval \"group=\\${g$i:-}\"\n"
    "  if [ -n \"$group\" ]; then kill -s KILL -- \"-$group\" 2>/dev/null; fi\n"
    "  i=$((i + 1))\n"
    "done\n";

}  // namespace

Guard::~Guard() {
  pipe_.reset();
  if (pid_ > 0) {
    pid_t reaped = 0;
    do {
      reaped = waitpid(pid_, nullptr, 0);
    } while (reaped < 0 && errno == EINTR);
  }
}

void Guard::start() {
  started_ = true;
  std::array<int, 2> ends{};
  const Descriptor nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return;
  }
  const Descriptor in(ends[0]);
  pipe_ = Descriptor(ends[1]);
  fcntl(pipe_.get(), F_SETFL, fcntl(pipe_.get(), F_GETFL) | O_NONBLOCK);
  const std::string slots = fmt::format("{}", slots_);
  const std::array<const char*, 6> argv{"sh", "-c", kScript, "lockstep-guard", slots.c_str(), nullptr};
  const std::array<const char*, 2> environment{"PATH=/usr/bin:/bin", nullptr};
  SpawnPlan plan;
  plan.program = "/bin/sh";
  plan.argv = argv.data();
  plan.environment = environment.data();
  plan.folder = "/";
  plan.in = in.get();
  plan.out = nowhere.get();
  plan.err = nowhere.get();
  pid_ = spawn(plan).value_or(-1);
}

void Guard::set(std::size_t slot, pid_t group) {
  if (!started_) {
    start();
  }
  const std::string line = group > 0 ? fmt::format("{} {}\n", slot, group) : fmt::format("{}\n", slot);
  // A guard that is gone or does not keep up guards less; it never holds up a task.
  [[maybe_unused]] const ssize_t written = write(pipe_.get(), line.data(), line.size());
}

}  // namespace lockstep::worker
