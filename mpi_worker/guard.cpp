#include "mpi_worker/guard.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include "mpi_worker/spawn.hpp"

namespace lockstep::worker {
namespace {

/// Our end closes the pipe that is its standard output; the list is its standard input. Only numbers of ours are ever
/// evaluated.
constexpr const char* kScript =
    "trap '' TERM INT HUP USR1 USR2\n"
    "read -r none <&1\n"
    "while read -r group; do\n"
    "  if [ -n \"$group\" ]; then kill -s KILL -- \"-$group\" 2>/dev/null; fi\n"
    "done\n";

constexpr std::string_view kNone = "       \n";
constexpr pid_t kGreatestPid = 9'999'999;  // the kernel's own limit is below

/// As one number, so that the line is written at once: we may be killed at any instant.
std::uint64_t line_of(std::string_view text) {
  std::uint64_t line = 0;
  std::memcpy(&line, text.data(), sizeof line);
  return line;
}

}  // namespace

Guard::Guard(std::size_t slots) : slots_(slots) {}

Guard::~Guard() {
  pipe_.reset();
  if (pid_ > 0) {
    pid_t reaped = 0;
    do {
      reaped = waitpid(pid_, nullptr, 0);
    } while (reaped < 0 && errno == EINTR);
  }
  if (lines_ != nullptr) {
    munmap(lines_, slots_ * sizeof *lines_);
  }
}

void Guard::start() {
  started_ = true;
  const std::size_t bytes = slots_ * sizeof *lines_;
  std::array<int, 2> ends{};
  const Descriptor nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  const Descriptor list(memfd_create("lockstep-guard", MFD_CLOEXEC));
  if (!list || ftruncate(list.get(), static_cast<off_t>(bytes)) != 0 || pipe2(ends.data(), O_CLOEXEC) != 0) {
    return;
  }
  const Descriptor read_end(ends[0]);
  pipe_ = Descriptor(ends[1]);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, list.get(), 0);
  if (memory == MAP_FAILED) {
    return;
  }
  lines_ = static_cast<std::uint64_t*>(memory);
  std::fill_n(lines_, slots_, line_of(kNone));
  const std::array<const char*, 5> argv{"sh", "-c", kScript, "lockstep-guard", nullptr};
  const std::array<const char*, 2> environment{"PATH=/usr/bin:/bin", nullptr};
  SpawnPlan plan;
  plan.program = "/bin/sh";
  plan.argv = argv.data();
  plan.environment = environment.data();
  plan.folder = "/";
  plan.in = list.get();
  plan.out = read_end.get();
  plan.err = nowhere.get();
  pid_ = spawn(plan).value_or(-1);
}

void Guard::set(std::size_t slot, pid_t group) {
  if (!started_) {
    start();
  }
  if (lines_ == nullptr) {
    return;  // tasks go on without a guard
  }
  std::uint64_t line = line_of(kNone);
  if (group > 0 && group <= kGreatestPid) {
    std::array<char, 9> text{};
    *fmt::format_to(text.data(), "{:<7}\n", group) = 0;
    line = line_of(text.data());
  }
  std::atomic_ref(lines_[slot]).store(line, std::memory_order_relaxed);
}

}  // namespace lockstep::worker
