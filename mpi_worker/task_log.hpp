// The stderr of tasks: packed into one file per rank, and the end of each kept for its cause.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// Where a piece of the log comes from. Of stdout it is all that a task wrote that failed, but where it goes to the log
/// anyway, as stderr does.
enum class LogSource : std::uint8_t { err, out };

/// RUN/logs/rank-N.log, made when something is first written; without a run folder our own stderr. A log that cannot be
/// written fails no task: that is said once on stderr. Nor does one that is full: it and stderr say so, and what comes
/// then is dropped.
class TaskLog {
 public:
  /// `limit`: bytes of the file, whoever has written them.
  TaskLog(std::string run_folder, Place place, std::uint64_t limit)
      : run_folder_(std::move(run_folder)), place_(std::move(place)), limit_(limit) {}
  ~TaskLog();
  TaskLog(const TaskLog&) = delete;
  TaskLog& operator=(const TaskLog&) = delete;

  /// Appends a header line that names the task, and `text`, in one piece.
  void write(const Task& task, std::string_view text, LogSource source = LogSource::err);
  /// Appends that the task has failed, and the first line of why. Without a run folder that is said nowhere.
  void write_failure(const Task& task, const Outcome& outcome);

 private:
  bool open();
  void put(std::string piece);
  void complain(const std::string& why);

  std::string run_folder_;
  Place place_;
  const std::uint64_t limit_;
  int fd_ = -1;
  bool complained_ = false;
};

/// What the header line of a piece of a log says.
struct LogHeader {
  std::string state;
  std::string execution;
  std::optional<std::int64_t> item;
  std::string time;         ///< UTC, ISO 8601
  std::string attempt;      ///< retries before
  std::string dispatch;     ///< "EXECUTION-VISIT-COUNT"
  std::string place;        ///< "3 on n1": rank and host
  bool is_stdout = false;   ///< what follows was written there
  bool is_failure = false;  ///< of write_failure(): what follows says why
  std::string failure;      ///< then "States.Timeout after 5.003 s"
};

/// Nothing where the line is no header.
std::optional<LogHeader> parse_log_header(std::string_view line);

/// What one task has written to stderr (and to stdout, where that goes to the log).
class TaskStderr {
 public:
  using Clock = std::chrono::steady_clock;

  void append(std::string_view bytes, const Task& task, TaskLog& log, Clock::time_point now);
  /// Hands what is held back to the log.
  void flush(const Task& task, TaskLog& log);
  /// When flush() is due, so that a log can be followed while a long task runs; max(): nothing is held back.
  Clock::time_point flush_time() const { return flush_time_; }
  /// The last bytes, at least kCauseBytes of them where there were as many.
  std::string_view tail() const { return tail_; }

 private:
  std::string held_;
  std::string tail_;
  Clock::time_point flush_time_ = Clock::time_point::max();
};

}  // namespace lockstep::worker
