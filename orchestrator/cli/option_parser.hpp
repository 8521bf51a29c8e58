// What the subcommands' command lines have in common.
#pragma once

#include <boost/program_options.hpp>
#include <string>

#include "cli/commands.hpp"
#include "value/error.hpp"

namespace lockstep::cli {

/// Reads `arguments` by the options `known`; what is no option goes to the option named `positional` (empty: there may
/// be nothing else). An error (usage) is boost's, with where help is to be had.
Result<boost::program_options::variables_map> parse_arguments(const std::string& command, const Arguments& arguments,
                                                              const boost::program_options::options_description& known,
                                                              const std::string& positional);

}  // namespace lockstep::cli
