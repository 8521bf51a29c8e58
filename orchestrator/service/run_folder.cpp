#include "service/run_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "service/files.hpp"

namespace lockstep::service {

namespace fs = std::filesystem;

namespace {

/// The first place where two texts differ, for a message: line and both lines, cut.
std::string difference(const std::string& kept, const std::string& given) {
  std::size_t line = 1;
  std::size_t start = 0;
  std::size_t i = 0;
  while (i < kept.size() && i < given.size() && kept[i] == given[i]) {
    if (kept[i] == '\n') {
      ++line;
      start = i + 1;
    }
    ++i;
  }
  const auto shown = [&](const std::string& text) {
    constexpr std::size_t kShown = 60;
    const std::size_t from = std::max(start, i > kShown / 2 ? i - kShown / 2 : 0);
    std::string part = from < text.size() ? text.substr(from, text.find('\n', from) - from) : "";
    return part.size() > kShown ? part.substr(0, kShown) + "…" : part;
  };
  return fmt::format("line {}: there `{}`, here `{}`", line, shown(kept), shown(given));
}

tl::unexpected<Error> occupied(std::string message) {
  return fail(ErrorKind::occupied, std::move(message));
}

}  // namespace

std::string RunFolder::choose(const std::string& definition_path, const std::string& stem) {
  std::string folder = fs::path(definition_path).parent_path().string();
  if (folder.empty()) {
    folder = ".";
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    folder = ".";
  }
  if (const char* job = std::getenv("SLURM_JOB_ID")) {
    return fmt::format("{}/{}-{}.lockstep", folder, stem, job);
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return fmt::format("{}/{}-{}-{}.lockstep", folder, stem, now, ::getpid());
}

Result<RunFolder> RunFolder::open(const std::string& path, const RunRequest& request, bool fresh) {
  RunFolder folder;
  std::error_code error;
  folder.path_ = fs::absolute(path, error).lexically_normal().string();
  if (folder.path_.size() > 1 && folder.path_.back() == '/') {
    folder.path_.pop_back();
  }
  const std::string settings = folder.path_ + "/run.json";
  if (fs::exists(settings, error)) {
    if (!fresh) {
      const auto definition = read_file(folder.path_ + "/definition.json");
      const auto input = read_file(folder.path_ + "/input.json");
      if (!definition || !input) {
        return fail(ErrorKind::io, fmt::format("the run folder {} is damaged: {}", path,
                                               definition ? input.error().message : definition.error().message));
      }
      if (*definition != request.definition) {
        return occupied(
            fmt::format("{} holds a run of another definition ({}); choose another --dir, or --fresh to start anew",
                        path, difference(*definition, request.definition)));
      }
      if (*input != request.input) {
        return occupied(
            fmt::format("{} holds a run with another input ({}); choose another --dir, or --fresh to start anew", path,
                        difference(*input, request.input)));
      }
      const auto result = read_file(folder.path_ + "/result.json");
      if (!result) {
        return occupied(fmt::format(
            "{} holds a run that has not ended, and there is no journal to go on from; --fresh starts anew", path));
      }
      const nlohmann::json document = nlohmann::json::parse(*result, nullptr, false);
      if (!document.is_object() || !document.contains("line") || !document["line"].is_string() ||
          !document.contains("exit_status") || !document["exit_status"].is_number_integer()) {
        return fail(ErrorKind::io,
                    fmt::format("the run folder {} is damaged: result.json is not what a run writes", path));
      }
      folder.finished_ = Finished{document["line"].get<std::string>(), document["exit_status"].get<int>()};
      return folder;
    }
    for (const char* part :
         {"definition.json", "input.json", "jobs.json", "run.json", "result.json", "logs", "tasks"}) {
      fs::remove_all(folder.path_ + "/" + part, error);
      if (error) {
        return occupied(fmt::format("cannot remove {}/{}: {}", path, part, error.message()));
      }
    }
  } else if (fs::exists(folder.path_, error) && !fs::is_directory(folder.path_, error)) {
    return occupied(fmt::format("the run folder {} cannot be made: a file stands there", path));
  } else if (fs::is_directory(folder.path_, error) && !fs::is_empty(folder.path_, error)) {
    if (error) {
      return occupied(fmt::format("the run folder {} cannot be read: {}", path, error.message()));
    }
    return occupied(fmt::format("the run folder {} cannot be made: the folder is not empty and holds no run", path));
  }
  fs::create_directories(folder.path_, error);
  if (error) {
    return occupied(fmt::format("the run folder {} cannot be made: {}", path, error.message()));
  }
  fs::permissions(folder.path_, fs::perms::owner_all, error);
  nlohmann::ordered_json run;
  run["format"] = 1;
  run["name"] = request.name;
  run["type"] = request.type;
  for (const auto& [name, content] : {std::pair<const char*, const std::string&>{"definition.json", request.definition},
                                      {"input.json", request.input},
                                      {"jobs.json", request.jobs},
                                      {"run.json", run.dump(2) + "\n"}}) {
    if (const auto written = write_file(folder.path_ + "/" + name, content); !written) {
      return tl::unexpected<Error>(written.error());
    }
  }
  return folder;
}

Result<void> RunFolder::finish(const Finished& finished) const {
  nlohmann::ordered_json document;
  document["exit_status"] = finished.exit_status;
  document["line"] = finished.line;
  return write_file(path_ + "/result.json",
                    document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace lockstep::service
