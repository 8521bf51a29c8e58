// Shared by the tests of the language: an expression's result as compact JSON, "undefined", or its error's code.
#pragma once

#include <string>
#include <string_view>

#include "query/jsonata/program.hpp"

namespace lockstep::jsonata {

/// `data` empty: undefined input.
inline Outcome run(std::string_view expression, std::string_view data = {}, Level level = Level::suite) {
  const auto program = Program::compile(expression, level);
  Outcome outcome;
  if (!program) {
    outcome.kind = Outcome::Kind::error;
    outcome.error = program.error();
    return outcome;
  }
  const Value input = data.empty() ? Value() : Value::from_text(std::string(data)).value();
  Request request;
  request.input = data.empty() ? nullptr : &input;
  request.now = {1'521'801'216'617'000};
  std::uint64_t random = 42;
  request.random = [&random] { return random = random * 6364136223846793005U + 1442695040888963407U; };
  return (*program)->evaluate(request);
}

inline std::string show(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::value: {
      std::string text;
      append_json(text, outcome.value.node());
      return text;
    }
    case Outcome::Kind::function:
      return "function";
    case Outcome::Kind::error:
      return outcome.error.code.empty() ? outcome.error.message : outcome.error.code;
    case Outcome::Kind::undefined:
      break;
  }
  return "undefined";
}

inline std::string q(std::string_view expression, std::string_view data = {}, Level level = Level::suite) {
  return show(run(expression, data, level));
}

inline std::string asl(std::string_view expression, std::string_view data = {}) {
  return q(expression, data, Level::asl);
}

}  // namespace lockstep::jsonata
