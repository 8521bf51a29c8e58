// Splits an expression into tokens.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "query/jsonata/program_data.hpp"

namespace lockstep::jsonata {

struct Token {
  enum class Type : std::uint8_t { end, name, variable, op, string, number, value, regex };
  Type type = Type::end;
  std::string_view text;  // name, operator, string
  double number = 0;      // number
  const Regex* regex = nullptr;
  std::int32_t position = 0;  // UTF-16 units
};

class Lexer {
 public:
  /// Tokens refer to `program`: its source and its texts.
  explicit Lexer(ProgramData& program);

  /// The next token. `after_operand`: a / divides here; else it opens a regular expression. Throws Problem.
  Token next(bool after_operand);
  /// Length of the source in UTF-16 units.
  std::int32_t length() const { return position_of(source_.size()); }

 private:
  std::int32_t position_of(std::size_t offset) const;
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  void skip_blanks_and_comments();
  Token make(Token::Type type, std::string_view text, std::size_t start) const;
  Token scan_regex(std::size_t start);
  Token scan_string(char quote);
  bool scan_number(Token& token);
  Token scan_name();

  ProgramData& program_;
  std::string_view source_;
  std::size_t at_ = 0;
  std::vector<std::uint32_t> units_;  // UTF-16 offset of every byte, where the source is not ASCII
};

}  // namespace lockstep::jsonata
