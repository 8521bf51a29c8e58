#include "mpi_worker/task_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "journal/files.hpp"
#include "mpi_worker/builtin.hpp"
#include "mpi_worker/pipe.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/result.hpp"
#include "mpi_worker/tell.hpp"
#include "value/number.hpp"

namespace lockstep::worker {
namespace {

constexpr std::size_t kHeldBytes = std::size_t{32} << 10;
constexpr std::chrono::seconds kHeldTime{1};

constexpr std::string_view kBegin = "--- ";
constexpr std::string_view kEnd = " ---";

constexpr std::string_view kStdout = " stdout";
constexpr std::string_view kFailed = " failed ";

/// `what` ends the line: where the piece comes from, or how the task has ended.
std::string header(const Task& task, const Place& place, std::string_view what = {}) {
  std::string line = fmt::format("--- {} {} execution {} ", format_timestamp(now()), excerpt(task.state_name, 400),
                                 excerpt(task.execution_name, 400));
  if (task.item_index >= 0) {
    line += fmt::format("item {} ", task.item_index);
  }
  line += fmt::format("attempt {} dispatch {} rank {} on {}{} ---\n", task.attempt, work::dispatch_text(task.id),
                      place.rank, place.host, what);
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
  if (const auto made = journal::posix_files().make_folder(folder); !made) {
    complain(made.error().message);
    return false;
  }
  const std::string path = fmt::format("{}/rank-{}.log", folder, place_.rank);
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  struct stat status = {};
  if (fd_ < 0) {
    complain(std::strerror(errno));
  } else if (fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
    complain(fmt::format("{} is no file of this user", path));
    close(std::exchange(fd_, -1));
  }
  return fd_ >= 0;
}

void TaskLog::complain(const std::string& why) {
  if (!complained_) {
    complained_ = true;
    tell(fmt::format("rank {}: the tasks' log cannot be written: {}", place_.rank, why));
  }
}

/// The file may have other writers: the threads of this process.
void TaskLog::put(std::string piece) {
  struct stat status = {};
  if (!run_folder_.empty() && fstat(fd_, &status) == 0) {
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size >= limit_ && size > 0) {
      return;
    }
    if (piece.size() > limit_ - size) {
      const std::string notice = fmt::format(
          "rank {}: its log has reached its limit of {} bytes: what tasks write from here on is not kept (--log-limit)",
          place_.rank, limit_);
      piece.resize(static_cast<std::size_t>(limit_ - size));
      if (!piece.empty() && piece.back() != '\n') {
        piece += '\n';
      }
      piece += fmt::format("lockstep: {}\n", notice);
      tell(notice);
    }
  }
  if (const int number = write_all(fd_, piece); number != 0) {
    complain(std::strerror(number));
  }
}

void TaskLog::write(const Task& task, std::string_view text, LogSource source) {
  if (!open()) {
    return;
  }
  std::string piece =
      run_folder_.empty() ? std::string() : header(task, place_, source == LogSource::out ? kStdout : "");
  piece += text;
  if (!text.empty() && text.back() != '\n') {
    piece += '\n';
  }
  put(std::move(piece));
}

void TaskLog::write_failure(const Task& task, const Outcome& outcome) {
  if (run_folder_.empty() || !open()) {
    return;
  }
  const std::string error = outcome.kind == OutcomeKind::timed_out          ? "States.Timeout"
                            : outcome.kind == OutcomeKind::heartbeat_missed ? "States.HeartbeatTimeout"
                                                                            : excerpt(outcome.error, 400);
  const double seconds = static_cast<double>(outcome.ended.us - outcome.started.us) / kMicrosPerSecond;
  std::string piece = header(
      task, place_, fmt::format("{}{} after {:.3f} s", kFailed, error.empty() ? "?" : error, std::max(seconds, 0.0)));
  if (const std::string_view why = std::string_view(outcome.cause).substr(0, outcome.cause.find('\n')); !why.empty()) {
    piece += excerpt(why, 1000) + '\n';
  }
  put(std::move(piece));
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
  auto place = cut_behind(" rank ");
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
    if (!parse_whole(execution->substr(item + kKey), number)) {
      return std::nullopt;
    }
    header.item = number;
    execution = execution->substr(0, item);
  }
  header.time = line.substr(0, time_end);
  header.state = line.substr(time_end + 1);
  header.execution = *execution;
  header.attempt = *attempt;
  header.dispatch = *dispatch;
  if (const std::size_t failed = place->find(kFailed); failed != std::string_view::npos) {
    header.is_failure = true;
    header.failure = place->substr(failed + kFailed.size());
    place = place->substr(0, failed);
  } else if (place->ends_with(kStdout)) {
    header.is_stdout = true;
    place->remove_suffix(kStdout.size());
  }
  header.place = *place;
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
