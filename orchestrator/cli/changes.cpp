#include "cli/changes.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "report/status.hpp"
#include "value/shell.hpp"
#include "value/value.hpp"

namespace lockstep::cli {

namespace fs = std::filesystem;
using service::Change;
using service::RunFolder;
using service::RunRequest;

namespace {

/// A new run of what is on disk now; of what this one keeps where there was no file.
std::string new_run(const RunFolder& folder, const RunRequest& settings) {
  const service::Sources& from = settings.sources;
  const std::string definition =
      from.definition.path.empty() ? folder.path() + "/definition.json" : from.definition.path;
  std::vector<std::string> words{"lockstep", "run", definition, "--input",
                                 from.input.path.empty() ? folder.path() + "/input.json" : from.input.path};
  const fs::path jobs = from.jobs.path;
  const bool is_found = jobs.parent_path() == fs::path(definition).parent_path() && jobs.stem() == "jobs";
  if (!jobs.empty() && !is_found) {
    words.insert(words.end(), {"--jobs", from.jobs.path});
  }
  if (settings.type != "STANDARD") {
    words.insert(words.end(), {"--type", settings.type});
  }
  return shell_line(words);
}

/// "FAILED", of the line that a run printed.
std::string status_of(const service::Finished& finished) {
  if (finished.exit_status == 0) {
    return "SUCCEEDED";
  }
  const auto line = Value::from_text(finished.line);
  const Node* status = line && line->node().is_object() ? line->node().find("status") : nullptr;
  return status != nullptr && status->is_string() ? std::string(status->as_string()) : "FAILED";
}

/// Whether what failed could come out otherwise.
bool can_be_redriven(const RunFolder& folder) {
  const auto files = report::open_run_folder(folder.path());
  const auto status = files ? report::read_status(*files, "", Timestamp{}, 1) : tl::unexpected<Error>(files.error());
  return status && report::can_be_redriven(*status);
}

std::string advice(const RunFolder& folder, const RunRequest& settings, const Change& change, bool is_running) {
  const auto finished = folder.finished();
  const bool has_ended = finished && *finished;
  if (change.of == Change::Of::definition && has_ended && (*finished)->exit_status != 0 &&
      settings.type == "STANDARD") {
    return fmt::format("to go on with the new one: {}; to begin anew: {}",
                       shell_line({"lockstep", "redrive", "--dir", folder.path(), "--definition", change.path}),
                       new_run(folder, settings));
  }
  if (change.of != Change::Of::jobs || (has_ended && !can_be_redriven(folder))) {
    return fmt::format("a new run takes the new one: {}", new_run(folder, settings));
  }
  const std::string go_on =
      shell_line({"lockstep", has_ended ? "redrive" : "resume", "--dir", folder.path(), "--jobs", change.path});
  return is_running ? fmt::format("to take the new one, stop the run (Ctrl-C, or TERM to it), then: {}", go_on)
                    : fmt::format("to go on with the new one: {}", go_on);
}

}  // namespace

std::vector<std::string> describe_changes(const RunFolder& folder, const std::vector<Change>& changes,
                                          bool is_running) {
  std::vector<std::string> lines;
  const auto settings = folder.settings();
  for (const Change& change : changes) {
    if (settings) {
      const char* what = change.of == Change::Of::definition ? "definition"
                         : change.of == Change::Of::input    ? "input"
                                                             : "jobs";
      lines.push_back(fmt::format("{} has changed since the run took it in ({}); the run keeps the {} that it has; {}",
                                  change.path, change.difference, what, advice(folder, *settings, change, is_running)));
    }
  }
  return lines;
}

std::vector<std::string> changes_on_disk(const RunFolder& folder, bool is_running) {
  const auto settings = folder.settings();
  return settings ? describe_changes(folder, service::changes_since(settings->sources, folder.path()), is_running)
                  : std::vector<std::string>();
}

std::vector<Change> changed_jobs(const RunRequest& kept, const RunRequest& request) {
  if (kept.jobs == request.jobs && kept.jobs_folder == request.jobs_folder) {
    return {};
  }
  const std::string difference =
      kept.jobs == request.jobs ? fmt::format("their folder: there {}, here {}", kept.jobs_folder, request.jobs_folder)
                                : service::difference(kept.jobs, request.jobs);
  return {{Change::Of::jobs, request.sources.jobs.path, difference}};
}

std::string describe_ended(const RunFolder& folder, const service::Finished& finished) {
  std::string line = fmt::format("the run in {} has ended ({}): this is its result, and nothing was run", folder.path(),
                                 status_of(finished));
  const auto settings = folder.settings();
  if (finished.exit_status != 0 && can_be_redriven(folder)) {
    line += fmt::format("; to run again what failed: {}", shell_line({"lockstep", "redrive", "--dir", folder.path()}));
  }
  return settings ? fmt::format("{}; to begin anew: {}", line, new_run(folder, *settings)) : line;
}

}  // namespace lockstep::cli
