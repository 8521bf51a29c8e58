// What the subcommands' command lines have in common: options, operands, help in all its forms.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "value/error.hpp"

namespace lockstep::cli {

/// Reads `arguments` by the table `options`; what is no option goes to `operands` (null: there may be none). An error
/// (usage) names what is wrong, what was probably meant, and where help is to be had.
Result<boost::program_options::variables_map> parse_arguments(
    const Command& command, const Arguments& arguments, const boost::program_options::options_description& options,
    std::vector<std::string>* operands = nullptr);

/// The command's help where `arguments` ask for it: --help (text), --help=man (a page for man), --help=bash and
/// --help=zsh (what a completion needs of it). Adds --help itself to `options`, as the last, so that it comes ahead of
/// parse_arguments().
std::optional<std::string> help_wanted(const Command& command, const Arguments& arguments,
                                       boost::program_options::options_description& options);

/// Both, for commands that need no ranks. The error is the exit status: help was printed, or the mistake was told.
tl::expected<boost::program_options::variables_map, int> read_command_line(
    const Command& command, const Arguments& arguments, boost::program_options::options_description& options,
    std::vector<std::string>* operands = nullptr);

/// The run that a command is about: `--dir RUN`, or RUN alone; where none is named the last one here.
class RunChoice {
 public:
  void add_to(boost::program_options::options_description& options);
  /// For parse_arguments().
  std::vector<std::string>* operands() { return &operands_; }
  /// Takes out, where one more thing may be named than a run: the last operand if there are two, or if it is no folder.
  std::optional<std::string> take_other();
  /// Whether a run was named, and once. An error (usage) where several were.
  Result<bool> is_named() const;
  /// The folder; says which it is where none was named. Errors: several were named, or none and there is none here.
  Result<std::string> folder() const;

 private:
  std::string option_;
  std::vector<std::string> operands_;
};

/// read_command_line() for a command about one run that takes nothing else: the run's folder, or the exit status.
tl::expected<std::string, int> read_run_line(const Command& command, const Arguments& arguments,
                                             boost::program_options::options_description& options, RunChoice& choice);

}  // namespace lockstep::cli
