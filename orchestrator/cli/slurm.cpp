#include "cli/slurm.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "value/descriptor.hpp"

namespace lockstep::cli {

namespace {

/// The controller may be down; squeue itself waits much longer for it.
constexpr std::chrono::seconds kLongestAnswer{5};

struct Answer {
  std::string text;  ///< of both streams
  int status = 0;    ///< as waitpid() has it
};

/// Nothing if it cannot be started or takes too long. The signals' handling must be the usual one's or ours, not
/// SIG_IGN for CHLD.
std::optional<Answer> ask(const std::array<const char*, 8>& command) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::nullopt;
  }
  const Descriptor out(ends[0]);
  Descriptor in(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, in.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, in.get(), STDERR_FILENO);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int failed =
      posix_spawnp(&pid, command[0], &actions, &attributes, const_cast<char* const*>(command.data()), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  in.reset();
  if (failed != 0) {
    return std::nullopt;
  }
  Answer answer;
  bool whole = false;
  const auto end = std::chrono::steady_clock::now() + kLongestAnswer;
  while (!whole) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd readable = {out.get(), POLLIN, 0};
    const int ready = left <= 0 ? 0 : poll(&readable, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    std::array<char, 4096> buffer{};
    const ssize_t got = ready > 0 ? read(out.get(), buffer.data(), buffer.size()) : -1;
    constexpr std::size_t kLongest = 1 << 20;
    if (got < 0 || answer.text.size() > kLongest) {
      break;
    }
    whole = got == 0;
    answer.text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (!whole) {
    kill(-pid, SIGKILL);
  }
  while (waitpid(pid, &answer.status, 0) < 0 && errno == EINTR) {
  }
  return whole ? std::optional(std::move(answer)) : std::nullopt;
}

/// States in which a job has processes, or may get them.
constexpr std::string_view kRunning[] = {"RUNNING",   "COMPLETING", "CONFIGURING", "RESIZING",
                                         "SIGNALING", "STAGE_OUT",  "STOPPED",     "SUSPENDED"};
/// States of a job in the queue that has none: it waits to be started again.
constexpr std::string_view kWaiting[] = {"PENDING",      "REQUEUED",     "REQUEUE_FED",
                                         "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"};

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

std::optional<bool> slurm_job_runs(const std::string& job) {
  if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  const auto answer = ask({"squeue", "--noheader", "--jobs", job.c_str(), "--format", "%T", nullptr, nullptr});
  if (!answer) {
    return std::nullopt;
  }
  if (!WIFEXITED(answer->status) || WEXITSTATUS(answer->status) != 0) {
    // Slurm forgets jobs some minutes after their end.
    return answer->text.find("Invalid job id") != std::string::npos ? std::optional(false) : std::nullopt;
  }
  std::istringstream states(answer->text);
  for (std::string state; states >> state;) {
    if (is_one_of(kRunning, state)) {
      return true;
    }
    if (!is_one_of(kWaiting, state)) {
      return std::nullopt;
    }
  }
  return false;
}

std::optional<Timestamp> end_of_allocation() {
  const char* text = std::getenv("SLURM_JOB_END_TIME");
  char* end = nullptr;
  const long long seconds = text != nullptr ? std::strtoll(text, &end, 10) : 0;
  return seconds > 0 && *end == '\0' ? std::optional(Timestamp{seconds * kMicrosPerSecond}) : std::nullopt;
}

}  // namespace lockstep::cli
