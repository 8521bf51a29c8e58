#include "mpi_worker/task_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/result.hpp"

namespace lockstep::worker {
namespace {

constexpr std::size_t kHeldBytes = std::size_t{32} << 10;
constexpr std::chrono::seconds kHeldTime{1};

/// 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return errno;
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return 0;
}

constexpr std::string_view kBegin = "--- ";
constexpr std::string_view kEnd = " ---";

/// `what`: how the task has ended; empty: it goes on.
std::string header(const Task& task, const Place& place, std::string_view what = {}) {
  std::string line = fmt::format("--- {} {} execution {} ", format_timestamp(now()), excerpt(task.state_name, 400),
                                 excerpt(task.execution_name, 400));
  if (task.item_index >= 0) {
    line += fmt::format("item {} ", task.item_index);
  }
  line += fmt::format("attempt {} dispatch {}-{}-{} rank {} on {}{}{} ---\n", task.attempt, task.id.execution,
                      task.id.visit, task.id.count, place.rank, place.host, what.empty() ? "" : " failed ", what);
  return line;
}

}  // namespace

TaskLog::~TaskLog() {
  if (fd_ > 2) {
    close(fd_);
  }
}

bool TaskLog::open() {
  if (fd_ >= 0) {
    return true;
  }
  if (run_folder_.empty()) {
    fd_ = 2;
    return true;
  }
  const std::string folder = run_folder_ + "/logs";
  mkdir(folder.c_str(), 0700);
  const std::string path = fmt::format("{}/rank-{}.log", folder, place_.rank);
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) {
    complain(errno);
  }
  return fd_ >= 0;
}

void TaskLog::complain(int number) {
  if (!complained_) {
    complained_ = true;
    fmt::print(stderr, "lockstep: rank {}: the tasks' log cannot be written: {}\n", place_.rank, std::strerror(number));
  }
}

void TaskLog::write(const Task& task, std::string_view text) {
  if (!open()) {
    return;
  }
  std::string piece = run_folder_.empty() ? std::string() : header(task, place_);
  piece += text;
  if (!text.empty() && text.back() != '\n') {
    piece += '\n';
  }
  if (const int number = write_all(fd_, piece); number != 0) {
    complain(number);
  }
}

void TaskLog::write_failure(const Task& task, const Outcome& outcome) {
  if (run_folder_.empty() || !open()) {
    return;
  }
  const std::string error = outcome.kind != OutcomeKind::timed_out ? excerpt(outcome.error, 400)
                            : outcome.error.empty()                ? "States.Timeout"
                                                                   : outcome.error;
  if (const int number = write_all(fd_, header(task, place_, error.empty() ? "?" : error)); number != 0) {
    complain(number);
  }
}

std::optional<LogHeader> parse_log_header(std::string_view line) {
  if (!line.starts_with(kBegin) || !line.ends_with(kEnd) || line.size() < kBegin.size() + kEnd.size()) {
    return std::nullopt;
  }
  line = line.substr(kBegin.size(), line.size() - kBegin.size() - kEnd.size());
  // From the end, because a state's name may hold anything.
  const auto cut_behind = [&](std::string_view key) -> std::optional<std::string_view> {
    const std::size_t at = line.rfind(key);
    if (at == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view found = line.substr(at + key.size());
    line = line.substr(0, at);
    return found;
  };
  LogHeader header;
  const auto place = cut_behind(" rank ");
  const auto dispatch = cut_behind(" dispatch ");
  const auto attempt = cut_behind(" attempt ");
  auto execution = cut_behind(" execution ");
  const std::size_t time_end = line.find(' ');
  if (!place || !dispatch || !attempt || !execution || time_end == std::string_view::npos) {
    return std::nullopt;
  }
  if (const std::size_t item = execution->rfind(" item "); item != std::string_view::npos) {
    constexpr std::size_t kKey = 6;
    std::int64_t number = 0;
    const std::string_view digits = execution->substr(item + kKey);
    const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (wrong != std::errc() || end != digits.data() + digits.size()) {
      return std::nullopt;
    }
    header.item = number;
    execution = execution->substr(0, item);
  }
  header.state = line.substr(time_end + 1);
  header.execution = *execution;
  header.dispatch = *dispatch;
  header.is_failure = place->find(" failed ") != std::string_view::npos;
  return header;
}

void TaskStderr::append(std::string_view bytes, const Task& task, TaskLog& log, Clock::time_point now) {
  if (held_.empty() && !bytes.empty()) {
    flush_time_ = now + kHeldTime;
  }
  held_ += bytes;
  tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), kCauseBytes));
  if (tail_.size() > 2 * kCauseBytes) {
    tail_.erase(0, tail_.size() - kCauseBytes);
  }
  if (held_.size() >= kHeldBytes) {
    flush(task, log);
  }
}

void TaskStderr::flush(const Task& task, TaskLog& log) {
  if (!held_.empty()) {
    log.write(task, held_);
    held_.clear();
  }
  flush_time_ = Clock::time_point::max();
}

}  // namespace lockstep::worker
