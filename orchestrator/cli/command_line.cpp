#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <filesystem>

#include <iostream>

#include "cli/exit_status.hpp"
#include "cli/help_format.hpp"
#include "report/run_list.hpp"
#include "value/nearest.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

Result<po::variables_map> parse_arguments(const Command& command, const Arguments& arguments,
                                          const po::options_description& options, std::vector<std::string>* operands) {
  constexpr const char* kOperands = "operands";
  po::options_description all;
  all.add(options);
  po::positional_options_description rest;
  std::vector<std::string> none;
  if (operands != nullptr) {
    all.add_options()(kOperands, po::value(operands));
    rest.add(kOperands, -1);
  }
  po::variables_map values;
  std::string problem;
  try {
    po::store(po::command_line_parser(arguments)
                  .options(all)
                  .positional(rest)
                  .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
                  .run(),
              values);
    po::notify(values);
    return values;
  } catch (const po::unknown_option& unknown) {
    std::vector<std::string> known;
    for (const auto& option : options.options()) {
      known.push_back("--" + option->long_name());
    }
    const std::string name = unknown.get_option_name();
    problem = fmt::format("there is no option '{}'{}", name, did_you_mean(name, known));
  } catch (const po::too_many_positional_options_error&) {
    problem = "it takes options only";
  } catch (const po::error& other) {
    problem = other.what();
  }
  return fail(ErrorKind::usage,
              fmt::format("{}: {}; `lockstep {} --help` lists the options", command.name, problem, command.name));
}

std::optional<std::string> help_wanted(const Command& command, const Arguments& arguments,
                                       po::options_description& options) {
  options.add_options()("help,h", "show this text");
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      return help_text(command, options);
    }
    if (argument == "--help=man") {
      return manual_page(command, options);
    }
    if (argument == "--help=bash") {
      return bash_completion(command, options);
    }
    if (argument == "--help=zsh") {
      return zsh_completion(command, options);
    }
    if (argument == "--") {
      break;
    }
  }
  return std::nullopt;
}

tl::expected<po::variables_map, int> read_command_line(const Command& command, const Arguments& arguments,
                                                       po::options_description& options,
                                                       std::vector<std::string>* operands) {
  if (const auto help = help_wanted(command, arguments, options)) {
    std::cout << *help << std::flush;
    return tl::unexpected(kSucceeded);
  }
  auto values = parse_arguments(command, arguments, options, operands);
  if (!values) {
    return tl::unexpected(report(values.error()));
  }
  return *std::move(values);
}

void RunChoice::add_to(po::options_description& options) {
  options.add_options()("dir", po::value(&option_)->value_name("RUN"),
                        "the run folder; the last one here unless given, with --dir or without");
}

std::optional<std::string> RunChoice::take_other() {
  std::error_code error;
  const bool is_other = !operands_.empty() && (operands_.size() > 1 || !option_.empty() ||
                                               !std::filesystem::is_directory(operands_.back(), error));
  if (!is_other) {
    return std::nullopt;
  }
  std::string other = std::move(operands_.back());
  operands_.pop_back();
  return other;
}

Result<bool> RunChoice::is_named() const {
  if (operands_.size() + (option_.empty() ? 0 : 1) > 1) {
    return fail(ErrorKind::usage, fmt::format("one run folder, please: here are '{}' and '{}'", operands_[0],
                                              option_.empty() ? operands_[1] : option_));
  }
  if (!operands_.empty() && operands_[0].empty()) {
    return fail(ErrorKind::usage, "a run folder is given, but empty");
  }
  return !operands_.empty() || !option_.empty();
}

Result<std::string> RunChoice::folder() const {
  const auto named = TRY(is_named());
  if (named) {
    return option_.empty() ? operands_[0] : option_;
  }
  auto last = report::last_run(".");
  if (last) {
    complain(fmt::format("the run is {}, the last one here", *last));
  }
  return last;
}

tl::expected<std::string, int> read_run_line(const Command& command, const Arguments& arguments,
                                             po::options_description& options, RunChoice& choice) {
  if (const auto line = read_command_line(command, arguments, options, choice.operands()); !line) {
    return tl::unexpected(line.error());
  }
  return choice.folder().map_error([](const Error& error) { return report(error); });
}

}  // namespace lockstep::cli
