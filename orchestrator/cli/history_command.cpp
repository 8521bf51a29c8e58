#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"
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

}  // namespace

int history_command(const Arguments& arguments) {
  std::string folder;
  report::HistoryOptions history;
  po::options_description options("options");
  options.add_options()                                                 //
      ("dir", po::value(&folder)->value_name("RUN"), "the run folder")  //
      ("execution", po::value(&history.execution)->value_name("N"),
       "name, ARN or number; the run's own unless given")  //
      ("state", po::value(&history.state)->value_name("S"),
       "only the events of this state and of what is inside it")                                 //
      ("json", po::bool_switch(&history.json), "the document that GetExecutionHistory answers")  //
      ("reverse", po::bool_switch(&history.reverse), "newest first")                             //
      ("help,h", "show this text");
  const auto values = parse_arguments("history", arguments, options, "");
  if (!values) {
    complain(values.error().message);
    return kUsage;
  }
  if (values->count("help") != 0) {
    std::cout << "usage: lockstep history --dir RUN [--execution N] [--state S] [--json] [--reverse]\n"
              << "An execution's history as AWS numbers it, a line for each event: while it goes on or after, from any "
                 "node.\nMemory does not grow with the history, in either direction.\n\n"
              << options;
    return kSucceeded;
  }
  if (folder.empty()) {
    complain("history needs --dir RUN; `lockstep history --help`");
    return kUsage;
  }
  suit_terminal(history);
  std::ios::sync_with_stdio(false);
  const auto run = report::open_run_folder(folder);
  const auto done =
      run ? report::write_history(*run, history, std::cout) : Result<void>(tl::unexpected<Error>(run.error()));
  std::cout.flush();
  if (!done) {
    complain(done.error().message);
    return exit_status(done.error().kind);
  }
  if (!std::cout) {
    complain("cannot write standard output");
    return kIo;
  }
  return kSucceeded;
}

}  // namespace lockstep::cli
