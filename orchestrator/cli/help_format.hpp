// A command's help in its forms, made of the command's own words and its table of options.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <string>

#include "cli/commands.hpp"

namespace lockstep::cli {

std::string help_text(const Command& command, const boost::program_options::options_description& options);
/// lockstep-COMMAND(1), in man's macros.
std::string manual_page(const Command& command, const boost::program_options::options_description& options);
/// The command's branch of a case, for the completion of bash.
std::string bash_completion(const Command& command, const boost::program_options::options_description& options);
/// The same for zsh: a call of _arguments.
std::string zsh_completion(const Command& command, const boost::program_options::options_description& options);

/// The list of all commands, with the exit statuses.
std::string overview();
/// lockstep(1).
std::string overview_page();

}  // namespace lockstep::cli
