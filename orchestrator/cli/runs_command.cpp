// `lockstep runs` and `lockstep clean`: the runs of a folder, and the removal of those that are over.
#include <filesystem>
#include <iostream>

#include "cli/carry_out.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "report/format.hpp"
#include "report/run_list.hpp"
#include "report/status.hpp"
#include "service/clock.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace {

/// What the list says of a run; also of one that cannot be read.
struct Line {
  std::string state;
  std::string progress;
  std::string age;
};

std::string progress_of(const report::ExecutionTally& execution) {
  std::uint64_t items = 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  for (const report::StateCounts& counts : execution.states) {
    items += counts.items;
    done += counts.items_succeeded;
    failed += counts.items_failed;
  }
  if (items == 0) {
    return report::counted(execution.history_events, "event");
  }
  return fmt::format("{}/{} items{}", report::grouped(done), report::grouped(items),
                     failed == 0 ? "" : fmt::format(", {} failed", report::grouped(failed)));
}

Line line_of(const std::string& folder, std::int64_t begun_s, Timestamp now) {
  Line line;
  line.age = report::brief(std::max<std::int64_t>(now.us - begun_s * 1'000'000, 0));
  const auto files = report::open_run_folder(folder);
  const auto status = files ? report::read_status(*files, "", now, 0) : tl::unexpected<Error>(files.error());
  if (!status) {
    line.state = "UNREADABLE";
    line.progress = report::one_line(status.error().message, 60);
    return line;
  }
  line.state = report::state_of(*status);
  line.progress = status->tally.chosen ? progress_of(*status->tally.chosen) : "";
  return line;
}

int runs(const Command& self, const Arguments& arguments) {
  std::vector<std::string> folders;
  bool json = false;
  po::options_description options("options");
  options.add_options()  //
      ("json", po::bool_switch(&json), "a JSON line per run: folder, state, progress, age");
  TRY_OR_TELL(read_command_line(self, arguments, options, &folders));
  if (folders.empty()) {
    folders.emplace_back(".");
  }
  const Timestamp now = service::SystemClock().now();
  std::size_t longest = 3;
  std::vector<std::pair<std::string, Line>> lines;
  for (const std::string& folder : folders) {
    const auto found = TRY_OR_TELL(report::list_runs(folder));
    for (const report::ListedRun& run : found) {
      lines.emplace_back(run.folder, line_of(run.folder, run.begun_s, now));
      longest = std::max(longest, report::width(run.folder));
    }
  }
  if (lines.empty()) {
    complain("there are no runs here");
  } else if (!json) {
    fmt::print("{:<{}}  {:<12} {:<10} {}\n", "RUN", longest, "STATE", "AGE", "PROGRESS");
  }
  for (const auto& [folder, line] : lines) {
    if (json) {
      std::string text = "{";
      for (const auto& [key, value] :
           {std::pair{"run", &folder}, {"state", &line.state}, {"age", &line.age}, {"progress", &line.progress}}) {
        text += fmt::format("{}\"{}\":", text.size() > 1 ? "," : "", key);
        append_json_string(text, *value);
      }
      fmt::print("{}}}\n", text);
    } else {
      fmt::print("{}{}  {:<12} {:<10} {}\n", report::one_line(folder, SIZE_MAX),
                 std::string(longest - report::width(folder), ' '), line.state, line.age, line.progress);
    }
  }
  if (std::fflush(stdout) != 0) {
    return report({ErrorKind::io, "cannot write standard output"});
  }
  return kSucceeded;
}

/// Why a run is not to be removed; empty: it is.
std::string reason_to_keep(const report::RunStatus& status, bool with_failed) {
  const std::string state = report::state_of(status);
  if (status.owner.life != journal::Life::ended) {
    return "it is running";
  }
  if (state == "SUCCEEDED" ||
      (with_failed && status.tally.chosen && status.tally.chosen->status != engine::Status::running)) {
    return "";
  }
  return state + (status.tally.chosen && status.tally.chosen->status != engine::Status::running
                      ? ": --all removes it, too"
                      : ": it has work left");
}

int clean(const Command& self, const Arguments& arguments) {
  std::vector<std::string> named;
  bool with_failed = false;
  bool only_say = false;
  po::options_description options("options");
  options.add_options()                                                                           //
      ("all", po::bool_switch(&with_failed), "also runs that failed, timed out or were aborted")  //
      ("dry-run", po::bool_switch(&only_say), "say what would be removed, without removing it");
  TRY_OR_TELL(read_command_line(self, arguments, options, &named));
  const bool chosen_here = named.empty();
  if (chosen_here) {
    const auto found = TRY_OR_TELL(report::list_runs("."));
    for (const report::ListedRun& run : found) {
      if (run.folder != ".") {
        named.push_back(run.folder);
      }
    }
  }
  int worst = kSucceeded;
  for (const std::string& path : named) {
    const auto files = report::open_run_folder(path);
    const auto status =
        files ? report::read_status(*files, "", service::SystemClock().now(), 0) : tl::unexpected<Error>(files.error());
    if (!status) {
      worst = report(status.error());
      continue;
    }
    if (const std::string reason = reason_to_keep(*status, with_failed); !reason.empty()) {
      complain(fmt::format("{} is kept: {}", path, reason));
      worst = chosen_here ? worst : kOccupied;
      continue;
    }
    if (!only_say) {
      const auto folder = service::RunFolder::existing(path);
      auto lease = folder ? acquire_lease(folder->path(), OwnerOptions()) : tl::unexpected<Error>(folder.error());
      if (!lease) {
        worst = report(lease.error());
        continue;
      }
      if (const auto cleared = folder->clear(); !cleared) {
        worst = report(cleared.error());
        continue;
      }
      lease->reset();
      std::error_code error;
      fs::remove_all(folder->path(), error);
      if (error) {
        worst = report({ErrorKind::io, fmt::format("cannot remove {}: {}", path, error.message())});
        continue;
      }
    }
    fmt::print("{} {}\n", only_say ? "would remove" : "removed", path);
  }
  return worst;
}

}  // namespace

const Command kRuns{
    "runs",
    "the runs of this folder: state, progress, age",
    "[FOLDER]... [--json]",
    "Lists the runs in FOLDER, or in the working folder, newest first: how each stands, how far it is, "
    "and how long ago it was begun.",
    {{{"lockstep runs", "what ran here, and how it went"},
      {"lockstep runs --json | jq -r 'select(.state == \"FAILED\").run'", "the folders of failed runs"}}},
    runs};

const Command kClean{"clean",
                     "remove the folders of runs that succeeded",
                     "[RUN]... [--all] [--dry-run]",
                     "Removes run folders with all that they hold: those named, or those of the working folder whose "
                     "execution succeeded. A run that goes on or has work left is never removed.",
                     {{{"lockstep clean --dry-run", "say what would be removed here"},
                       {"lockstep clean --all survey-1.lockstep", "remove this one, though it failed"}}},
                     clean};

}  // namespace lockstep::cli
