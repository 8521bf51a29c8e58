#include "asl/parser.hpp"

#include <fmt/format.h>

#include "asl/reader.hpp"
#include "asl/syntax.hpp"

namespace lockstep::asl {

namespace {

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

ParsedDefinition refused(Diagnostic diagnostic) {
  ParsedDefinition parsed;
  parsed.diagnostics.push_back(std::move(diagnostic));
  return parsed;
}

}  // namespace

ParsedDefinition parse_definition(std::string text, const ParseOptions& options) {
  if (text.size() > kMaxDefinitionCharacters && characters(text) > kMaxDefinitionCharacters) {
    return refused({Severity::error, std::string(kSchema),
                    fmt::format("Definition is longer than {} characters", kMaxDefinitionCharacters), ""});
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return refused({Severity::error, std::string(kSchema), "Definition must be a valid JSON object", ""});
  }
  JsonProblem problem;
  if (!check_json(text, problem)) {
    return refused(syntax_diagnostic(text, problem));
  }
  const Value document = Value::from_checked_text(text);
  if (!document.node().is_object()) {
    return refused({Severity::error, std::string(kSchema), "Definition must be a valid JSON object", ""});
  }

  Report report;
  auto machine = std::make_shared<StateMachine>();
  machine->text = std::move(text);
  Reader(document, options.type, report, *machine).read_machine();
  warn_duplicate_keys(machine->text, report);

  ParsedDefinition parsed;
  if (!report.has_errors()) {
    parsed.machine = std::move(machine);
  }
  parsed.diagnostics = report.take();
  return parsed;
}

std::string invalid_definition_message(const std::vector<Diagnostic>& diagnostics) {
  std::string list;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == Severity::error) {
      list += fmt::format("{}{}: {} at {}", list.empty() ? "" : ", ", diagnostic.code, diagnostic.message,
                          diagnostic.location.empty() ? "null" : diagnostic.location);
    }
  }
  return fmt::format("Invalid State Machine Definition: '{}'", list);
}

std::string format_diagnostic(std::string_view file, const Diagnostic& diagnostic) {
  std::string line(file);
  if (diagnostic.line > 0) {
    line += fmt::format(":{}:{}", diagnostic.line, diagnostic.column);
  }
  // A syntax error's text quotes the source behind its first line, and its location says nothing else.
  const std::string_view message = std::string_view(diagnostic.message).substr(0, diagnostic.message.find('\n'));
  const bool in_definition = diagnostic.location.starts_with('/');
  line += fmt::format(": {}: {} [{}{}{}]", diagnostic.severity == Severity::error ? "error" : "warning", message,
                      diagnostic.code, in_definition ? " at " : "", in_definition ? diagnostic.location : "");
  return line;
}

}  // namespace lockstep::asl
