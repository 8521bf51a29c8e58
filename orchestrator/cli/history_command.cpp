#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "report/history.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

/// A terminal is given lines of its width, and colours unless NO_COLOR says otherwise.
void suit_terminal(report::HistoryOptions& options) {
  if (::isatty(STDOUT_FILENO) == 0) {
    return;
  }
  struct winsize size {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    options.columns = size.ws_col;
  }
  const char* no_color = std::getenv("NO_COLOR");
  options.color = no_color == nullptr || *no_color == '\0';
}

int history(const Command& self, const Arguments& arguments) {
  RunChoice choice;
  report::HistoryOptions history;
  po::options_description options("options");
  choice.add_to(options);
  options.add_options()  //
      ("execution", po::value(&history.execution)->value_name("N"),
       "name, ARN or number; the run's own unless given")  //
      ("state", po::value(&history.state)->value_name("S"),
       "only the events of this state and of what is inside it")                                 //
      ("json", po::bool_switch(&history.json), "the document that GetExecutionHistory answers")  //
      ("reverse", po::bool_switch(&history.reverse), "newest first");
  const auto folder = TRY_OR_TELL(read_run_line(self, arguments, options, choice));
  suit_terminal(history);
  std::ios::sync_with_stdio(false);
  const auto run = report::open_run_folder(folder);
  const auto done =
      run ? report::write_history(*run, history, std::cout) : Result<void>(tl::unexpected<Error>(run.error()));
  std::cout.flush();
  return done ? end_output() : report(done.error());
}

}  // namespace

const Command kHistory{
    "history",
    "an execution's history, as AWS numbers it",
    "[RUN] [OPTION]...",
    "An execution's history as AWS numbers it, a line for each event: while it goes on or after, from any node. Memory "
    "does not grow with the history, in either direction.",
    {{{"lockstep history --reverse | head", "what happened last"},
      {"lockstep history survey-1.lockstep --json > history.json", "the document that GetExecutionHistory answers"}}},
    history};

}  // namespace lockstep::cli
