#include "cli/validation.hpp"

#include <algorithm>
#include <istream>
#include <ostream>

#include "asl/definition_file.hpp"
#include "asl/syntax.hpp"

namespace lockstep::cli {

using asl::Diagnostic;
using asl::Severity;

namespace {

std::string_view name_of(Severity severity) {
  return severity == Severity::error ? "ERROR" : "WARNING";
}

void append_member(std::string& line, std::string_view key, std::string_view text) {
  append_json_string(line, key);
  line += ':';
  append_json_string(line, as_utf8(text));
}

std::string json_line(const std::string& file, bool valid, const std::vector<Diagnostic>& diagnostics) {
  std::string line = "{";
  append_member(line, "file", file);
  line += fmt::format(",\"valid\":{},\"diagnostics\":[", valid);
  for (const Diagnostic& diagnostic : diagnostics) {
    line += line.back() == '[' ? "{" : ",{";
    append_member(line, "severity", name_of(diagnostic.severity));
    line += ',';
    append_member(line, "code", diagnostic.code);
    line += ',';
    append_member(line, "message", diagnostic.message);
    if (!diagnostic.location.empty()) {
      line += ',';
      append_member(line, "location", diagnostic.location);
    }
    if (!diagnostic.hint.empty()) {
      line += ',';
      append_member(line, "hint", diagnostic.hint);
    }
    if (diagnostic.line > 0) {
      line += fmt::format(",\"line\":{},\"column\":{}", diagnostic.line, diagnostic.column);
    }
    line += '}';
  }
  return line + "]}";
}

std::vector<Diagnostic> diagnose(const std::string& file, const ValidateOptions& options, std::istream& in) {
  const Result<asl::DefinitionText> text = asl::load_definition(file, in);
  if (!text.has_value()) {
    return {{Severity::error, std::string(asl::kSyntax), text.error().message, ""}};
  }
  asl::ParsedDefinition parsed = asl::parse_definition(text->json, {options.type});
  for (Diagnostic& beyond : parsed.beyond_this_version) {
    beyond.severity = Severity::warning;
    parsed.diagnostics.push_back(std::move(beyond));
  }
  asl::find_positions(*text, parsed.diagnostics);
  return std::move(parsed.diagnostics);
}

}  // namespace

bool validate(const ValidateOptions& options, std::istream& in, std::ostream& out) {
  bool all_valid = true;
  for (const std::string& file : options.files) {
    const std::vector<Diagnostic> diagnostics = diagnose(file, options, in);
    const bool valid = std::none_of(diagnostics.begin(), diagnostics.end(),
                                    [](const Diagnostic& d) { return d.severity == Severity::error; });
    all_valid = all_valid && valid;
    if (options.json) {
      out << json_line(file, valid, diagnostics) << '\n';
      continue;
    }
    for (const Diagnostic& diagnostic : diagnostics) {
      out << asl::format_diagnostic(file, diagnostic) << '\n';
    }
  }
  return all_valid;
}

}  // namespace lockstep::cli
