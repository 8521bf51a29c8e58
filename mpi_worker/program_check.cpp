#include "mpi_worker/program_check.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "mpi_worker/command.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/spawn.hpp"

namespace lockstep::worker {

namespace {

namespace fs = std::filesystem;
using work::Job;
using work::WorkingDirectory;
using Problem = std::optional<std::string>;

bool is_computed(std::string_view text) {
  return text.find("${") != std::string_view::npos;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
      return words;
    }
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

/// Of a script: whether there is what its first line names.
Problem check_first_line(const std::string& file, std::string_view line, std::string_view path) {
  if (line.ends_with('\r')) {
    return fmt::format("{}: its first line ends with a carriage return, which becomes a part of the interpreter's name",
                       file);
  }
  const std::vector<std::string> words = words_of(line);
  if (words.empty()) {
    return fmt::format("{}: its first line names no interpreter", file);
  }
  if (access(words.front().c_str(), X_OK) != 0) {
    return fmt::format("{}: the interpreter that its first line names, {}, is not found", file, words.front());
  }
  if (fs::path(words.front()).filename() != "env") {
    return std::nullopt;
  }
  const auto program = std::find_if(words.begin() + 1, words.end(), [](const std::string& word) {
    return !word.starts_with('-') && word.find('=') == std::string::npos;
  });
  if (program != words.end() && program->find('/') == std::string::npos && find_in_path(*program, path).empty()) {
    return fmt::format("{}: the interpreter that its first line names, {}, is not found in PATH", file, *program);
  }
  return std::nullopt;
}

Problem check_file(const std::string& file, std::string_view path) {
  struct stat status = {};
  if (stat(file.c_str(), &status) != 0) {
    return fmt::format("{}: not found", file);
  }
  if (!S_ISREG(status.st_mode)) {
    return fmt::format("{}: {}", file, S_ISDIR(status.st_mode) ? "a folder, and no program" : "no program");
  }
  if (access(file.c_str(), X_OK) != 0) {
    return fmt::format("{}: not executable; mend it with: chmod +x {}", file, file);
  }
  std::ifstream in(file, std::ios::binary);
  std::array<char, 256> begin{};
  in.read(begin.data(), begin.size());
  const std::string_view text(begin.data(), static_cast<std::size_t>(in.gcount()));
  if (text.starts_with("#!")) {
    return check_first_line(file, text.substr(2, text.find('\n') - 2), path);
  }
  // What is no text may be a program of a kind that this machine has learned to run.
  if (in.good() || in.eof()) {
    const bool is_text =
        std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= ' ' || c == '\n' || c == '\t'; });
    if (is_text) {
      return fmt::format("{}: neither a program nor a script with a first line #!…", file);
    }
  }
  return std::nullopt;
}

Problem check_program(const Job& job, const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos) {
    return check_file((fs::path(job.folder) / name).lexically_normal().string(), path);
  }
  if (const std::string found = find_in_path(name, path); !found.empty()) {
    return check_file(found, path);
  }
  std::error_code error;
  const bool is_beside = fs::is_regular_file(fs::path(job.folder) / name, error);
  return fmt::format("{}: not found in PATH{}", name,
                     is_beside ? fmt::format("; the one beside jobs.json is called ./{}", name) : "");
}

bool is_shell(std::string_view name) {
  constexpr std::string_view kShells[] = {"sh", "bash", "dash", "ksh", "zsh"};
  return std::find(std::begin(kShells), std::end(kShells), name) != std::end(kShells);
}

