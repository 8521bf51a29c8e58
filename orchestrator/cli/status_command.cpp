#include <unistd.h>

#include <chrono>
#include <iostream>
#include <thread>

#include "cli/changes.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "report/format.hpp"
#include "report/status.hpp"
#include "service/clock.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t kMostInText = 10;
constexpr std::size_t kMostInJson = 1'000;
constexpr std::chrono::seconds kWatchTime{2};

std::vector<std::string> changes_of(const std::string& path, journal::Life life) {
  const auto folder = service::RunFolder::existing(path);
  return folder ? changes_on_disk(*folder, life == journal::Life::running) : std::vector<std::string>();
}

int status(const Command& self, const Arguments& arguments) {
  RunChoice run;
  std::string execution;
  bool json = false;
  bool watch = false;
  po::options_description options("options");
  run.add_to(options);
  options.add_options()                                                                                         //
      ("execution", po::value(&execution)->value_name("N"), "name, ARN or number; the run's own unless given")  //
      ("json", po::bool_switch(&json), "one line of JSON")                                                      //
      ("watch", po::bool_switch(&watch), "again every two seconds, until the run is over or stops");
  const auto folder = TRY_OR_TELL(read_run_line(self, arguments, options, run));
  const bool clear = watch && !json && ::isatty(STDOUT_FILENO) != 0;
  while (true) {
    const auto files = TRY_OR_TELL(report::open_run_folder(folder));
    const auto status = TRY_OR_TELL(
        report::read_status(files, execution, service::SystemClock().now(), json ? kMostInJson : kMostInText));
    const std::vector<std::string> changes = changes_of(folder, status.owner.life);
    std::cout << (clear ? "\x1b[H\x1b[2J" : "")
              << (json ? report::status_json(status) + "\n" : report::status_text(status));
    if (json) {
      complain_each(changes);
    } else {
      for (const std::string& change : changes) {
        std::cout << '\n' << report::one_line(change, SIZE_MAX) << '\n';
      }
    }
    const int written = end_output();
    if (written != kSucceeded || !watch || status.owner.life == journal::Life::ended) {
      return written;
    }
    std::this_thread::sleep_for(kWatchTime);
  }
}

}  // namespace

const Command kStatus{"status",
                      "how a run stands: states, tasks, failures",
                      "[RUN] [OPTION]...",
                      "How a run stands: while it goes on or after, from any node, without a lock.",
                      {{{"lockstep status", "how the last run of this folder stands"},
                        {"lockstep status survey-1.lockstep --json | jq .status", "one field of all that is known"}}},
                      status};

}  // namespace lockstep::cli
