#include "service/run_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "service/files.hpp"
#include "value/node.hpp"

namespace lockstep::service {

namespace fs = std::filesystem;

namespace {

/// Of run.json.
constexpr int kFormat = 1;

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

namespace {

std::string absolute(const std::string& path) {
  std::error_code error;
  std::string whole = fs::absolute(path, error).lexically_normal().string();
  if (whole.size() > 1 && whole.back() == '/') {
    whole.pop_back();
  }
  return whole;
}

/// All that a run writes there. A folder that holds nothing else is a run's, also where its making was cut off.
constexpr std::string_view kParts[] = {"result.json", "run.json", "definition.json", "input.json", "jobs.json",
                                       "journal",     "spool",    "mailbox",         "logs",       "tasks"};
constexpr std::string_view kOwnersParts[] = {"LOCK", "lease"};

bool is_ours(std::string_view name) {
  constexpr std::string_view kTemporary = ".tmp";
  if (name.ends_with(kTemporary)) {
    name.remove_suffix(kTemporary.size());
    if (name.starts_with("lease.")) {
      return true;  // and who was writing it
    }
  }
  return std::find(std::begin(kParts), std::end(kParts), name) != std::end(kParts) ||
         std::find(std::begin(kOwnersParts), std::end(kOwnersParts), name) != std::end(kOwnersParts);
}

/// A member that must be a text; an empty one where it is missing.
std::string text_of(const nlohmann::json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<RunFolder> RunFolder::at(const std::string& path) {
  RunFolder folder(absolute(path));
  std::error_code error;
  if (folder.holds_run()) {
    return folder;
  }
  if (fs::exists(folder.path_, error) && !fs::is_directory(folder.path_, error)) {
    return occupied(fmt::format("the run folder {} cannot be made: a file stands there", path));
  }
  fs::create_directories(folder.path_, error);
  if (error) {
    return occupied(fmt::format("the run folder {} cannot be made: {}", path, error.message()));
  }
  fs::directory_iterator entries(folder.path_, error);
  if (error) {
    return occupied(fmt::format("the run folder {} cannot be read: {}", path, error.message()));
  }
  for (const fs::directory_entry& entry : entries) {
    if (!is_ours(entry.path().filename().string())) {
      return occupied(fmt::format("the run folder {} cannot be made: the folder is not empty and holds no run", path));
    }
  }
  fs::permissions(folder.path_, fs::perms::owner_all, error);
  return folder;
}

Result<RunFolder> RunFolder::existing(const std::string& path) {
  RunFolder folder(absolute(path));
  if (!folder.holds_run()) {
    std::error_code error;
    return occupied(fs::exists(folder.path_, error) ? fmt::format("{} holds no run", path)
                                                    : fmt::format("there is no run folder {}", path));
  }
  return folder;
}

bool RunFolder::holds_run() const {
  std::error_code error;
  return fs::exists(path_ + "/run.json", error);
}

Result<std::optional<Finished>> RunFolder::finished() const {
  std::error_code error;
  if (!fs::exists(path_ + "/result.json", error)) {
    return std::optional<Finished>();
  }
  const auto result = read_file(path_ + "/result.json");
  if (!result) {
    return tl::unexpected<Error>(result.error());
  }
  const nlohmann::json document = nlohmann::json::parse(*result, nullptr, false);
  if (!document.is_object() || !document.contains("line") || !document["line"].is_string() ||
      !document.contains("exit_status") || !document["exit_status"].is_number_integer()) {
    return fail(ErrorKind::io,
                fmt::format("the run folder {} is damaged: result.json is not what a run writes", path_));
  }
  return std::optional(Finished{document["line"].get<std::string>(), document["exit_status"].get<int>()});
}

Result<RunRequest> RunFolder::load() const {
  RunRequest request;
  std::string settings;
  for (const auto& [name, text] : {std::pair<const char*, std::string*>{"definition.json", &request.definition},
                                   {"input.json", &request.input},
                                   {"jobs.json", &request.jobs},
                                   {"run.json", &settings}}) {
    auto content = read_file(path_ + "/" + name);
    if (!content) {
      return fail(ErrorKind::io, fmt::format("the run folder {} is damaged: {}", path_, content.error().message));
    }
    *text = *std::move(content);
  }
  const nlohmann::json document = nlohmann::json::parse(settings, nullptr, false);
  if (!document.is_object()) {
    return fail(ErrorKind::io, fmt::format("the run folder {} is damaged: run.json is not what a run writes", path_));
  }
  if (const auto format = document.find("format");
      format == document.end() || !format->is_number_integer() || format->get<int>() > kFormat) {
    return fail(ErrorKind::io, fmt::format("the run folder {} was made by a newer version", path_));
  }
  request.name = text_of(document, "name");
  request.type = text_of(document, "type");
  request.limits = text_of(document, "limits");
  request.machine_name = text_of(document, "machine");
  request.jobs_folder = text_of(document, "jobs_folder");
  return request;
}

Result<void> RunFolder::compare(const std::string& path, const RunRequest& kept, const RunRequest& request) {
  if (kept.definition != request.definition) {
    return occupied(
        fmt::format("{} holds a run of another definition ({}); choose another --dir, or --fresh to start anew", path,
                    difference(kept.definition, request.definition)));
  }
  if (kept.input != request.input) {
    return occupied(
        fmt::format("{} holds a run with another input ({}); choose another --dir, or --fresh to start anew", path,
                    difference(kept.input, request.input)));
  }
  if (!request.name.empty() && kept.name != request.name) {
    return occupied(fmt::format("{} holds a run of the name {}, not {}; choose another --dir, or --fresh to start anew",
                                path, kept.name, request.name));
  }
  if (kept.type != request.type) {
    return occupied(fmt::format("{} holds a run of type {}, not {}; choose another --dir, or --fresh to start anew",
                                path, kept.type, request.type));
  }
  return {};
}

Result<void> RunFolder::keep(const RunRequest& request) const {
  nlohmann::ordered_json run;
  run["format"] = kFormat;
  run["name"] = request.name;
  run["type"] = request.type;
  run["limits"] = request.limits;
  run["machine"] = request.machine_name;
  run["jobs_folder"] = request.jobs_folder;
  const std::string settings = run.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  for (const auto& [name, content] : {std::pair<const char*, const std::string&>{"definition.json", request.definition},
                                      {"input.json", request.input},
                                      {"jobs.json", request.jobs},
                                      {"run.json", settings}}) {
    if (const auto written = write_file(path_ + "/" + name, content); !written) {
      return written;
    }
  }
  return {};
}

Result<void> RunFolder::clear() const {
  std::error_code error;
  // run.json goes first but for the result: what is left without it is no run any more, and can be cleared again.
  for (const std::string_view part : kParts) {
    fs::remove_all(fmt::format("{}/{}", path_, part), error);
    if (error) {
      return occupied(fmt::format("cannot remove {}/{}: {}", path_, part, error.message()));
    }
  }
  return {};
}

Result<void> RunFolder::finish(const Finished& finished) const {
  std::string text = fmt::format("{{\"exit_status\":{},\"line\":", finished.exit_status);
  append_json_string(text, finished.line);  // which may have megabytes
  return write_file(path_ + "/result.json", text + "}\n");
}

Result<void> RunFolder::reopen() const {
  return remove_file(path_ + "/result.json");
}

}  // namespace lockstep::service
