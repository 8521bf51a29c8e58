#include "query/jsonata/lexer.hpp"

#include <charconv>
#include <cmath>

#include "query/jsonata/problem.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v';
}

// Characters that end a name.
bool is_operator(char c) {
  return c != '\0' && std::string_view(".[]{}(),@#;:?+-*/%|=<>^&!~").find(c) != std::string_view::npos;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

Lexer::Lexer(ProgramData& program) : program_(program), source_(program.source) {
  if (!is_ascii(source_)) {
    units_.reserve(source_.size() + 1);
    std::uint32_t unit = 0;
    for (const char c : source_) {
      const auto byte = static_cast<unsigned char>(c);
      units_.push_back(unit);
      if (byte < 0x80 || byte >= 0xC0) {  // counted with its first byte; two units beyond U+FFFF
        unit += byte >= 0xF0 ? 2 : 1;
      }
    }
    units_.push_back(unit);
  }
}

std::int32_t Lexer::position_of(std::size_t offset) const {
  return static_cast<std::int32_t>(units_.empty() ? offset : units_[std::min(offset, source_.size())]);
}

Token Lexer::make(Token::Type type, std::string_view text, std::size_t start) const {
  Token token;
  token.type = type;
  token.text = text;
  // The reference implementation notes a token's place when it has read it.
  token.position = position_of(start);
  return token;
}

void Lexer::skip_blanks_and_comments() {
  for (;;) {
    while (at_ < source_.size() && is_blank(source_[at_])) {
      ++at_;
    }
    if (peek() != '/' || peek(1) != '*') {
      return;
    }
    const std::size_t close = source_.find("*/", at_ + 2);
    if (close == std::string_view::npos) {
      throw problem("S0106", position_of(at_));
    }
    at_ = close + 2;
  }
}

Token Lexer::next(bool after_operand) {
  skip_blanks_and_comments();
  if (at_ >= source_.size()) {
    return make(Token::Type::end, "(end)", source_.size());
  }
  const char c = peek();
  if (!after_operand && c == '/') {
    const std::size_t start = ++at_;
    return scan_regex(start);
  }
  static constexpr std::string_view kPairs[] = {"..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??"};
  for (const std::string_view pair : kPairs) {
    if (c != pair[0] || peek(1) != pair[1]) {
      continue;
    }
    if (pair[0] == '?' && program_.level == Level::asl) {
      continue;  // newer than the language of state machines
    }
    at_ += 2;
    return make(Token::Type::op, pair, at_);
  }
  if (is_operator(c)) {
    ++at_;
    return make(Token::Type::op, source_.substr(at_ - 1, 1), at_);
  }
  if (c == '"' || c == '\'') {
    return scan_string(c);
  }
  Token token;
  if (is_digit(c) && scan_number(token)) {
    return token;
  }
  if (c == '`') {
    const std::size_t close = source_.find('`', at_ + 1);
    if (close == std::string_view::npos) {
      at_ = source_.size();
      throw problem("S0105", position_of(at_));
    }
    const std::string_view name = source_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    return make(Token::Type::name, name, at_);
  }
  return scan_name();
}

Token Lexer::scan_name() {
  std::size_t end = at_;
  while (end < source_.size() && !is_blank(source_[end]) && !is_operator(source_[end])) {
    ++end;
  }
  const std::string_view name = source_.substr(at_, end - at_);
  at_ = end;
  if (name.front() == '$') {
    return make(Token::Type::variable, name.substr(1), end);
  }
  if (name == "or" || name == "in" || name == "and") {
    return make(Token::Type::op, name, end);
  }
  const bool literal = name == "true" || name == "false" || name == "null";
  return make(literal ? Token::Type::value : Token::Type::name, name, end);
}

bool Lexer::scan_number(Token& token) {
  const std::size_t start = at_;
  std::size_t end = at_;
  const auto digits = [this, &end] {
    while (end < source_.size() && is_digit(source_[end])) {
      ++end;
    }
  };
  if (source_[end] == '0') {
    ++end;
  } else {
    digits();
  }
  if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
    ++end;
    digits();
  }
  if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
    std::size_t exponent = end + 1;
    if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) {
      ++exponent;
    }
    if (exponent < source_.size() && is_digit(source_[exponent])) {
      end = exponent;
      digits();
    }
  }
  const std::string_view text = source_.substr(start, end - start);
  double value = parse_number(text);
  if (!std::isfinite(value)) {
    Problem p = problem("S0102", position_of(start));
    p.token = text;
    p.has_token = true;
    throw p;
  }
  at_ = end;
  std::string shortest;  // what messages show
  append_number(shortest, value);
  token = make(Token::Type::number, shortest == text ? text : program_.texts.emplace_back(std::move(shortest)), end);
  token.number = value;
  return true;
}

Token Lexer::scan_string(char quote) {
  std::string text;
  ++at_;
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (c == quote) {
      ++at_;
      return make(Token::Type::string, program_.texts.emplace_back(std::move(text)), at_);
    }
    if (c != '\\') {
      text += c;
      ++at_;
      continue;
    }
    ++at_;
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    const std::size_t known = at_ < source_.size() ? kNames.find(source_[at_]) : std::string_view::npos;
    if (known != std::string_view::npos) {
      text += kValues[known];
      ++at_;
      continue;
    }
    if (peek() != 'u') {
      Problem p = problem("S0103", position_of(at_));
      const std::string_view rest = source_.substr(std::min(at_, source_.size()));
      p.token = rest.substr(0, std::min(rest.size(), rest.empty() ? 0 : utf8_length(rest[0])));
      p.has_token = true;
      throw p;
    }
    unsigned unit = 0;
    const std::string_view hex = source_.substr(std::min(at_ + 1, source_.size()), 4);
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), unit, 16);
    if (hex.empty() || error != std::errc() || end != hex.data() + hex.size()) {
      throw problem("S0104", position_of(at_));
    }
    append_utf16_unit(text, unit);
    at_ += 5;
  }
  throw problem("S0101", position_of(at_));
}

Token Lexer::scan_regex(std::size_t start) {
  int depth = 0;
  while (at_ < source_.size()) {
    const char c = source_[at_];
    std::size_t backslashes = 0;
    while (backslashes < at_ && source_[at_ - backslashes - 1] == '\\') {
      ++backslashes;
    }
    if (c == '/' && depth == 0 && backslashes % 2 == 0) {
      const std::string_view pattern = source_.substr(start, at_ - start);
      if (pattern.empty()) {
        throw problem("S0301", position_of(at_));
      }
      ++at_;
      bool ignore_case = false;
      bool multi_line = false;
      while (peek() == 'i' || peek() == 'm') {
        (peek() == 'i' ? ignore_case : multi_line) = true;
        ++at_;
      }
      std::string error;
      auto regex = Regex::compile(pattern, ignore_case, multi_line, error);
      if (regex == nullptr) {
        Problem p = problem("S0303", position_of(at_));
        p.text = "/" + std::string(pattern) + "/: " + error;
        throw p;
      }
      Token token = make(Token::Type::regex, pattern, at_);
      token.regex = program_.regexes.emplace_back(std::move(regex)).get();
      return token;
    }
    // As the reference implementation counts: a bracket is escaped if a backslash stands before it.
    const bool escaped = at_ > 0 && source_[at_ - 1] == '\\';
    if (!escaped && (c == '(' || c == '[' || c == '{')) {
      ++depth;
    } else if (!escaped && (c == ')' || c == ']' || c == '}')) {
      --depth;
    }
    ++at_;
  }
  throw problem("S0302", position_of(at_));
}

}  // namespace lockstep::jsonata
