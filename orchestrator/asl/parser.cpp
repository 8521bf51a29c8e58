#include "asl/parser.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "asl/reader.hpp"
#include "asl/syntax.hpp"
#include "value/utf8.hpp"

namespace lockstep::asl {

namespace {

ParsedDefinition refused(Diagnostic diagnostic) {
  ParsedDefinition parsed;
  parsed.diagnostics.push_back(std::move(diagnostic));
  return parsed;
}

}  // namespace

ParsedDefinition parse_definition(std::string text, const ParseOptions& options) {
  if (text.size() > kMaxDefinitionCharacters && count_characters(text) > kMaxDefinitionCharacters) {
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
  parsed.beyond_this_version = report.take_beyond();
  return parsed;
}

std::vector<std::string> state_locations(const StateMachine& machine) {
  const Value document = Value::from_checked_text(machine.text);
  std::vector<std::string> locations(machine.states.size());
  std::vector<const Node*> nodes(machine.states.size(), &kNullNode);
  const auto find = [](const Node& node, std::string_view key) -> const Node& {
    const Node* found = node.is_object() ? node.find(key) : nullptr;
    return found == nullptr ? kNullNode : *found;
  };
  const auto at = [](StateId id) { return static_cast<std::size_t>(id); };
  // A scope comes behind the one that its owner stands in.
  for (const Scope& scope : machine.scopes) {
    std::string location;
    const Node* node = &document.node();
    if (scope.owner != StateId::none) {
      const Node& owner = *nodes[at(scope.owner)];
      location = locations[at(scope.owner)];
      if (const auto* parallel = std::get_if<Parallel>(&machine.state(scope.owner).detail)) {
        const auto branch = static_cast<std::size_t>(
            std::find(parallel->branches.begin(), parallel->branches.end(), scope.id) - parallel->branches.begin());
        location += fmt::format("/Branches[{}]", branch);
        node = &find(owner, "Branches").at(branch);
      } else {
        const char* const field = find(owner, "Iterator").is_null() ? "ItemProcessor" : "Iterator";
        location += fmt::format("/{}", field);
        node = &find(owner, field);
      }
    }
    for (const StateId id : scope.states) {
      const std::string& name = machine.state(id).name;
      locations[at(id)] = fmt::format("{}/States/{}", location, shortened(name));
      nodes[at(id)] = &find(find(*node, "States"), name);
    }
  }
  return locations;
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
  std::string message = diagnostic.message.substr(0, diagnostic.message.find('\n'));
  constexpr std::string_view kMissing = "Missing 'Next'";
  if (message.starts_with(kMissing)) {
    const std::string_view field = std::string_view(diagnostic.location).substr(diagnostic.location.rfind('/') + 1);
    message.replace(0, kMissing.size(), fmt::format("Missing '{}'", field));
  }
  message += diagnostic.hint.empty() ? "" : "; " + diagnostic.hint;
  const bool in_definition = diagnostic.location.starts_with('/');
  line += fmt::format(": {}: {} [{}{}{}]", diagnostic.severity == Severity::error ? "error" : "warning", message,
                      diagnostic.code, in_definition ? " at " : "", in_definition ? diagnostic.location : "");
  return line;
}

}  // namespace lockstep::asl
