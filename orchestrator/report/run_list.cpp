#include "report/run_list.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace lockstep::report {

namespace fs = std::filesystem;

Result<std::vector<ListedRun>> list_runs(const std::string& folder) {
  struct Found {
    ListedRun run;
    std::int64_t nanoseconds = 0;
  };
  std::vector<Found> found;
  const auto look = [&](const fs::path& path, const std::string& name) {
    struct stat status {};
    if (::stat((path / "run.json").c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      found.push_back({{name, status.st_mtim.tv_sec}, status.st_mtim.tv_nsec});
    }
  };
  look(folder, folder);
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    look(path, folder == "." ? path.filename().string() : path.string());
  }
  if (error) {
    return fail(ErrorKind::io, fmt::format("cannot read {}: {}", folder, error.message()));
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tuple(-a.run.begun_s, -a.nanoseconds, std::string_view(a.run.folder)) <
           std::tuple(-b.run.begun_s, -b.nanoseconds, std::string_view(b.run.folder));
  });
  std::vector<ListedRun> runs;
  for (Found& one : found) {
    runs.push_back(std::move(one.run));
  }
  return runs;
}

Result<std::string> last_run(const std::string& folder) {
  auto runs = TRY(list_runs(folder));
  if (runs.empty()) {
    return fail(ErrorKind::usage, "which run? None is named, and there is none in this folder: give its folder RUN");
  }
  return std::move(runs.front().folder);
}

}  // namespace lockstep::report
