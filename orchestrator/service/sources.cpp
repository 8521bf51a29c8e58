#include "service/sources.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <optional>

#include "asl/definition_file.hpp"
#include "integrations/jobs_file.hpp"
#include "service/files.hpp"
#include "value/value.hpp"

namespace lockstep::service {

namespace fs = std::filesystem;

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

Source source_of(const std::string& path) {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return {};
  }
  std::error_code error;
  return {fs::absolute(path, error).lexically_normal().string(), static_cast<std::uint64_t>(status.st_size),
          static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Result<std::string> kept_form_of_definition(const std::string& path) {
  auto text = TRY(asl::read_definition(path, std::cin));
  return std::move(text.json);
}

Result<std::string> kept_form_of_input(const std::string& path) {
  auto text = read_file(path);
  if (!text) {
    return text;
  }
  auto value = Value::from_text(*std::move(text));
  return value ? Result<std::string>(value->to_text()) : fail(ErrorKind::invalid, value.error().message);
}

Result<std::string> kept_form_of_jobs(const std::string& path) {
  auto text = read_file(path, integrations::kMaxJobsFileBytes);
  if (text && asl::is_yaml(path)) {
    text = asl::yaml_to_json(*text);
    return text ? text : fail(text.error().kind, fmt::format("{}: {}", path, text.error().message));
  }
  // A run keeps nothing where there is no file; an empty one is one all the same.
  return text && text->empty() ? "\n" : text;
}

std::vector<Change> changes_since(const Sources& sources, const std::string& run_folder) {
  std::vector<Change> changes;
  const auto compare = [&](const Source& then, Change::Of of, const char* kept_name,
                           Result<std::string> (*read)(const std::string&)) {
    const Source now = source_of(then.path);
    if (then.path.empty() || now.path.empty() || (now.size == then.size && now.changed_ns == then.changed_ns)) {
      return;
    }
    const auto kept = read_run_file(fmt::format("{}/{}", run_folder, kept_name));
    const auto given = read(then.path);
    if (kept && given && *kept != *given) {
      changes.push_back({of, then.path, difference(*kept, *given)});
    } else if (kept && !given && given.error().kind == ErrorKind::invalid) {
      changes.push_back({of, then.path, given.error().message});
    }
  };
  compare(sources.definition, Change::Of::definition, "definition.json", kept_form_of_definition);
  compare(sources.input, Change::Of::input, "input.json", kept_form_of_input);
  compare(sources.jobs, Change::Of::jobs, "jobs.json", kept_form_of_jobs);
  return changes;
}

}  // namespace lockstep::service
