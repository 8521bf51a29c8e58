#include "service/run_folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "journal/files.hpp"
#include "service/files.hpp"
#include "value/node.hpp"
#include "value/number.hpp"
#include "value/shell.hpp"

namespace lockstep::service {

namespace fs = std::filesystem;

namespace {

/// Of run.json.
constexpr int kFormat = 1;
constexpr std::size_t kLongest = std::size_t{1} << 32;  // of its files

tl::unexpected<Error> occupied(std::string message) {
  return fail(ErrorKind::occupied, std::move(message));
}

nlohmann::ordered_json to_json(const Source& source) {
  return {{"path", source.path}, {"size", source.size}, {"changed_ns", source.changed_ns}};
}

Source to_source(const nlohmann::json& all, const char* key) {
  Source source;
  const auto found = all.find(key);
  if (found == all.end() || !found->is_object()) {
    return source;
  }
  for (const auto& [name, value] : found->items()) {
    if (name == "path" && value.is_string()) {
      source.path = value.get<std::string>();
    } else if (name == "size" && value.is_number_unsigned()) {
      source.size = value.get<std::uint64_t>();
    } else if (name == "changed_ns" && value.is_number_integer()) {
      source.changed_ns = value.get<std::int64_t>();
    }
  }
  return source;
}

}  // namespace

std::string RunFolder::choose(const std::string& definition_path, const std::string& stem, const std::string& name) {
  std::string folder = fs::path(definition_path).parent_path().string();
  if (folder.empty()) {
    folder = ".";
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    folder = ".";
  }
  if (!name.empty()) {
    return fmt::format("{}/{}.lockstep", folder, name);
  }
  if (const char* job = std::getenv("SLURM_JOB_ID")) {
    return fmt::format("{}/{}-{}.lockstep", folder, stem, job);
  }
  // One more than the greatest number there: a folder that was removed does not make an old name new.
  std::uint64_t last = 0;
  std::error_code error;
  const std::string prefix = stem + "-";
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string other = entry->path().filename().string();
    constexpr std::string_view kSuffix = ".lockstep";
    if (!other.starts_with(prefix) || !other.ends_with(kSuffix) || other.size() <= prefix.size() + kSuffix.size()) {
      continue;
    }
    std::uint64_t number = 0;
    const std::size_t digits = other.size() - prefix.size() - kSuffix.size();
    if (parse_whole(std::string_view(other).substr(prefix.size(), digits), number)) {
      last = std::max(last, number);
    }
  }
  return fmt::format("{}/{}-{}.lockstep", folder, stem, last + 1);
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
constexpr std::string_view kParts[] = {"result.json",   "run.json",  "definition.json", "input.json",
                                       "machines.json", "jobs.json", "journal",         "spool",
                                       "mailbox",       "logs",      "tasks",           "state.json"};
constexpr std::string_view kOwnersParts[] = {"LOCK", "lease"};

bool is_ours(std::string_view name) {
  const auto is_it = [name](std::string_view part) {
    // What was not finished has its writer's mark behind the name.
    return name == part || (name.ends_with(".tmp") && name.starts_with(part) && name[part.size()] == '.');
  };
  return std::any_of(std::begin(kParts), std::end(kParts), is_it) ||
         std::any_of(std::begin(kOwnersParts), std::end(kOwnersParts), is_it);
}

/// Whether the folder and all that a run keeps in it is this user's, and nobody else may write there.
Result<void> check_ours(const std::string& folder) {
  auto checked = journal::check_private(folder, true);
  for (const auto& parts :
       {std::span<const std::string_view>(kParts), std::span<const std::string_view>(kOwnersParts)}) {
    for (const std::string_view part : parts) {
      const std::string path = fmt::format("{}/{}", folder, part);
      const auto stands = journal::posix_files().exists(path);
      if (checked && !stands) {
        checked = tl::unexpected<Error>(stands.error());
      } else if (checked && *stands) {
        checked = journal::check_private(path);
      }
    }
  }
  return checked;
}

/// Makes the folder, and those above it that are missing: each is durable in the one above.
Result<void> make_folders(const std::string& path) {
  std::vector<std::string> missing;
  for (std::string at = path;; at = journal::folder_of(at)) {
    const auto stands = TRY(journal::posix_files().exists(at));
    if (stands) {
      break;
    }
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (::mkdir(at->c_str(), *at == path ? 0700 : 0777) != 0 && errno != EEXIST) {
      return fail(ErrorKind::io, std::strerror(errno));
    }
    const std::string above = journal::folder_of(*at);
    if (::access(above.c_str(), R_OK) == 0) {
      if (const auto synced = journal::posix_files().sync_folder(above); !synced) {
        return synced;
      }
    } else {
      ::sync();  // it cannot be opened
    }
  }
  return {};
}

/// A member that must be a text; an empty one where it is missing.
std::string text_of(const nlohmann::json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

namespace {

/// machines.json: {"NAME": {"type", "definition"}}
std::string machines_text(const std::vector<OtherMachine>& machines) {
  nlohmann::ordered_json document = nlohmann::ordered_json::object();
  for (const OtherMachine& machine : machines) {
    document[machine.name] = {{"type", machine.type}, {"definition", machine.definition}};
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<std::vector<OtherMachine>> read_machines(const std::string& path, journal::FileLayer& files) {
  std::vector<OtherMachine> machines;
  if (!TRY(files.exists(path))) {
    return machines;
  }
  const auto text = TRY(read_run_file(path, kLongest, files));
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object()) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: it is not what a run writes", path));
  }
  for (const auto& [name, machine] : document.items()) {
    machines.push_back({name, text_of(machine, "type"), text_of(machine, "definition")});
  }
  return machines;
}

}  // namespace

Result<RunFolder> RunFolder::at(const std::string& path) {
  RunFolder folder(absolute(path));
  const auto refuse = [&](std::string_view what, std::string_view why) {
    return occupied(fmt::format("the run folder {} cannot be {}: {}", path, what, why));
  };
  if (const auto made = make_folders(folder.path_); !made) {
    return refuse("made", made.error().message);
  }
  std::error_code error;
  if (!fs::is_directory(folder.path_, error)) {
    return refuse("made", "a file stands there");
  }
  const auto holds_run = TRY(folder.holds_run());
  if (!holds_run) {
    fs::directory_iterator entries(folder.path_, error);
    for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) {
      if (!is_ours(entries->path().filename().string())) {
        return refuse("made", "the folder is not empty and holds no run");
      }
    }
    if (error) {
      return refuse("read", error.message());
    }
    // One that was made for it, by whatever umask.
    struct stat status {};
    if (::stat(folder.path_.c_str(), &status) == 0 && status.st_uid == ::geteuid() &&
        ::chmod(folder.path_.c_str(), S_IRWXU) != 0) {
      return refuse("closed to others", std::strerror(errno));
    }
  }
  TRY(check_ours(folder.path_));
  return folder;
}

Result<RunFolder> RunFolder::existing(const std::string& path) {
  RunFolder folder(absolute(path));
  const auto holds_run = TRY(folder.holds_run());
  if (!holds_run) {
    std::error_code error;
    return occupied(fs::exists(folder.path_, error) ? fmt::format("{} holds no run", path)
                                                    : fmt::format("there is no run folder {}", path));
  }
  TRY(check_ours(folder.path_));
  return folder;
}

Result<bool> RunFolder::holds_run() const {
  return files_->exists(path_ + "/run.json");
}

Result<std::optional<Finished>> RunFolder::finished() const {
  const auto stands = TRY(files_->exists(path_ + "/result.json"));
  if (!stands) {
    return std::optional<Finished>();
  }
  const auto result = read_run_file(path_ + "/result.json", kLongest, *files_);
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

Result<RunRequest> RunFolder::settings() const {
  const auto text = read_run_file(path_ + "/run.json", kLongest, *files_);
  if (!text) {
    return fail(ErrorKind::io, fmt::format("the run folder {} is damaged: {}", path_, text.error().message));
  }
  const nlohmann::json document = nlohmann::json::parse(*text, nullptr, false);
  if (!document.is_object()) {
    return fail(ErrorKind::io, fmt::format("the run folder {} is damaged: run.json is not what a run writes", path_));
  }
  if (const auto format = document.find("format");
      format == document.end() || !format->is_number_integer() || format->get<int>() > kFormat) {
    return fail(ErrorKind::io, fmt::format("the run folder {} was made by a newer version", path_));
  }
  RunRequest request;
  request.name = text_of(document, "name");
  request.type = text_of(document, "type");
  request.limits = text_of(document, "limits");
  request.machine_name = text_of(document, "machine");
  request.jobs_folder = text_of(document, "jobs_folder");
  if (const auto names = document.find("activities"); names != document.end() && names->is_array()) {
    for (const nlohmann::json& name : *names) {
      if (name.is_string()) {
        request.activities.push_back(name.get<std::string>());
      }
    }
  }
  if (const auto buckets = document.find("buckets"); buckets != document.end() && buckets->is_object()) {
    for (const auto& [bucket, place] : buckets->items()) {
      request.buckets.emplace(bucket, place.is_string() ? place.get<std::string>() : "");
    }
  }
  request.bucket_root = text_of(document, "bucket_root");
  if (const auto sources = document.find("sources"); sources != document.end() && sources->is_object()) {
    request.sources = {to_source(*sources, "definition"), to_source(*sources, "input"), to_source(*sources, "jobs")};
  }
  return request;
}

Result<RunRequest> RunFolder::load() const {
  auto request = settings();
  if (!request) {
    return request;
  }
  for (const auto& [name, text] : {std::pair<const char*, std::string*>{"definition.json", &request->definition},
                                   {"input.json", &request->input},
                                   {"jobs.json", &request->jobs}}) {
    if (request->is_house() && text != &request->jobs) {
      continue;
    }
    auto content = read_run_file(path_ + "/" + name, kLongest, *files_);
    if (!content) {
      return fail(ErrorKind::io, fmt::format("the run folder {} is damaged: {}", path_, content.error().message));
    }
    *text = *std::move(content);
  }
  request->machines = TRY(read_machines(path_ + "/machines.json", *files_));
  return request;
}

Result<void> RunFolder::compare(const std::string& path, const RunRequest& kept, const RunRequest& request) {
  const auto refuse = [&](const std::string& what) {
    return occupied(
        fmt::format("{} holds a run {}; to go on with that one: lockstep resume --dir {}; for yours choose "
                    "another --dir, or --fresh to start anew there",
                    path, what, shell_word(path)));
  };
  if (kept.definition != request.definition) {
    return refuse(fmt::format("of another definition ({})", difference(kept.definition, request.definition)));
  }
  if (kept.input != request.input) {
    return refuse(fmt::format("with another input ({})", difference(kept.input, request.input)));
  }
  if (!request.name.empty() && kept.name != request.name) {
    return refuse(fmt::format("of the name {}, not {}", kept.name, request.name));
  }
  if (kept.type != request.type) {
    return refuse(fmt::format("of type {}, not {}", kept.type, request.type));
  }
  if (kept.machines != request.machines) {
    return refuse(fmt::format("with other state machines ({})",
                              difference(machines_text(kept.machines), machines_text(request.machines))));
  }
  return {};
}

namespace {

/// run.json
std::string settings_text(const RunRequest& request) {
  nlohmann::ordered_json run;
  run["format"] = kFormat;
  run["name"] = request.name;
  run["type"] = request.type;
  run["limits"] = request.limits;
  run["machine"] = request.machine_name;
  run["jobs_folder"] = request.jobs_folder;
  run["activities"] = request.activities;
  run["buckets"] = request.buckets;
  run["bucket_root"] = request.bucket_root;
  run["sources"] = {{"definition", to_json(request.sources.definition)},
                    {"input", to_json(request.sources.input)},
                    {"jobs", to_json(request.sources.jobs)}};
  return run.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<void> RunFolder::keep(const RunRequest& request) const {
  for (const auto& [name, content] : {std::pair<const char*, const std::string&>{"definition.json", request.definition},
                                      {"input.json", request.input}}) {
    if (request.is_house()) {
      break;
    }
    if (const auto written = write_file(path_ + "/" + name, content, *files_); !written) {
      return written;
    }
  }
  if (!request.machines.empty()) {
    TRY(write_file(path_ + "/machines.json", machines_text(request.machines), *files_));
  }
  return keep_jobs(request);
}

Result<void> RunFolder::keep_jobs(const RunRequest& request) const {
  const auto written = write_file(path_ + "/jobs.json", request.jobs, *files_);
  return written ? write_file(path_ + "/run.json", settings_text(request), *files_) : written;
}

Result<void> RunFolder::keep_definition(const std::string& definition, const std::optional<Source>& from) const {
  const std::string path = path_ + "/definition.json";
  if (const auto kept = read_run_file(path, kLongest, *files_); !from && kept && *kept == definition) {
    return {};
  }
  auto request = TRY(settings());
  request.sources.definition = from.value_or(Source());
  const auto written = write_file(path, definition, *files_);
  return written ? write_file(path_ + "/run.json", settings_text(request), *files_) : written;
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
  return write_file(path_ + "/result.json", text + "}\n", *files_);
}

Result<void> RunFolder::reopen() const {
  return remove_file(path_ + "/result.json", *files_);
}

}  // namespace lockstep::service