/// What a shell runs without a file of that name; bash's, too: another shell's fewer words cost a warning only.
bool is_shells_own(std::string_view word) {
  constexpr std::string_view kWords[] = {
      ".",       ":",       "[",      "alias",   "bg",    "break",    "case",    "cd",       "command", "continue",
      "coproc",  "declare", "do",     "done",    "echo",  "elif",     "else",    "enable",   "esac",    "eval",
      "exec",    "exit",    "export", "false",   "fg",    "fi",       "for",     "function", "getopts", "hash",
      "if",      "in",      "jobs",   "kill",    "let",   "local",    "mapfile", "module",   "ml",      "popd",
      "printf",  "print",   "pushd",  "pwd",     "read",  "readonly", "return",  "select",   "set",     "setopt",
      "shift",   "shopt",   "source", "test",    "then",  "time",     "times",   "trap",     "true",    "type",
      "typeset", "ulimit",  "umask",  "unalias", "unset", "until",    "wait",    "while"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

/// The first word of a shell's command, where it can only be the name of a program.
Problem check_shell_command(const Job& job, const std::string& command, std::string_view path) {
  const std::size_t begin = std::min(command.find_first_not_of(" \t\n"), command.size());
  std::size_t end = begin;
  while (end < command.size() && (std::isalnum(static_cast<unsigned char>(command[end])) != 0 ||
                                  std::string_view("_-+./").find(command[end]) != std::string_view::npos)) {
    ++end;
  }
  const std::string word = command.substr(begin, end - begin);
  const char next = end < command.size() ? command[end] : ' ';
  const bool is_name = !word.empty() && std::string_view(" \t\n;&|<>").find(next) != std::string_view::npos;
  const bool is_path = word.find('/') != std::string::npos;
  if (!is_name || is_shells_own(word) || std::getenv(fmt::format("BASH_FUNC_{}%%", word).c_str()) != nullptr ||
      std::getenv("BASH_ENV") != nullptr ||
      (is_path && word.front() != '/' && job.cwd != WorkingDirectory::jobs_folder)) {
    return std::nullopt;
  }
  return check_program(job, word, path);
}

/// What an interpreter is given to run.
Problem check_script(const Job& job, const std::vector<std::string>& argv, std::string_view path) {
  const std::string name = fs::path(argv.front()).filename().string();
  constexpr std::string_view kInterpreters[] = {"python", "perl", "ruby", "Rscript", "julia", "node"};
  const bool is_interpreter = std::any_of(std::begin(kInterpreters), std::end(kInterpreters),
                                          [&](std::string_view one) { return name.starts_with(one); });
  if (argv.size() < 2 || (!is_shell(name) && !is_interpreter)) {
    return std::nullopt;
  }
  const std::string& first = argv[1];
  if (is_shell(name) && argv.size() > 2 && first.size() < 6 && first.starts_with('-') && first.ends_with('c') &&
      first.find_first_not_of("-euxc") == std::string::npos) {
    return check_shell_command(job, argv[2], path);
  }
  if (first.empty() || first.front() == '-' || is_computed(first) ||
      (first.front() != '/' && job.cwd != WorkingDirectory::jobs_folder)) {
    return std::nullopt;
  }
  const fs::path script = (fs::path(job.folder) / first).lexically_normal();
  std::error_code error;
  return fs::exists(script, error) ? std::nullopt
                                   : Problem(fmt::format("{}: its script {} is not found", name, script.string()));
}

}  // namespace

Problem why_not_runnable(const Job& job, const std::vector<std::string>& argv, std::string_view path) {
  Problem problem;
  std::error_code error;
  const auto check = [&](auto&& next) { problem = problem ? problem : next(); };
  if (job.cwd == WorkingDirectory::named && !is_computed(job.directory) && !fs::is_directory(job.directory, error)) {
    problem = fmt::format("its folder {} is not found", job.directory);
  }
  if (!job.modules.empty()) {
    check([&] { return check_program(job, "bash", path); });  // what the modules bring is known to them alone
  } else if (job.container != work::Runtime::none) {
    check([&] { return check_program(job, std::string(runtime_name(job.container)), path); });
    if (job.image.front() == '/' && !fs::exists(job.image, error)) {
      check([&] { return Problem(fmt::format("its image {} is not found", job.image)); });
    }
  } else if (!is_computed(argv.front())) {
    check([&] { return check_program(job, argv.front(), path); });
    check([&] { return check_script(job, argv, path); });
  }
  if (problem) {
    *problem = excerpt(*problem, 500);
  }
  return problem;
}

}  // namespace lockstep::worker
