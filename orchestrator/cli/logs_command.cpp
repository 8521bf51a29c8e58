// `lockstep logs`: what tasks have written to stderr, from the packed logs of the ranks.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <set>
#include <thread>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/log_files.hpp"
#include "journal/lease.hpp"
#include "report/format.hpp"
#include "report/status.hpp"
#include "value/nearest.hpp"

namespace lockstep::cli {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

/// Between two looks at logs that are followed.
constexpr std::chrono::milliseconds kBetweenLooksAtLogs{250};

struct Wanted {
  std::string state;  ///< empty: any
  std::optional<std::int64_t> item;
  bool failed = false;
  std::set<std::string> failures;  ///< dispatches, where only those are wanted

  bool matches(const worker::LogHeader& header) const {
    return (state.empty() || header.state == state) && (!item || header.item == item) &&
           (!failed || failures.contains(header.dispatch));
  }
};

/// What a person wants to know of a piece: the file tells more (execution, dispatch), which only programs need.
std::string short_header(const worker::LogHeader& header) {
  const std::optional<Timestamp> time = parse_timestamp(header.time);
  std::string line = fmt::format("--- {} {}", time ? report::local_time(*time) : header.time, header.state);
  line += header.item ? fmt::format("[{}]", *header.item) : "";
  line += header.attempt != "0" ? fmt::format(" retry {}", header.attempt) : "";
  line += fmt::format(" on rank {}", header.place);
  line += header.is_stdout ? ", stdout" : header.is_failure ? " failed " + header.failure : "";
  return line + " ---\n";
}

class Printer {
 public:
  explicit Printer(Wanted wanted) : wanted_(std::move(wanted)) {}

  /// What there is since the last time.
  Result<void> print(const std::string& run_folder, bool is_last) {
    const auto paths = TRY(list_logs(run_folder));
    if (wanted_.failed) {
      const auto done = read_all(paths, failures_, is_last, [&](const worker::LogHeader& header, auto, bool is_header) {
        if (is_header && header.is_failure) {
          wanted_.failures.insert(header.dispatch);
        }
      });
      if (!done) {
        return done;
      }
    }
    const auto done =
        read_all(paths, pieces_, is_last, [&](const worker::LogHeader& header, std::string_view line, bool is_header) {
          if (wanted_.matches(header)) {
            std::cout << (is_header ? short_header(header) : line);
          }
        });
    std::cout << std::flush;
    return done;
  }

 private:
  using Readers = std::map<fs::path, LogReader>;

  static Result<void> read_all(const std::vector<fs::path>& paths, Readers& readers, bool is_last,
                               const LogReader::Take& take) {
    for (const fs::path& path : paths) {
      if (const auto done = readers.try_emplace(path, path).first->second.read(is_last, take); !done) {
        return done;
      }
    }
    return {};
  }

  Wanted wanted_;
  Readers failures_, pieces_;
};

/// With `follow` until nobody owns the run any more.
Result<void> print_logs(const std::string& run_folder, Wanted wanted, bool follow) {
  Printer printer(std::move(wanted));
  while (true) {
    // First: what the owner's ranks wrote before it ended is there then.
    const bool is_last = !follow || journal::look_at_owner(run_folder, journal::kWatch).life == journal::Life::ended;
    if (const auto done = printer.print(run_folder, is_last); !done || is_last || !std::cout) {
      return done;
    }
    std::this_thread::sleep_for(kBetweenLooksAtLogs);
  }
}

/// An error where the run has no such state, or no item of that number in any of its Maps.
Result<void> check_wanted(const std::string& folder, const Wanted& wanted) {
  if (wanted.state.empty() && !wanted.item) {
    return {};
  }
  const auto files = report::open_run_folder(folder);
  const auto status = files ? report::read_status(*files, "", Timestamp{}, 0) : tl::unexpected<Error>(files.error());
  if (!status) {
    return tl::unexpected<Error>(status.error());
  }
  if (!status->tally.chosen) {
    return {};
  }
  const report::ExecutionTally& execution = *status->tally.chosen;
  std::vector<std::string> tasks;
  std::uint64_t items = 0;
  for (const asl::State& state : execution.started.machine->states) {
    if (state.type == asl::StateType::task) {
      tasks.push_back(state.name);
    }
    items = std::max(items, execution.states[static_cast<std::size_t>(state.id)].items);
  }
  if (!wanted.state.empty() && std::find(tasks.begin(), tasks.end(), wanted.state) == tasks.end()) {
    return fail(ErrorKind::usage, fmt::format("no state with tasks is called '{}'{}; there are: {}", wanted.state,
                                              did_you_mean(wanted.state, tasks), fmt::join(tasks, ", ")));
  }
  if (wanted.item && (*wanted.item < 0 || static_cast<std::uint64_t>(*wanted.item) >= items)) {
    return fail(ErrorKind::usage,
                items == 0 ? fmt::format("there is no item {}: no Map has begun", *wanted.item)
                           : fmt::format("there is no item {}; they go from 0 to {}", *wanted.item, items - 1));
  }
  return {};
}

int logs(const Command& self, const Arguments& arguments) {
  RunChoice run;
  Wanted wanted;
  std::int64_t item = -1;
  bool follow = false;
  po::options_description options("options");
  run.add_to(options);
  options.add_options()                                                                    //
      ("state", po::value(&wanted.state)->value_name("NAME"), "only tasks of this state")  //
      ("item", po::value(&item)->value_name("N"), "only tasks of this item of a Map")      //
      ("failed", po::bool_switch(&wanted.failed), "only tasks that failed or timed out")   //
      ("follow,f", po::bool_switch(&follow), "go on with what is written, until the run is over or stops");
  const auto values = TRY_OR_TELL(read_command_line(self, arguments, options, run.operands()));
  const auto folder = TRY_OR_TELL(run.folder());
  if (values.count("item") != 0) {
    wanted.item = item;
  }
  if (follow && wanted.failed) {
    return report(
        {ErrorKind::usage, "--failed and --follow do not go together: a task that still writes has not failed"});
  }
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return report({ErrorKind::invalid, fmt::format("{} is no run folder", folder)});
  }
  TRY_OR_TELL(check_wanted(folder, wanted));
  TRY_OR_TELL(print_logs(folder, std::move(wanted), follow));
  return end_output();
}

}  // namespace

const Command kLogs{
    "logs",
    "what tasks have written to stderr",
    "[RUN] [OPTION]...",
    "What tasks have written to stderr, and which of them failed: while the run goes on or after.",
    {{{"lockstep logs --failed", "what the tasks that failed have said"},
      {"lockstep logs survey-1.lockstep --follow --state Measure", "what this state's tasks say, as they say it"}}},
    logs};

}  // namespace lockstep::cli
