// From a definition's text to a StateMachine: parses, checks everything (validation.md), compiles every expression.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "asl/model.hpp"
#include "value/error.hpp"

namespace lockstep::asl {

enum class Severity : std::uint8_t { error, warning };

/// As ValidateStateMachineDefinition answers it (validation.md section 1).
struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;  ///< e.g. "SCHEMA_VALIDATION_FAILED"
  std::string message;
  std::string location;    ///< e.g. "/States/A/Next"; empty where there is none
  std::size_t line = 0;    ///< from 1; 0: not known
  std::size_t column = 0;  ///< from 1, in characters
  std::string hint;        ///< what was probably meant; AWS has none of it
};

enum class ExecutionType : std::uint8_t { standard, express };

struct ParseOptions {
  ExecutionType type = ExecutionType::standard;
};

struct ParsedDefinition {
  StateMachinePtr machine;              ///< null if any diagnostic is an error
  std::vector<Diagnostic> diagnostics;  ///< all of them, errors first come as AWS orders them: schema, then graph
  /// What is right, but more than this version can run. They say that they are errors.
  std::vector<Diagnostic> beyond_this_version;
};

/// The largest definition, in characters (asl.md 1).
inline constexpr std::size_t kMaxDefinitionCharacters = 1'048'576;

/// Reads a definition in JSON (ASL). Never throws, whatever the text.
ParsedDefinition parse_definition(std::string text, const ParseOptions& options = {});

/// `.asl.yaml`, `.yaml`, `.yml`: converts to JSON text first. The error names line and column.
Result<std::string> yaml_to_json(std::string_view yaml);

/// Fills in line and column of every diagnostic whose location is found in `text`, the JSON that was parsed.
void find_positions(std::string_view text, std::vector<Diagnostic>& diagnostics);
/// The same in the YAML from which that JSON was made.
void find_yaml_positions(std::string_view yaml, std::vector<Diagnostic>& diagnostics);

/// Where each state stands in its definition, by StateId, as diagnostics name places.
std::vector<std::string> state_locations(const StateMachine& machine);

/// `Invalid State Machine Definition: 'CODE: MESSAGE at LOCATION, …'` over the errors, as CreateStateMachine prints
/// them (validation.md 6).
std::string invalid_definition_message(const std::vector<Diagnostic>& diagnostics);

/// One line as a compiler's: `FILE:LINE:COLUMN: error: MESSAGE; HINT [CODE at LOCATION]`, with line and column where
/// they are known. A transition to nowhere is called by its field, where AWS always says 'Next'.
std::string format_diagnostic(std::string_view file, const Diagnostic& diagnostic);

}  // namespace lockstep::asl
