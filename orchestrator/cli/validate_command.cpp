#include <iostream>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/validation.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

int validate(const Command& self, const Arguments& arguments) {
  ValidateOptions options;
  std::string type;
  po::options_description shown("options");
  shown.add_options()                                                                             //
      ("json", po::bool_switch(&options.json), "a JSON line per file, with all its diagnostics")  //
      ("type", po::value(&type)->value_name("TYPE")->default_value("STANDARD"), "STANDARD or EXPRESS");
  TRY_OR_TELL(read_command_line(self, arguments, shown, &options.files));
  if (options.files.empty()) {
    return report({ErrorKind::usage, "validate needs a definition; `lockstep validate --help`"});
  }
  if (type != "STANDARD" && type != "EXPRESS") {
    return report({ErrorKind::usage, fmt::format("--type is STANDARD or EXPRESS, not '{}'", type)});
  }
  options.type = type == "EXPRESS" ? asl::ExecutionType::express : asl::ExecutionType::standard;
  const bool valid = validate(options, std::cin, std::cout);
  const int written = end_output();
  return valid || written != kSucceeded ? written : kInvalid;
}

}  // namespace

const Command kValidate{
    "validate",
    "check definitions: every problem at once, with its place",
    "FILE... [OPTION]...",
    "Checks definitions (JSON, or YAML by a name that ends in .yaml or .yml) and prints every problem with its place. "
    "Exit status 65 if any definition has an error.",
    {{{"lockstep validate survey.asl.json", "a line for each problem, like a compiler's"},
      {"lockstep validate --json pipelines/*.asl.yaml", "a line of JSON for each file"}}},
    validate};

}  // namespace lockstep::cli
