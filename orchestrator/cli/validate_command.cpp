#include "asl/validate_command.hpp"

#include <iostream>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

int validate_command(const Arguments& arguments) {
  asl::ValidateOptions options;
  std::string type;
  po::options_description shown("options");
  shown.add_options()                                                                                   //
      ("json", po::bool_switch(&options.json), "a JSON line per file, with all its diagnostics")        //
      ("type", po::value(&type)->value_name("TYPE")->default_value("STANDARD"), "STANDARD or EXPRESS")  //
      ("help,h", "show this text");
  po::options_description all;
  all.add(shown).add_options()("file", po::value(&options.files));
  const auto values = parse_arguments("validate", arguments, all, "file");
  if (!values) {
    complain(values.error().message);
    return kUsage;
  }
  if (values->count("help") != 0) {
    std::cout << "usage: lockstep validate FILE... [--json]\n"
              << "Checks definitions (JSON, or YAML by a name that ends in .yaml or .yml) and prints every problem "
                 "with its place.\n"
              << "Exit status 65 if any definition has an error.\n\n"
              << shown;
    return kSucceeded;
  }
  if (options.files.empty()) {
    complain("validate needs a definition; `lockstep validate --help`");
    return kUsage;
  }
  if (type != "STANDARD" && type != "EXPRESS") {
    complain(fmt::format("--type is STANDARD or EXPRESS, not '{}'", type));
    return kUsage;
  }
  options.type = type == "EXPRESS" ? asl::ExecutionType::express : asl::ExecutionType::standard;
  const bool valid = asl::validate(options, std::cin, std::cout);
  std::cout.flush();
  if (!std::cout) {
    complain("cannot write standard output");
    return kIo;
  }
  return valid ? kSucceeded : kInvalid;
}

}  // namespace lockstep::cli
