// What goes wrong in an expression: the reference implementation's error codes, their places and messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep::jsonata {

/// One error of the language. Thrown within this folder only; it leaves it as a value (program.hpp).
struct Problem {
  std::string code;            ///< "T2001"
  std::int32_t position = -1;  ///< UTF-16 units from the start of the expression; -1: not known
  std::string token;           ///< the operator, function or text at fault
  bool has_token = false;
  std::string token_json;   ///< `token` as the message quotes it, where it is not a string
  std::string value_json;   ///< the offending value as JSON
  std::string value2_json;  ///< the second value as JSON
  std::string text;         ///< D3137, D3141: the message itself; D3140: the function's name
  std::int32_t index = 0;   ///< T0410: which argument, from 1
};

inline Problem problem(std::string_view code, std::int32_t position = -1) {
  Problem p;
  p.code = code;
  p.position = position;
  return p;
}

/// The reference implementation's message for `problem`, its inserts filled in.
std::string message_of(const Problem& problem);

}  // namespace lockstep::jsonata
