#include "asl/json_scan.hpp"

#include "value/value.hpp"

namespace lockstep::asl {

void JsonScan::skip_blanks() {
  while (at_ < text_.size() && std::string_view(" \n\t\r").find(text_[at_]) != std::string_view::npos) {
    ++at_;
  }
}

std::string_view JsonScan::string_token() {
  const std::size_t start = at_++;
  while (at_ < text_.size() && text_[at_] != '"') {
    at_ += text_[at_] == '\\' ? 2 : 1;
  }
  at_ = std::min(at_ + 1, text_.size());
  const std::string_view token = text_.substr(start, at_ - start);
  skip_blanks();
  return token;
}

void JsonScan::skip_value() {
  std::size_t open = 0;
  do {
    const char c = peek();
    if (c == '"') {
      string_token();
    } else if (c == '{' || c == '[') {
      ++open;
      step();
    } else if (c == '}' || c == ']') {
      --open;
      step();
    } else if (c == ',' || c == ':') {
      step();
    } else {
      while (at_ < text_.size() && std::string_view(",:]} \n\t\r").find(text_[at_]) == std::string_view::npos) {
        ++at_;
      }
      skip_blanks();
    }
  } while (open > 0 && at_ < text_.size());
}

std::string unescaped(std::string_view token) {
  if (token.find('\\') == std::string_view::npos) {
    return std::string(token.substr(1, token.size() - 2));
  }
  return std::string(Value::from_checked_text(std::string(token)).node().as_string());
}

}  // namespace lockstep::asl
