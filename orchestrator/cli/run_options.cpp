#include "cli/run_options.hpp"

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
       "what resources mean; jobs.json beside DEF unless given")  //
      ("dir", po::value(&options.owner.folder)->value_name("RUN"),
       "the run folder, with which an unfinished run goes on; made beside DEF unless given")  //
      ("fresh", po::bool_switch(&options.fresh), "start anew in a folder that holds a run")   //
      ("dry-run", po::bool_switch(&options.dry_run),
       "check everything and say what would run first, without running or writing anything")   //
      ("name", po::value(&options.name)->value_name("N"), "the execution's name")              //
      ("type", po::value(&options.type)->value_name("TYPE"), "STANDARD (default) or EXPRESS")  //
      ("limits", po::value(&options.limits)->value_name("PROFILE"), "hpc (default), or aws for AWS's quotas");
  options.owner.add_to(shown);
  shown.add_options()("help,h", "show this text");
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
  for (const char* option : {"input", "jobs", "name"}) {
    if (values.count(option) != 0 && values[option].as<std::string>().empty()) {
      return fail(ErrorKind::usage, fmt::format("--{} is given, but empty", option));
    }
  }
  if (const auto good = options.owner.check(values); !good) {
    return tl::unexpected<Error>(good.error());
  }
  if (options.type != "STANDARD" && options.type != "EXPRESS") {
    return fail(ErrorKind::usage, fmt::format("--type is STANDARD or EXPRESS, not '{}'", options.type));
  }
  if (options.limits != "hpc" && options.limits != "aws") {
    return fail(ErrorKind::usage, fmt::format("--limits is hpc or aws, not '{}'", options.limits));
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
