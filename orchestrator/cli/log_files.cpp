#include "cli/log_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace lockstep::cli {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> list_logs(const std::string& run_folder) {
  std::vector<std::pair<std::size_t, fs::path>> found;
  std::error_code error;
  const fs::path folder = fs::path(run_folder) / "logs";
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("rank-") && name.ends_with(".log")) {
      found.emplace_back(name.size(), entry->path());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(ErrorKind::io, fmt::format("cannot read {}: {}", folder.string(), error.message()));
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> paths;
  for (auto& [length, path] : found) {
    paths.push_back(std::move(path));
  }
  return paths;
}

Result<void> LogReader::read(bool is_last, const Take& take) {
  if (!file_) {
    file_.reset(std::fopen(path_.c_str(), "rbe"));
    if (!file_) {
      return fail(ErrorKind::io, fmt::format("cannot read {}: {}", path_.string(), std::strerror(errno)));
    }
  }
  constexpr std::size_t kPart = std::size_t{64} << 10;  // of a long line; what does not begin one is never a header
  std::clearerr(file_.get());
  while (true) {
    int byte = 0;
    // As fgets(), but for bytes of any value.
    while (line_.size() < kPart && (byte = getc_unlocked(file_.get())) != EOF) {
      line_ += static_cast<char>(byte);
      if (byte == '\n') {
        break;
      }
    }
    if (line_.empty() || (byte == EOF && !is_last)) {
      break;
    }
    const bool is_whole = line_.back() == '\n';
    auto found = is_start_ && is_whole ? worker::parse_log_header(std::string_view(line_).substr(0, line_.size() - 1))
                                       : std::nullopt;
    const bool is_header = found.has_value();
    if (is_header) {
      header_ = std::move(found);
    }
    if (header_) {
      take(*header_, line_, is_header);
    }
    is_start_ = is_whole;
    line_.clear();
  }
  return std::ferror(file_.get()) == 0 ? Result<void>()
                                       : fail(ErrorKind::io, fmt::format("cannot read {}", path_.string()));
}

}  // namespace lockstep::cli
