#include "cli/option_parser.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

Result<po::variables_map> parse_arguments(const std::string& command, const Arguments& arguments,
                                          const po::options_description& known, const std::string& positional) {
  po::positional_options_description rest;
  if (!positional.empty()) {
    rest.add(positional.c_str(), -1);
  }
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments)
                  .options(known)
                  .positional(rest)
                  .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
                  .run(),
              values);
    po::notify(values);
  } catch (const po::error& problem) {
    return fail(ErrorKind::usage, fmt::format("{}; `lockstep {} --help` lists the options", problem.what(), command));
  }
  return values;
}

}  // namespace lockstep::cli
