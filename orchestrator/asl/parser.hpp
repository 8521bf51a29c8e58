// From a definition's text to a StateMachine: parses, checks everything (validation.md), compiles every expression.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "asl/model.hpp"

namespace lockstep::asl {

enum class Severity : std::uint8_t { error, warning };

/// As ValidateStateMachineDefinition answers it (validation.md section 1).
struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;      ///< e.g. "SCHEMA_VALIDATION_FAILED"
  std::string message;
  std::string location;  ///< e.g. "/States/A/Next"; empty where there is none
};

enum class ExecutionType : std::uint8_t { standard, express };

struct ParseOptions {
  ExecutionType type = ExecutionType::standard;
};

struct ParsedDefinition {
  StateMachinePtr machine;              ///< null if any diagnostic is an error
  std::vector<Diagnostic> diagnostics;  ///< all of them, errors first come as AWS orders them: schema, then graph
};

/// Reads a definition in JSON (ASL). Never throws, whatever the text.
ParsedDefinition parse_definition(std::string text, const ParseOptions& options = {});

/// `.asl.yaml`, `.yaml`, `.yml`: converts to JSON text first. The error names line and column.
Result<std::string> yaml_to_json(std::string_view yaml);

/// One line as a compiler's: `FILE:LINE:COLUMN: error: MESSAGE [CODE at LOCATION]`, with line and column where they are known.
std::string format_diagnostic(std::string_view file, const Diagnostic& diagnostic);

}  // namespace lockstep::asl
