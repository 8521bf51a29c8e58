#include "report/run_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "journal/recovery.hpp"
#include "report/house_view.hpp"
#include "report/kinds.hpp"

namespace lockstep::report {

namespace {

constexpr std::uint64_t kMostSettings = 16U << 20;

enum class Kind { missing, file, folder };

Result<Kind> look(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    return S_ISDIR(status.st_mode) ? Kind::folder : Kind::file;
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    return Kind::missing;
  }
  return fail(ErrorKind::occupied, fmt::format("the run folder {} cannot be read: {}", path, std::strerror(errno)));
}

/// A string member, or empty.
std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<RunFiles> open_run_folder(const std::string& folder) {
  const auto stands = TRY(look(folder));
  if (stands != Kind::folder) {
    return fail(ErrorKind::occupied, fmt::format("{} {}", folder,
                                                 stands == Kind::missing ? "does not exist: no such run folder"
                                                                         : "is not a run folder: it is a file"));
  }
  RunFiles run;
  run.folder = folder;
  run.journal = journal::journal_folder(folder);
  const std::string settings = folder + "/run.json";
  const auto has_settings = look(settings);
  const auto has_journal = look(run.journal);
  if (!has_settings || !has_journal) {
    return tl::unexpected<Error>(has_settings ? has_journal.error() : has_settings.error());
  }
  if (*has_settings != Kind::file) {
    if (*has_journal != Kind::folder) {
      return fail(ErrorKind::occupied,
                  fmt::format("{} is not a run folder: it holds neither run.json nor a journal", folder));
    }
    return run;
  }
  const auto bytes = TRY(journal::read_whole(journal::posix_files(), settings, kMostSettings));
  const auto* const text = reinterpret_cast<const char*>(bytes.data());
  const nlohmann::json document = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
  if (!document.is_object()) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: it is not what a run writes", settings));
  }
  run.name = text_of(document, "name");
  run.type = text_of(document, "type");
  return run;
}

std::unordered_map<std::string, std::string> list_task_folders(const RunFiles& run) {
  std::unordered_map<std::string, std::string> folders;
  std::error_code error;
  std::filesystem::directory_iterator entry(std::filesystem::path(run.folder) / "tasks", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    // "STATE-ITEM.EXECUTION-VISIT", or of old only the numbers.
    const std::string name = entry->path().filename().string();
    folders[name.substr(name.rfind('.') + 1)] = entry->path().string();
  }
  return folders;
}

bool Choice::takes(engine::ExecutionId id, const engine::ExecutionStarted& started) {
  const bool known = started.identity != nullptr;
  if (wanted_.empty()) {
    const bool own = known && !own_name_.empty() && started.identity->name() == own_name_;
    const bool taken = own || !surely_;
    surely_ = surely_ || own;
    return taken;
  }
  if (known && (started.identity->name() == wanted_ || started.identity->arn() == wanted_)) {
    surely_ = true;
    return true;
  }
  // A name may consist of digits, too, and goes first.
  return !surely_ && wanted_ == std::to_string(static_cast<std::uint64_t>(id));
}

Error Choice::nothing_found(const std::string& folder) const {
  return {ErrorKind::usage, fmt::format("{} holds no execution '{}'", folder, wanted_)};
}

Result<std::optional<FoundExecution>> find_execution(const RunFiles& run, Choice choice) {
  if (choice.is_explicit()) {
    // What keeps the index from being read is told below, with what can be told in spite of it.
    const auto catalogue = read_catalogue(run);
    const auto entry = catalogue ? find_entry(**catalogue, choice.wanted()) : std::nullopt;
    if (auto known = entry ? read_start(run, *entry) : std::nullopt) {
      return known;
    }
  }
  journal::ReadOptions options;
  options.from = 0;
  auto reader = TRY(journal::EventReader::open(run.journal, options));
  std::optional<FoundExecution> found;
  while (true) {
    const auto row = TRY(reader.next_row());
    if (!row) {
      break;
    }
    if (kind_of(*row) == EventKind::execution_started) {
      auto event = TRY(reader.decode());
      if (choice.takes(event.execution, std::get<engine::ExecutionStarted>(event.body))) {
        found = FoundExecution{std::move(event), 0, row->seq};
      }
    }
    if (found && static_cast<std::uint64_t>(found->started.execution) == row->execution) {
      found->last_event_id = std::max(found->last_event_id, row->id);
    }
  }
  if (!found && choice.is_explicit()) {
    return tl::unexpected<Error>(choice.nothing_found(run.folder));
  }
  return found;
}

}  // namespace lockstep::report
