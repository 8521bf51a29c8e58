#include "integrations/jobs_file.hpp"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "value/value.hpp"

namespace lockstep::integrations {
namespace {

using Json = nlohmann::json;

/// A problem within the file, before the file's name is put in front of it.
using Problem = std::string;
template <class T>
using Checked = tl::expected<T, Problem>;

tl::unexpected<Problem> problem(std::string text) {
  return tl::unexpected<Problem>(std::move(text));
}

/// Key of an object that occurs twice, where there is one: the JSON library keeps only the last.
Checked<Json> parse_unique(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  std::optional<std::string> repeated;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key && !keys.empty() && !repeated) {
      auto key = parsed.get<std::string>();
      if (!keys.back().insert(key).second) {
        repeated = std::move(key);
      }
    }
    return true;
  };
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return problem("is not JSON");
  }
  if (repeated) {
    return problem(fmt::format("field '{}' is given twice", *repeated));
  }
  return json;
}

/// Checks the `${field}` references of one argument.
std::optional<Problem> check_argument(std::string_view field, const std::string& argument, std::size_t position) {
  if (argument.find('\0') != std::string::npos) {
    return fmt::format("field '{}': argument {} holds a NUL character", field, position);
  }
  for (std::size_t at = argument.find("${"); at != std::string::npos; at = argument.find("${", at + 2)) {
    const std::size_t end = argument.find('}', at + 2);
    if (field == "stream") {
      return fmt::format(
          "field 'stream': argument {}: '${{' has no meaning for a process that many tasks share in \"{}\"", position,
          argument);
    }
    if (end == std::string::npos) {
      return fmt::format("field '{}': argument {}: '${{' without '}}' in \"{}\"", field, position, argument);
    }
    if (end == at + 2) {
      return fmt::format("field '{}': argument {}: '${{}}' names no field in \"{}\"", field, position, argument);
    }
  }
  return std::nullopt;
}

/// A program and its arguments.
Checked<std::vector<std::string>> read_command(const Json& json, std::string_view field) {
  if (!json.is_array() || json.empty()) {
    return problem(fmt::format("field '{}' must be an array of the program and its arguments", field));
  }
  std::vector<std::string> argv;
  for (const Json& element : json) {
    if (!element.is_string()) {
      return problem(fmt::format("field '{}': argument {} must be a string", field, argv.size()));
    }
    argv.push_back(element.get<std::string>());
    if (std::optional<Problem> wrong = check_argument(field, argv.back(), argv.size() - 1)) {
      return problem(std::move(*wrong));
    }
  }
  if (argv.front().empty()) {
    return problem(fmt::format("field '{}': the program's name is empty", field));
  }
  return argv;
}

/// A field whose value is one of a few words.
template <class T, std::size_t N>
Checked<T> read_word(const Json& json, std::string_view field,
                     const std::array<std::pair<std::string_view, T>, N>& words) {
  std::string known;
  for (const auto& [word, meaning] : words) {
    if (json.is_string() && json.get_ref<const std::string&>() == word) {
      return meaning;
    }
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", word);
  }
  return problem(fmt::format("field '{}' must be one of {}", field, known));
}

constexpr std::array<std::pair<std::string_view, Builtin>, 4> kBuiltins{
    {{"noop", Builtin::noop}, {"echo", Builtin::echo}, {"sleep", Builtin::sleep}, {"fail", Builtin::fail}}};
constexpr std::array<std::pair<std::string_view, StdoutMode>, 3> kStdoutModes{
    {{"json", StdoutMode::json}, {"text", StdoutMode::text}, {"log", StdoutMode::log}}};
constexpr std::array<std::pair<std::string_view, WorkingDirectory>, 2> kDirectories{
    {{"jobs", WorkingDirectory::jobs_folder}, {"task", WorkingDirectory::task_folder}}};
constexpr std::array<std::pair<std::string_view, Interrupted>, 2> kInterrupted{
    {{"rerun", Interrupted::rerun}, {"fail", Interrupted::fail}}};

/// `cores` and `ranks`: one is what every job has.
std::optional<Problem> check_one(const Json& json, std::string_view field) {
  if (!json.is_number_integer() || json.get<std::int64_t>() < 1) {
    return fmt::format("field '{}' must be a whole number from 1", field);
  }
  if (json.get<std::int64_t>() != 1) {
    return fmt::format("field '{}': more than 1 is not supported by this version", field);
  }
  return std::nullopt;
}

