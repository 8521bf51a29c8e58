// Any text, as a definition in JSON or YAML: parsed, its diagnostics placed and printed, its conditions tried.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "asl/parser.hpp"

namespace lockstep {
namespace {

class NoContext final : public query::Environment {
 public:
  const Value& context() const override { return context_; }
  std::uint64_t random() const override { return 4; }

 private:
  Value context_;
};

void use(const asl::ParsedDefinition& parsed, const std::string& text) {
  std::vector<asl::Diagnostic> diagnostics = parsed.diagnostics;
  asl::find_positions(text, diagnostics);
  bool errors = false;
  for (const asl::Diagnostic& diagnostic : diagnostics) {
    asl::format_diagnostic("f", diagnostic);
    errors = errors || diagnostic.severity == asl::Severity::error;
  }
  asl::invalid_definition_message(diagnostics);
  if (errors != (parsed.machine == nullptr)) {
    std::abort();
  }
  if (parsed.machine == nullptr) {
    return;
  }
  NoContext environment;
  environment.input = Value::empty_object();
  for (const asl::State& state : parsed.machine->states) {
    if (state.next != asl::StateId::none && parsed.machine->state(state.next).scope != state.scope) {
      std::abort();
    }
    if (const auto* choice = std::get_if<asl::Choice>(&state.detail); choice != nullptr) {
      for (const asl::ChoiceRule& rule : choice->rules) {
        (void)rule.condition->test(environment);
      }
    }
  }
}

}  // namespace
}  // namespace lockstep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  lockstep::use(lockstep::asl::parse_definition(text), text);
  lockstep::use(lockstep::asl::parse_definition(text, {lockstep::asl::ExecutionType::express}), text);
  const lockstep::Result<std::string> json = lockstep::asl::yaml_to_json(text);
  if (json.has_value()) {
    lockstep::use(lockstep::asl::parse_definition(*json), *json);
  }
  return 0;
}
