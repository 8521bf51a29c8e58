#include "cli/run_options.hpp"

#include <algorithm>
#include <filesystem>

#include "catalogue/names.hpp"
#include "cli/command_line.hpp"
#include "value/utf8.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t kLongestName = 80;

bool is_allowed_in_name(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != 0x7F &&
         std::string_view("\"#$%&*,/:;<>?[\\]^`{|}~").find(c) == std::string_view::npos;
}

}  // namespace

void RunOptions::add_to(po::options_description& shown) {
  shown.add_options()                                                                                    //
      ("input", po::value(&input)->value_name("FILE|JSON|-"), "the execution's input; {} unless given")  //
      ("jobs", po::value(&jobs)->value_name("FILE"),
       "what resources mean; jobs.json (or jobs.yaml) beside DEF unless given")  //
      ("dir", po::value(&owner.folder)->value_name("RUN"),
       "the run folder, with which an unfinished run goes on; made beside DEF unless given")  //
      ("fresh", po::bool_switch(&fresh), "start anew in a folder that holds a run")           //
      ("dry-run", po::bool_switch(&dry_run),
       "check everything and say what would run first, without running or writing anything")                          //
      ("name", po::value(&name)->value_name("N"), "the execution's name, and the run folder's unless that is given")  //
      ("activity", po::value(&activities)->value_name("NAME"),
       "an activity whose workers (lockstep activity-worker) take its tasks; may be repeated")  //
      ("machine", po::value(&machines)->value_name("NAME=DEF|FOLDER"),
       "a state machine that tasks may start executions of, or a folder of such, by their files' names; may be "
       "repeated")                                                                                          //
      ("express", po::value(&express)->value_name("NAME"), "that one of them is EXPRESS; may be repeated")  //
      ("type", po::value(&type)->value_name("TYPE"), "STANDARD (default) or EXPRESS")                       //
      ("limits", po::value(&limits)->value_name("PROFILE"), "hpc (default), or aws for AWS's quotas");
  buckets.add_to(shown);
  owner.add_to(shown);
}

Result<void> RunOptions::read(const Command& command, const Arguments& arguments,
                              const po::options_description& shown) {
  std::vector<std::string> definitions;
  const auto parsed = TRY(parse_arguments(command, arguments, shown, &definitions));
  const po::variables_map& values = parsed;
  if (definitions.size() != 1) {
    return fail(ErrorKind::usage, definitions.empty()
                                      ? "run needs a definition; `lockstep run --help`"
                                      : fmt::format("run takes one definition, but here are '{}' and '{}'",
                                                    definitions[0], definitions[1]));
  }
  definition = definitions.front();
  for (const char* option : {"input", "jobs", "name"}) {
    if (values.count(option) != 0 && values[option].as<std::string>().empty()) {
      return fail(ErrorKind::usage, fmt::format("--{} is given, but empty", option));
    }
  }
  if (const auto good = owner.check(values); !good) {
    return good;
  }
  if (type != "STANDARD" && type != "EXPRESS") {
    return fail(ErrorKind::usage, fmt::format("--type is STANDARD or EXPRESS, not '{}'", type));
  }
  if (limits != "hpc" && limits != "aws") {
    return fail(ErrorKind::usage, fmt::format("--limits is hpc or aws, not '{}'", limits));
  }
  for (const std::string& activity : activities) {
    if (!catalogue::is_valid_name(activity)) {
      return fail(ErrorKind::usage, fmt::format("--activity: an activity cannot be called '{}'", activity));
    }
  }
  // The name rules of StartExecution (aws-behaviour.md 31).
  if (name.size() > kLongestName) {
    return fail(ErrorKind::usage, "--name has at most 80 characters");
  }
  if (!is_utf8(name)) {
    return fail(ErrorKind::usage, "--name is not UTF-8");
  }
  if (!std::all_of(name.begin(), name.end(), is_allowed_in_name)) {
    return fail(ErrorKind::usage, fmt::format("--name must not hold blanks, control characters or any of \" # $ % & "
                                              "* , / : ; < > ? [ \\ ] ^ ` {{ | }} ~: '{}'",
                                              name));
  }
  return {};
}

std::string execution_name(const std::string& text) {
  std::string made;
  for (const char c : as_utf8(text)) {
    if (made.size() < kLongestName) {
      made += is_allowed_in_name(c) ? c : '-';
    }
  }
  while (!made.empty() && !is_utf8(made)) {
    made.pop_back();  // half a character
  }
  return made.empty() ? "run" : made;
}

std::string stem_of(const std::string& path) {
  std::filesystem::path name = std::filesystem::path(path).filename();
  for (const char* extension : {".json", ".yaml", ".yml", ".asl"}) {
    if (name.extension() == extension) {
      name = name.stem();
    }
  }
  return name.empty() ? "machine" : as_utf8(name.string());
}

}  // namespace lockstep::cli
