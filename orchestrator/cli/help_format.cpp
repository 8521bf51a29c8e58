#include "cli/help_format.hpp"

#include <fmt/format.h>

#include <sstream>

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t kColumns = 100;

struct ExitStatus {
  int number;
  const char* meaning;
};
constexpr ExitStatus kExitStatuses[] = {
    {0, "the execution succeeded, or the command did"},
    {1, "the execution failed, timed out or was aborted"},
    {2, "usage: the command line is wrong"},
    {65, "bad definition or input, or a resource that nothing maps"},
    {69, "no worker left"},
    {70, "a mistake of Lockstep's own"},
    {73, "the run folder is another run's, or cannot be made"},
    {74, "input or output failed, or a file is damaged"},
    {75, "stopped with work left: run it again"},
};

/// Words of `text`, in lines of at most `columns` characters.
std::string wrapped(std::string_view text, std::size_t columns) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\n') {
      out += '\n';
      column = 0;
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (column > 0 && column + 1 + word.size() > columns) {
      out += '\n';
      column = 0;
    }
    if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    at = end < text.size() && text[end] == ' ' ? end + 1 : end;
  }
  return out;
}

/// What follows an option's name, as "FILE"; empty: nothing does.
std::string argument_of(const po::option_description& option) {
  return option.semantic()->max_tokens() == 0 ? "" : option.semantic()->name();
}

/// For man: a line must not begin with a dot, and a dash that is to be typed is one.
std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\'')) {
      out += "\\&";
    }
    if (text[i] == '\\') {
      out += "\\e";
    } else if (text[i] == '-') {
      out += "\\-";
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string page_head(std::string_view name, std::string_view summary) {
  return fmt::format(".TH {} 1 \"\" \"lockstep {}\" \"Lockstep\"\n.SH NAME\n{} \\- {}\n", roff(name), LOCKSTEP_VERSION,
                     roff(name), roff(summary));
}

std::string page_exit_statuses() {
  std::string page = ".SH EXIT STATUS\n";
  for (const ExitStatus& one : kExitStatuses) {
    page += fmt::format(".TP\n.B {}\n{}\n", one.number, roff(one.meaning));
  }
  return page;
}

/// In single quotes of a shell, and in zsh's specifications a bracket or colon is none.
std::string shell_quoted(std::string_view text, bool zsh) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (zsh && (c == '[' || c == ']' || c == ':')) {
      out += fmt::format("\\{}", c);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string help_text(const Command& command, const po::options_description& options) {
  po::options_description table("options", kColumns, kColumns / 2);
  for (const auto& option : options.options()) {
    table.add(option);
  }
  std::ostringstream shown;
  shown << table;
  std::string text = fmt::format("usage: lockstep {} {}\n{}\n\n{}\nexamples:\n", command.name, command.synopsis,
                                 wrapped(command.description, kColumns), shown.str());
  for (const Command::Example& example : command.examples) {
    text += fmt::format("  {}\n      {}\n", example.line, example.does);
  }
  return text;
}

std::string manual_page(const Command& command, const po::options_description& options) {
  std::string page = page_head(fmt::format("lockstep-{}", command.name), command.summary);
  page +=
      fmt::format(".SH SYNOPSIS\n.B lockstep {}\n{}\n.SH DESCRIPTION\n", roff(command.name), roff(command.synopsis));
  for (const char c : std::string_view(command.description)) {
    page += c == '\n' ? "\n.PP\n" : roff({&c, 1});
  }
  page += "\n.SH OPTIONS\n";
  for (const auto& option : options.options()) {
    const std::string argument = argument_of(*option);
    page +=
        fmt::format(".TP\n.B \\-\\-{}{}\n{}\n", roff(option->long_name()),
                    argument.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(argument)), roff(option->description()));
  }
  page += ".SH EXAMPLES\n";
  for (const Command::Example& example : command.examples) {
    page += fmt::format(".PP\n{}\n.PP\n.RS\n.nf\n{}\n.fi\n.RE\n", roff(example.does), roff(example.line));
  }
  return page + page_exit_statuses() + ".SH SEE ALSO\n.BR lockstep (1)\n";
}

std::string bash_completion(const Command& command, const po::options_description& options) {
  std::string words;
  for (const auto& option : options.options()) {
    words += fmt::format("{}--{}", words.empty() ? "" : " ", option->long_name());
  }
  return fmt::format("    {}) words='{}' ;;\n", command.name, words);
}

std::string zsh_completion(const Command& command, const po::options_description& options) {
  std::string branch = fmt::format("    {})\n      _arguments", command.name);
  for (const auto& option : options.options()) {
    const std::string argument = argument_of(*option);
    branch += fmt::format(" \\\n        '--{}[{}]{}'", option->long_name(), shell_quoted(option->description(), true),
                          argument.empty() ? "" : fmt::format(":{}:_files", shell_quoted(argument, true)));
  }
  return branch + " \\\n        '*:file:_files' ;;\n";
}

std::string overview() {
  std::string text =
      "lockstep runs AWS Step Functions state machines on a cluster.\n\n"
      "usage: lockstep COMMAND [OPTION]...\n\n";
  for (const Command* command : commands()) {
    text += fmt::format("  {:<20} {}\n", command->name, command->summary);
  }
  text +=
      "\nWhere a command is about a run, RUN is its folder; without one it is the last run of the working folder.\n"
      "`lockstep COMMAND --help` tells the options of a command, with examples.\n\nexit status:\n";
  for (const ExitStatus& one : kExitStatuses) {
    text += fmt::format("  {:<3} {}\n", one.number, one.meaning);
  }
  return text;
}

std::string overview_page() {
  std::string page = page_head("lockstep", "runs AWS Step Functions state machines on a cluster");
  page += ".SH SYNOPSIS\n.B lockstep\n.I COMMAND\n[OPTION]...\n.SH COMMANDS\n";
  for (const Command* command : commands()) {
    page += fmt::format(".TP\n.BR lockstep\\-{} (1)\n{}\n", roff(command->name), roff(command->summary));
  }
  return page + page_exit_statuses();
}

}  // namespace lockstep::cli
