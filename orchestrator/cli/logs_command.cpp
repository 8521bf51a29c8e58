// `lockstep logs`: what tasks have written to stderr, from the packed logs of the ranks.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <set>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"
#include "mpi_worker/task_log.hpp"

namespace lockstep::cli {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

struct Wanted {
  std::string state;  ///< empty: any
  std::optional<std::int64_t> item;
  bool failed = false;
  std::set<std::string> failures;  ///< dispatches, where only those are wanted

  bool matches(const worker::LogHeader& header) const {
    return (state.empty() || header.state == state) && (!item || header.item == item) &&
           (!failed || failures.contains(header.dispatch));
  }
};

/// The logs of a run, by rank; an error where they cannot be listed.
Result<std::vector<fs::path>> list_logs(const std::string& run_folder) {
  std::vector<std::pair<std::size_t, fs::path>> found;
  std::error_code error;
  const fs::path folder = fs::path(run_folder) / "logs";
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("rank-") && name.ends_with(".log")) {
      found.emplace_back(name.size(), entry->path());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(ErrorKind::io, fmt::format("cannot read {}: {}", folder.string(), error.message()));
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> paths;
  for (auto& [length, path] : found) {
    paths.push_back(std::move(path));
  }
  return paths;
}

/// Gives a file's lines, long ones in parts; a part that does not begin a line is never a header.
Result<void> read_lines(const fs::path& path,
                        const std::function<void(std::string_view line, bool is_start)>& callback) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) {
    return fail(ErrorKind::io, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  }
  constexpr std::size_t kPart = std::size_t{64} << 10;
  std::string line(kPart, '\0');
  bool is_start = true;
  while (true) {
    // As fgets(), but for bytes of any value.
    std::size_t size = 0;
    int byte = 0;
    while (size < kPart && (byte = getc_unlocked(file.get())) != EOF) {
      line[size++] = static_cast<char>(byte);
      if (byte == '\n') {
        break;
      }
    }
    if (size == 0) {
      break;
    }
    const std::string_view text(line.data(), size);
    callback(text, is_start);
    is_start = text.back() == '\n';
  }
  if (std::ferror(file.get()) != 0) {
    return fail(ErrorKind::io, fmt::format("cannot read {}", path.string()));
  }
  return {};
}

std::optional<worker::LogHeader> header_in(std::string_view line, bool is_start) {
  if (!is_start || line.back() != '\n') {
    return std::nullopt;
  }
  return worker::parse_log_header(line.substr(0, line.size() - 1));
}

Result<void> print_logs(const std::string& run_folder, Wanted wanted) {
  const auto paths = list_logs(run_folder);
  if (!paths) {
    return tl::unexpected<Error>(paths.error());
  }
  if (wanted.failed) {
    for (const fs::path& path : *paths) {
      const auto done = read_lines(path, [&](std::string_view line, bool is_start) {
        if (auto header = header_in(line, is_start); header && header->is_failure) {
          wanted.failures.insert(std::move(header->dispatch));
        }
      });
      if (!done) {
        return done;
      }
    }
  }
  for (const fs::path& path : *paths) {
    bool printing = false;
    const auto done = read_lines(path, [&](std::string_view line, bool is_start) {
      if (const auto header = header_in(line, is_start)) {
        printing = wanted.matches(*header);
      }
      if (printing) {
        std::cout << line;
      }
    });
    if (!done) {
      return done;
    }
  }
  return {};
}

}  // namespace

int logs_command(const Arguments& arguments) {
  std::string folder;
  Wanted wanted;
  std::int64_t item = -1;
  po::options_description options("options");
  options.add_options()                                                                    //
      ("dir", po::value(&folder)->value_name("RUN"), "the run folder")                     //
      ("state", po::value(&wanted.state)->value_name("NAME"), "only tasks of this state")  //
      ("item", po::value(&item)->value_name("N"), "only tasks of this item of a Map")      //
      ("failed", po::bool_switch(&wanted.failed), "only tasks that failed or timed out")   //
      ("help,h", "show this text");
  const auto values = parse_arguments("logs", arguments, options, "");
  if (!values) {
    complain(values.error().message);
    return kUsage;
  }
  if (values->count("help") != 0) {
    std::cout << "usage: lockstep logs --dir RUN [--state NAME] [--item N] [--failed]\n"
              << "What tasks have written to stderr, and which of them failed: while the run goes on or after.\n\n"
              << options;
    return kSucceeded;
  }
  if (folder.empty()) {
    complain("logs needs --dir RUN; `lockstep logs --help`");
    return kUsage;
  }
  if (values->count("item") != 0) {
    wanted.item = item;
  }
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    complain(fmt::format("{} is no run folder", folder));
    return exit_status(ErrorKind::invalid);
  }
  if (const auto done = print_logs(folder, std::move(wanted)); !done) {
    complain(done.error().message);
    return exit_status(done.error().kind);
  }
  std::cout << std::flush;
  if (!std::cout) {
    complain("cannot write standard output");
    return kIo;
  }
  return kSucceeded;
}

}  // namespace lockstep::cli
