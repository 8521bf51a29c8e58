#include <chrono>
#include <iostream>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"
#include "report/status.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t kMostInText = 10;
constexpr std::size_t kMostInJson = 1'000;

Timestamp now() {
  return Timestamp{
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count()};
}

}  // namespace

int status_command(const Arguments& arguments) {
  std::string folder;
  std::string execution;
  bool json = false;
  po::options_description options("options");
  options.add_options()                                                                                         //
      ("dir", po::value(&folder)->value_name("RUN"), "the run folder")                                          //
      ("execution", po::value(&execution)->value_name("N"), "name, ARN or number; the run's own unless given")  //
      ("json", po::bool_switch(&json), "one line of JSON")                                                      //
      ("help,h", "show this text");
  const auto values = parse_arguments("status", arguments, options, "");
  if (!values) {
    complain(values.error().message);
    return kUsage;
  }
  if (values->count("help") != 0) {
    std::cout << "usage: lockstep status --dir RUN [--execution N] [--json]\n"
              << "How a run stands: while it goes on or after, from any node.\n\n"
              << options;
    return kSucceeded;
  }
  if (folder.empty()) {
    complain("status needs --dir RUN; `lockstep status --help`");
    return kUsage;
  }
  const auto run = report::open_run_folder(folder);
  const auto status = run ? report::read_status(*run, execution, now(), json ? kMostInJson : kMostInText)
                          : tl::unexpected<Error>(run.error());
  if (!status) {
    complain(status.error().message);
    return exit_status(status.error().kind);
  }
  std::cout << (json ? report::status_json(*status) + "\n" : report::status_text(*status)) << std::flush;
  if (!std::cout) {
    complain("cannot write standard output");
    return kIo;
  }
  return kSucceeded;
}

}  // namespace lockstep::cli
