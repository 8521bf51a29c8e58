#include <iostream>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/help_format.hpp"
#include "value/nearest.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

int complete_bash() {
  std::cout << "# lockstep's commands and options, for bash; made by `lockstep help --completion bash`.\n"
               "_lockstep() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} words\n"
               "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
               "    words='";
  for (const Command* command : commands()) {
    std::cout << (command == commands().front() ? "" : " ") << command->name;
  }
  std::cout << "'\n"
               "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
               "    return\n"
               "  fi\n"
               "  case ${COMP_WORDS[1]} in\n";
  for (const Command* command : commands()) {
    command->run(*command, {"--help=bash"});
  }
  std::cout << "  esac\n"
               "  if [ \"${word#-}\" != \"$word\" ]; then\n"
               "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
               "  fi\n"
               "}\n"
               "complete -o default -o bashdefault -F _lockstep lockstep\n";
  return kSucceeded;
}

int complete_zsh() {
  std::cout << "#compdef lockstep\n"
               "# lockstep's commands and options, for zsh; made by `lockstep help --completion zsh`.\n"
               "_lockstep() {\n"
               "  if (( CURRENT == 2 )); then\n"
               "    compadd";
  for (const Command* command : commands()) {
    std::cout << ' ' << command->name;
  }
  std::cout << "\n"
               "    return\n"
               "  fi\n"
               "  shift words; (( CURRENT-- ))\n"
               "  case $words[1] in\n";
  for (const Command* command : commands()) {
    command->run(*command, {"--help=zsh"});
  }
  std::cout << "  esac\n"
               "}\n"
               "_lockstep \"$@\"\n";
  return kSucceeded;
}

int help(const Command& self, const Arguments& arguments) {
  bool man = false;
  std::string shell;
  std::vector<std::string> names;
  po::options_description options("options");
  options.add_options()                                       //
      ("man", po::bool_switch(&man), "as a page for man(1)")  //
      ("completion", po::value(&shell)->value_name("SHELL"),
       "print what completes commands and options in a shell, bash or zsh");
  TRY_OR_TELL(read_command_line(self, arguments, options, &names));
  if (!shell.empty()) {
    return shell == "bash"  ? complete_bash()
           : shell == "zsh" ? complete_zsh()
                            : report({ErrorKind::usage, fmt::format("--completion is bash or zsh, not '{}'", shell)});
  }
  if (names.empty()) {
    std::cout << (man ? overview_page() : overview()) << std::flush;
    return kSucceeded;
  }
  for (const std::string& name : names) {
    std::vector<std::string> known;
    const Command* found = nullptr;
    for (const Command* command : commands()) {
      known.emplace_back(command->name);
      found = name == command->name ? command : found;
    }
    if (found == nullptr) {
      return report({ErrorKind::usage, fmt::format("there is no command '{}'{}; `lockstep help` lists them", name,
                                                   did_you_mean(name, known))});
    }
    if (const int status = found->run(*found, {man ? "--help=man" : "--help"}); status != kSucceeded) {
      return status;
    }
  }
  return kSucceeded;
}

}  // namespace

const Command kHelp{"help",
                    "tell what commands there are, or all about one",
                    "[COMMAND]... [--man] [--completion SHELL]",
                    "Lists the commands, or shows a command's help, as its --help does.",
                    {{{"lockstep help run", "what `lockstep run` can do"},
                      {"lockstep help --completion bash > ~/.local/share/bash-completion/completions/lockstep",
                       "complete commands and options in bash"}}},
                    help};

}  // namespace lockstep::cli
