#include "cli/run_options.hpp"

#include <charconv>
#include <sstream>

#include "cli/option_parser.hpp"
#include "mpi_worker/printable.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

Result<RunOptions> parse_run_options(const Arguments& arguments) {
  RunOptions options;
  po::options_description shown("options");
  shown.add_options()                                                                                            //
      ("input", po::value(&options.input)->value_name("FILE|JSON|-"), "the execution's input; {} unless given")  //
      ("jobs", po::value(&options.jobs)->value_name("FILE"),
       "what resources mean; jobs.json beside DEF unless given")                                               //
      ("dir", po::value(&options.folder)->value_name("RUN"), "the run folder; made beside DEF unless given")   //
      ("fresh", po::bool_switch(&options.fresh), "start anew in a folder that holds a run")                    //
      ("name", po::value(&options.name)->value_name("N"), "the execution's name")                              //
      ("type", po::value(&options.type)->value_name("TYPE"), "STANDARD (default) or EXPRESS")                  //
      ("limits", po::value(&options.limits)->value_name("PROFILE"), "hpc (default), or aws for AWS's quotas")  //
      ("ranks", po::value(&options.ranks)->value_name("N|all"),
       "start mpirun with so many ranks; rank 0 coordinates")                                                        //
      ("slots", po::value(&options.slots)->value_name("N"), "tasks at a time on each rank; its cores unless given")  //
      ("grace", po::value(&options.grace)->value_name("SECONDS"),
       "from TERM to KILL for a job that must stop; 5 unless given")                             //
      ("history", po::value(&options.history)->value_name("FILE"), "write AWS's history there")  //
      ("quiet", po::bool_switch(&options.quiet), "say nothing on stderr but errors")             //
      ("help,h", "show this text");
  po::options_description all;
  all.add(shown).add_options()("definition", po::value<std::vector<std::string>>());
  const auto parsed = parse_arguments("run", arguments, all, "definition");
  if (!parsed) {
    return tl::unexpected<Error>(parsed.error());
  }
  const po::variables_map& values = *parsed;
  if (values.count("help") != 0) {
    std::ostringstream text;
    text << "usage: lockstep run DEF [OPTION]...\n"
         << "Runs the state machine that the file DEF defines (Amazon States Language, JSON or YAML) and prints its "
            "output.\n\n"
         << shown;
    options.help = true;
    options.help_text = text.str();
    return options;
  }
  const auto definitions = values.count("definition") != 0 ? values["definition"].as<std::vector<std::string>>()
                                                           : std::vector<std::string>{};
  if (definitions.size() != 1) {
    return fail(ErrorKind::usage, definitions.empty()
                                      ? "run needs a definition; `lockstep run --help`"
                                      : fmt::format("run takes one definition, but here are '{}' and '{}'",
                                                    definitions[0], definitions[1]));
  }
  options.definition = definitions.front();
  // "$UNSET" on a command line is a mistake, and no wish for the default.
  for (const char* option : {"input", "jobs", "dir", "name", "ranks", "history"}) {
    if (values.count(option) != 0 && values[option].as<std::string>().empty()) {
      return fail(ErrorKind::usage, fmt::format("--{} is given, but empty", option));
    }
  }
  if (options.type != "STANDARD" && options.type != "EXPRESS") {
    return fail(ErrorKind::usage, fmt::format("--type is STANDARD or EXPRESS, not '{}'", options.type));
  }
  if (options.limits != "hpc" && options.limits != "aws") {
    return fail(ErrorKind::usage, fmt::format("--limits is hpc or aws, not '{}'", options.limits));
  }
  if (!options.ranks.empty() && options.ranks != "all") {
    unsigned count = 0;
    const auto [end, problem] =
        std::from_chars(options.ranks.data(), options.ranks.data() + options.ranks.size(), count);
    if (problem != std::errc() || end != options.ranks.data() + options.ranks.size() || count < 1 ||
        count > 1'000'000) {
      return fail(ErrorKind::usage, fmt::format("--ranks is a number from 1 or all, not '{}'", options.ranks));
    }
  }
  constexpr unsigned kMostSlots = 100'000;
  if (options.slots > kMostSlots) {
    return fail(ErrorKind::usage, fmt::format("--slots is at most {}", kMostSlots));
  }
  if (!(options.grace >= 0 && options.grace <= 1e6)) {
    return fail(ErrorKind::usage, "--grace is a number of seconds from 0");
  }
  // The name rules of StartExecution (aws-behaviour.md 31).
  if (options.name.size() > 80) {
    return fail(ErrorKind::usage, "--name has at most 80 characters");
  }
  if (worker::to_utf8(options.name) != options.name) {
    return fail(ErrorKind::usage, "--name is not UTF-8");
  }
  for (const char c : options.name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F ||
        std::string_view("\"#$%&*,/:;<>?[\\]^`{|}~").find(c) != std::string_view::npos) {
      return fail(ErrorKind::usage, fmt::format("--name must not hold blanks, control characters or any of \" # $ % & "
                                                "* , / : ; < > ? [ \\ ] ^ ` {{ | }} ~: '{}'",
                                                options.name));
    }
  }
  return options;
}

}  // namespace lockstep::cli
