#include "mpi_worker/machine.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

#include "journal/lease.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/tell.hpp"

namespace lockstep::worker {
namespace {

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

Machine::Clock::time_point Machine::now() const {
  return Clock::now();
}

BootClock::time_point Machine::boot_now() const {
  return BootClock::now();
}

Timestamp Machine::wall_clock() const {
  return worker::now();
}

bool Machine::sleep(std::chrono::nanoseconds limit, int descriptor) {
  // ppoll() refuses what does not fit its fields.
  const auto time = std::clamp<std::chrono::nanoseconds>(limit, std::chrono::nanoseconds(0), std::chrono::hours(24));
  pollfd fd = {descriptor, POLLIN, 0};
  const timespec spec = {static_cast<time_t>(time.count() / 1'000'000'000),
                         static_cast<long>(time.count() % 1'000'000'000)};
  const bool readable = ppoll(&fd, 1, &spec, nullptr) > 0;
  if (!readable && time.count() == 0) {
    std::this_thread::yield();
  }
  return readable;
}

journal::FileLayer& Machine::files() {
  return journal::posix_files();
}

bool Machine::has_threads() const {
  return true;
}

std::string Machine::host() const {
  return host_name();
}

std::string Machine::place() const {
  std::array<char, 64> space{};
  [[maybe_unused]] const ssize_t size = readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  return fmt::format("{}/{}/{}", host(), first_line("/proc/sys/kernel/random/boot_id"), space.data());
}

std::uint32_t Machine::own_pid() const {
  return static_cast<std::uint32_t>(getpid());
}

std::uint64_t Machine::start_time_of(std::uint32_t pid) const {
  return journal::process_start_time(pid);
}

bool Machine::end_process(std::uint32_t pid, std::uint64_t started) {
  return journal::end_process(pid, started);
}

void Machine::say(const std::string& line) const {
  tell(line);
}

Machine& real_machine() {
  static Machine machine;
  return machine;
}

}  // namespace lockstep::worker
