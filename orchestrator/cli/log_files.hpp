// The packed logs of a run's ranks (mpi_worker/task_log.hpp), read piece by piece.
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mpi_worker/task_log.hpp"
#include "value/error.hpp"

namespace lockstep::cli {

/// The logs of a run, by rank; an error where they cannot be listed.
Result<std::vector<std::filesystem::path>> list_logs(const std::string& run_folder);

/// Reads a log's lines, and later those that were appended since.
class LogReader {
 public:
  /// `header` is that of the piece which the line belongs to; `line` is it, or, where `is_header`, the header's own. It
  /// ends with a line feed, unless it is a part of a long line.
  using Take = std::function<void(const worker::LogHeader& header, std::string_view line, bool is_header)>;

  explicit LogReader(std::filesystem::path path) : path_(std::move(path)) {}
  /// Gives all lines that are whole, and at the end of the log (`is_last`) what is left. Lines before the first header
  /// are nobody's and are left out.
  Result<void> read(bool is_last, const Take& take);

 private:
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, &std::fclose};
  std::string line_;  // not whole yet
  bool is_start_ = true;
  std::optional<worker::LogHeader> header_;
};

}  // namespace lockstep::cli