std::optional<Problem> read_field(const std::string& field, const Json& json, Job& job) {
  const auto keep = [](auto checked, auto& place) -> std::optional<Problem> {
    if (!checked) {
      return std::move(checked.error());
    }
    place = std::move(*checked);
    return std::nullopt;
  };
  if (field == "resource") {
    if (!json.is_string() || json.get_ref<const std::string&>().empty()) {
      return "field 'resource' must be a string that is not empty";
    }
    job.resource = json.get<std::string>();
    return std::nullopt;
  }
  if (field == "exec") {
    job.kind = JobKind::exec;
    return keep(read_command(json, field), job.argv);
  }
  if (field == "stream") {
    job.kind = JobKind::stream;
    return keep(read_command(json, field), job.argv);
  }
  if (field == "plugin") {
    if (!json.is_string() || json.get_ref<const std::string&>().empty() ||
        json.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return "field 'plugin' must be the path of a shared library";
    }
    job.kind = JobKind::plugin;
    job.argv = {(std::filesystem::path(job.folder) / json.get<std::string>()).lexically_normal().string()};
    return std::nullopt;
  }
  if (field == "builtin") {
    job.kind = JobKind::builtin;
    return keep(read_word(json, field, kBuiltins), job.builtin);
  }
  if (field == "stdout") {
    return keep(read_word(json, field, kStdoutModes), job.stdout_mode);
  }
  if (field == "cwd") {
    return keep(read_word(json, field, kDirectories), job.cwd);
  }
  if (field == "interrupted") {
    return keep(read_word(json, field, kInterrupted), job.interrupted);
  }
  if (field == "priority") {
    constexpr std::int64_t kMost = 1'000'000;
    if (!json.is_number_integer() || json.get<double>() < -kMost || json.get<double>() > kMost) {
      return fmt::format("field 'priority' must be a whole number from {} to {}", -kMost, kMost);
    }
    job.priority = json.get<std::int32_t>();
    return std::nullopt;
  }
  if (field == "cores" || field == "ranks") {
    return check_one(json, field);
  }
  if (field == "memory" || field == "gpus") {
    return fmt::format("field '{}' is not supported by this version", field);
  }
  return fmt::format("unknown field '{}'", field);
}

Checked<Job> read_entry(const Json& json, const std::string& folder) {
  if (!json.is_object()) {
    return problem("must be an object");
  }
  Job job;
  job.folder = folder;
  for (const auto& [field, value] : json.items()) {
    if (std::optional<Problem> wrong = read_field(field, value, job)) {
      return problem(std::move(*wrong));
    }
  }
  if (job.resource.empty()) {
    return problem("field 'resource' is missing");
  }
  constexpr std::array<std::string_view, 4> kKinds{"exec", "stream", "plugin", "builtin"};
  std::vector<std::string_view> given;
  std::copy_if(kKinds.begin(), kKinds.end(), std::back_inserter(given),
               [&](std::string_view kind) { return json.contains(kind); });
  if (given.size() > 1) {
    return problem(fmt::format("fields '{}' and '{}' exclude each other", given[0], given[1]));
  }
  if (given.empty()) {
    return problem("one of the fields 'exec', 'stream', 'plugin' and 'builtin' is needed");
  }
  if (job.kind != JobKind::exec) {
    for (const char* field : {"stdout", "cwd"}) {
      if (json.contains(field)) {
        return problem(fmt::format("field '{}' has no meaning for a {}", field, given[0]));
      }
    }
  }
  return job;
}

Checked<JobsFile> read_file(const Json& json, const std::string& folder) {
  if (!json.is_object()) {
    return problem("must be an object with a field 'jobs'");
  }
  JobsFile file;
  for (const auto& [field, value] : json.items()) {
    if (field == "jobs") {
      if (!value.is_array()) {
        return problem("field 'jobs' must be an array");
      }
      for (std::size_t i = 0; i < value.size(); ++i) {
        Checked<Job> job = read_entry(value[i], folder);
        if (!job) {
          const bool named = value[i].is_object() && value[i].contains("resource") && value[i]["resource"].is_string();
          const std::string resource = named ? fmt::format(" ({})", value[i]["resource"].get<std::string>()) : "";
          return problem(fmt::format("job {}{}: {}", i + 1, resource, job.error()));
        }
        file.jobs.push_back(std::move(*job));
      }
    } else if (field == "buckets") {
      if (!value.is_object()) {
        return problem("field 'buckets' must be an object of bucket names and folders");
      }
      for (const auto& [bucket, place] : value.items()) {
        if (bucket.empty() || !place.is_string() || place.get_ref<const std::string&>().empty()) {
          return problem(fmt::format("bucket '{}': must have a name and a folder, which is a string", bucket));
        }
        file.buckets[bucket] = (std::filesystem::path(folder) / place.get<std::string>()).lexically_normal().string();
      }
    } else {
      return problem(fmt::format("unknown field '{}'", field));
    }
  }
  return file;
}

/// What goes into a message stays on one line, whatever was in the file.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

Result<JobsFile> parse_jobs(std::string_view text, std::string_view name, const std::string& folder) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") {
    text.remove_prefix(3);
  }
  JsonProblem bad;
  if (!check_json(text, bad)) {
    return fail(ErrorKind::invalid,
                one_line(fmt::format("{}: line {}, column {}: {}", name, bad.line, bad.column, bad.message)));
  }
  const Checked<Json> json = parse_unique(text);
  if (!json) {
    return fail(ErrorKind::invalid, one_line(fmt::format("{}: {}", name, json.error())));
  }
  Checked<JobsFile> file = read_file(*json, folder);
  if (!file) {
    return fail(ErrorKind::invalid, one_line(fmt::format("{}: {}", name, file.error())));
  }
  return std::move(*file);
}

}  // namespace lockstep::integrations
