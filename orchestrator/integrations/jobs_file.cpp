#include "integrations/jobs_file.hpp"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "value/nearest.hpp"
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

/// Checks the `${field}` references of a text. `is_shared`: by many tasks, so that there may be none.
std::optional<Problem> check_text(const std::string& what, const std::string& text, bool is_shared) {
  if (text.find('\0') != std::string::npos) {
    return fmt::format("{} holds a NUL character", what);
  }
  for (std::size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at + 2)) {
    const std::size_t end = text.find('}', at + 2);
    if (is_shared) {
      return fmt::format("{}: '${{' has no meaning for a process that many tasks share in \"{}\"", what, text);
    }
    if (end == std::string::npos) {
      return fmt::format("{}: '${{' without '}}' in \"{}\"", what, text);
    }
    if (end == at + 2) {
      return fmt::format("{}: '${{}}' names no field in \"{}\"", what, text);
    }
  }
  return std::nullopt;
}

/// A list of texts; `one`: what each is.
Checked<std::vector<std::string>> read_texts(const Json& json, std::string_view field, std::string_view one) {
  std::vector<std::string> texts;
  for (const Json& element : json) {
    if (!element.is_string()) {
      return problem(fmt::format("field '{}': {} {} must be a string", field, one, texts.size()));
    }
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

/// A program and its arguments; with "shell" a text for it.
Checked<std::vector<std::string>> read_command(const Json& json, std::string_view field, bool shell) {
  if (shell) {
    if (!json.is_string() || json.get_ref<const std::string&>().empty() ||
        json.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return problem(fmt::format("field '{}' must be the text of a shell's command, as \"shell\" is true", field));
    }
    return std::vector<std::string>{"/bin/sh", "-c", json.get<std::string>()};
  }
  if (!json.is_array() || json.empty()) {
    return problem(fmt::format("field '{}' must be an array of the program and its arguments{}", field,
                               json.is_string() ? "; a text is for a shell, with \"shell\": true" : ""));
  }
  auto argv = read_texts(json, field, "argument");
  for (std::size_t i = 0; argv && i < argv->size(); ++i) {
    if (auto wrong = check_text(fmt::format("field '{}': argument {}", field, i), (*argv)[i], field == "stream")) {
      return problem(std::move(*wrong));
    }
  }
  if (argv && argv->front().empty()) {
    return problem(fmt::format("field '{}': the program's name is empty", field));
  }
  return argv;
}

/// Names and values.
Checked<std::vector<std::string>> read_environment(const Json& json, bool is_shared) {
  if (!json.is_object()) {
    return problem("field 'env' must be an object of names and values");
  }
  std::vector<std::string> variables;
  for (const auto& [name, value] : json.items()) {
    if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos) {
      return problem(fmt::format("field 'env': '{}' is no name of a variable", name));
    }
    if (name.starts_with("LOCKSTEP_")) {
      return problem(fmt::format("field 'env': {} is ours to set", name));
    }
    if (!value.is_string() && !value.is_number() && !value.is_boolean()) {
      return problem(fmt::format("field 'env': {} must be a string, a number or a boolean", name));
    }
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (auto wrong = check_text(fmt::format("field 'env': {}", name), text, is_shared)) {
      return problem(std::move(*wrong));
    }
    variables.push_back(fmt::format("{}={}", name, text));
  }
  return variables;
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
constexpr std::array<std::pair<std::string_view, Runtime>, 4> kRuntimes{{{"apptainer", Runtime::apptainer},
                                                                         {"singularity", Runtime::singularity},
                                                                         {"docker", Runtime::docker},
                                                                         {"podman", Runtime::podman}}};
constexpr std::array<std::pair<std::string_view, Interrupted>, 2> kInterrupted{
    {{"rerun", Interrupted::rerun}, {"fail", Interrupted::fail}}};

const std::vector<std::string> kFields{"resource", "exec",        "stream",   "plugin", "builtin", "stdout",
                                       "cwd",      "interrupted", "priority", "cores",  "ranks"};

std::string under(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::optional<Problem> read_directory(const Json& json, bool is_shared, Job& job) {
  if (!json.is_string() || json.get_ref<const std::string&>().empty()) {
    return R"(field 'cwd' must be "jobs", "task" or the path of a folder)";
  }
  const auto& path = json.get_ref<const std::string&>();
  if (path == "task" && is_shared) {
    return "field 'cwd': a stream's process has no task folder of its own";
  }
  if (path == "jobs" || path == "task") {
    job.cwd = path == "jobs" ? WorkingDirectory::jobs_folder : WorkingDirectory::task_folder;
    return std::nullopt;
  }
  job.cwd = WorkingDirectory::named;
  // What is filled in may be a path from the root.
  job.directory = path.starts_with("${") ? path : under(job.folder, path);
  return check_text("field 'cwd'", path, is_shared);
}

std::optional<Problem> read_modules(const Json& json, Job& job) {
  if (json.is_string()) {
    job.modules = {json.get<std::string>()};
  } else if (auto names = json.is_array() ? read_texts(json, "module", "name") : problem(""); names) {
    job.modules = std::move(*names);
  } else {
    return names.error().empty() ? "field 'module' must be a module's name or an array of them" : names.error();
  }
  const bool is_bad = std::any_of(job.modules.begin(), job.modules.end(), [](const std::string& name) {
    return name.empty() || name.front() == '-' || name.find('\0') != std::string::npos;
  });
  return is_bad || job.modules.empty() ? std::optional<Problem>("field 'module' must name modules") : std::nullopt;
}

std::optional<Problem> read_container(const Json& json, Job& job) {
  constexpr const char* kForm = "field 'container' must be an image, or an object of 'image', 'runtime' and 'options'";
  job.container = Runtime::apptainer;
  const Json whole = json.is_string() ? Json{{"image", json}} : json;
  if (!whole.is_object()) {
    return kForm;
  }
  for (const auto& [field, value] : whole.items()) {
    if (field == "image" && value.is_string()) {
      job.image = value.get<std::string>();
    } else if (field == "runtime") {
      auto runtime = read_word(value, "runtime", kRuntimes);
      if (!runtime) {
        return "field 'container': " + runtime.error();
      }
      job.container = *runtime;
    } else if (field == "options" && value.is_array()) {
      auto options = read_texts(value, "container", "option");
      if (!options) {
        return options.error();
      }
      job.options = std::move(*options);
    } else {
      return kForm;
    }
  }
  if (job.image.empty() || job.image.front() == '-' || job.image.find('\0') != std::string::npos) {
    return kForm;
  }
  const bool is_file = (job.container == Runtime::apptainer || job.container == Runtime::singularity) &&
                       job.image.find("://") == std::string::npos;
  job.image = is_file ? under(job.folder, job.image) : job.image;
  return std::nullopt;
}

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

/// `shell` is known already.
std::optional<Problem> read_field(const std::string& field, const Json& json, bool is_shared, Job& job) {
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
    return keep(read_command(json, field, job.shell), job.argv);
  }
  if (field == "stream") {
    job.kind = JobKind::stream;
    return keep(read_command(json, field, job.shell), job.argv);
  }
  if (field == "plugin") {
    if (!json.is_string() || json.get_ref<const std::string&>().empty() ||
        json.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return "field 'plugin' must be the path of a shared library";
    }
    job.kind = JobKind::plugin;
    job.argv = {under(job.folder, json.get<std::string>())};
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
    return read_directory(json, is_shared, job);
  }
  if (field == "env") {
    return keep(read_environment(json, is_shared), job.environment);
  }
  if (field == "module") {
    return read_modules(json, job);
  }
  if (field == "container") {
    return read_container(json, job);
  }
  if (field == "shell") {
    return json.is_boolean() ? std::nullopt : std::optional<Problem>("field 'shell' must be true or false");
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
  return fmt::format("unknown field '{}'{}", field, did_you_mean(field, kFields));
}

Checked<Job> read_entry(const Json& json, const std::string& folder) {
  if (!json.is_object()) {
    return problem("must be an object");
  }
  Job job;
  job.folder = folder;
  job.shell = json.value("shell", Json()) == true;
  for (const auto& [field, value] : json.items()) {
    if (std::optional<Problem> wrong = read_field(field, value, json.contains("stream"), job)) {
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
  for (const char* field : {"stdout", "cwd", "env", "module", "container", "shell"}) {
    const bool has_meaning =
        job.kind == JobKind::exec || (job.kind == JobKind::stream && field != std::string_view("stdout"));
    if (json.contains(field) && !has_meaning) {
      return problem(fmt::format("field '{}' has no meaning for a {}", field, given[0]));
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
        file.buckets[bucket] = under(folder, place.get<std::string>());
      }
    } else {
      return problem(fmt::format("unknown field '{}'{}", field, did_you_mean(field, {"jobs", "buckets"})));
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
