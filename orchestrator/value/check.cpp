// Checks JSON text once, at the border, without building anything. Messages follow Jackson's words, which AWS's front
// end prints.
#include <array>

#include "fmt/format.h"
#include "value/utf8.hpp"
#include "value/value.hpp"

namespace lockstep {

namespace {

constexpr std::string_view kValues = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

class Checker {
 public:
  Checker(std::string_view text, JsonProblem& problem)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), problem_(problem) {}

  bool run() {
    skip_blanks();
    if (at_ == end_) {
      return refuse("No content to map due to end-of-input");
    }
    if (!value()) {
      return false;
    }
    skip_blanks();
    if (at_ != end_) {
      return unexpected("Expected end of input");
    }
    return true;
  }

 private:
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) {
      ++at_;
    }
  }

  // Containers are kept on a stack of our own: the depth of a text from outside must not decide about ours.
  bool value() {
    std::string open;  // '{' or '[' per container that is open
    while (true) {
      skip_blanks();
      if (at_ == end_) {
        return ended(open);
      }
      bool complete = true;
      if (*at_ == '{' || *at_ == '[') {
        if (open.size() == kMaxDepth) {
          return refuse(fmt::format("Document nesting depth exceeds the maximum allowed ({})", kMaxDepth));
        }
        open.push_back(*at_++);
        skip_blanks();
        if (at_ != end_ && *at_ == (open.back() == '{' ? '}' : ']')) {
          ++at_;
          open.pop_back();
        } else {
          complete = false;
          if (open.back() == '{' && !key(open)) {
            return false;
          }
        }
      } else if (!scalar()) {
        return false;
      }
      // Close what ends here, up to the next value.
      while (complete) {
        if (open.empty()) {
          return true;
        }
        skip_blanks();
        if (at_ == end_) {
          return ended(open);
        }
        const bool in_object = open.back() == '{';
        if (*at_ == ',') {
          ++at_;
          if (in_object && !key(open)) {
            return false;
          }
          complete = false;
        } else if (*at_ == (in_object ? '}' : ']')) {
          ++at_;
          open.pop_back();
        } else {
          return unexpected(fmt::format("was expecting comma to separate {} entries", in_object ? "Object" : "Array"));
        }
      }
    }
  }

  bool key(const std::string& open) {
    skip_blanks();
    if (at_ == end_) {
      return ended(open);
    }
    if (*at_ != '"') {
      return unexpected("was expecting double-quote to start field name");
    }
    if (!string()) {
      return false;
    }
    skip_blanks();
    if (at_ == end_) {
      return ended(open);
    }
    if (*at_ != ':') {
      return unexpected("was expecting a colon to separate field name and value");
    }
    ++at_;
    return true;
  }

  bool scalar() {
    const char c = *at_;
    if (c == '"') {
      return string();
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
      return number();
    }
    for (const std::string_view token : {"true", "false", "null"}) {
      if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, token.size()) == token) {
        if (at_ + token.size() == end_ || !is_word(at_[token.size()])) {
          at_ += token.size();
          return true;
        }
      }
    }
    if (is_word(c)) {
      const char* start = at_;
      while (at_ != end_ && is_word(*at_)) {
        ++at_;
      }
      std::string_view token(start, static_cast<std::size_t>(at_ - start));
      constexpr std::size_t kShown = 256;
      if (token.size() > kShown) {
        token = token.substr(0, kShown);
      }
      return refuse(fmt::format("Unrecognized token '{}': was expecting {}", token, kValues));
    }
    return unexpected(fmt::format("expected a valid value {}", kValues));
  }

  bool number() {
    if (*at_ == '-') {
      ++at_;
    }
    if (at_ == end_ || *at_ < '0' || *at_ > '9') {
      return at_ == end_ ? refuse("Unexpected end-of-input: a minus sign must be followed by a digit")
                         : unexpected("expected digit (0-9) to follow minus sign, for valid numeric value");
    }
    if (*at_ == '0' && at_ + 1 != end_ && at_[1] >= '0' && at_[1] <= '9') {
      ++at_;
      return refuse("Invalid numeric value: Leading zeroes not allowed");
    }
    digits();
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!digits()) {
        return refuse("Invalid numeric value: Decimal point not followed by a digit");
      }
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) {
        ++at_;
      }
      if (!digits()) {
        return refuse("Invalid numeric value: Exponent indicator not followed by a digit");
      }
    }
    if (at_ != end_ && is_word(*at_)) {
      return unexpected("Expected space separating root-level values");
    }
    return true;
  }

  bool digits() {
    const char* start = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
      ++at_;
    }
    return at_ != start;
  }

  bool string() {
    ++at_;
    while (true) {
      while (at_ != end_ && kOrdinary[static_cast<unsigned char>(*at_)]) {
        ++at_;
      }
      if (at_ == end_) {
        return refuse("Unexpected end-of-input: was expecting closing quote for a string value");
      }
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\') {
        if (!escape()) {
          return false;
        }
      } else if (c < 0x20) {
        return refuse(
            fmt::format("Illegal unquoted character ((CTRL-CHAR, code {})): has to be escaped using backslash "
                        "to be included in string value",
                        c));
      } else if (!utf8()) {
        return refuse(fmt::format("Invalid UTF-8 at byte 0x{:02x}", c));
      }
    }
  }

  bool escape() {
    ++at_;
    if (at_ == end_) {
      return refuse("Unexpected end-of-input in character escape sequence");
    }
    const char c = *at_++;
    if (c == 'u') {
      for (int i = 0; i < 4; ++i, ++at_) {
        if (at_ == end_) {
          return refuse("Unexpected end-of-input in character escape sequence");
        }
        const auto lower = static_cast<char>(*at_ | 0x20);
        if (!((*at_ >= '0' && *at_ <= '9') || (lower >= 'a' && lower <= 'f'))) {
          return unexpected("expected a hex-digit for character escape sequence");
        }
      }
      return true;
    }
    if (std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos) {
      --at_;
      return refuse(fmt::format("Unrecognized character escape {}", shown()));
    }
    return true;
  }

  /// One character beyond ASCII; at_ moves behind it.
  bool utf8() {
    const std::size_t length = character_length({at_, static_cast<std::size_t>(end_ - at_)});
    at_ += length;
    return length > 0;
  }

  static bool is_word(char c) {
    const auto lower = static_cast<char>(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
  }

  /// The character at at_ as Jackson shows it.
  std::string shown() const {
    const auto c = static_cast<unsigned char>(*at_);
    if (c < 0x20) {
      return fmt::format("(CTRL-CHAR, code {})", c);
    }
    if (c < 0x80) {
      return fmt::format("'{}' (code {})", static_cast<char>(c), c);
    }
    return fmt::format("byte 0x{:02x}", c);
  }

  bool unexpected(std::string_view expectation) {
    return refuse(fmt::format("Unexpected character ({}): {}", shown(), expectation));
  }

  bool ended(const std::string& open) {
    if (open.empty()) {
      return refuse("Unexpected end-of-input");
    }
    return refuse(
        fmt::format("Unexpected end-of-input: expected close marker for {}", open.back() == '{' ? "Object" : "Array"));
  }

  bool refuse(std::string message) {
    problem_.message = std::move(message);
    problem_.offset = static_cast<std::size_t>(at_ - begin_);
    problem_.line = 1;
    problem_.column = 1;
    for (const char* p = begin_; p != at_; ++p) {
      if (*p == '\n') {
        ++problem_.line;
        problem_.column = 1;
      } else if ((static_cast<unsigned char>(*p) & 0xC0U) != 0x80U) {
        ++problem_.column;
      }
    }
    return false;
  }

  static constexpr std::array<bool, 256> kOrdinary = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0x20; c < 0x80; ++c) {
      table[c] = c != '"' && c != '\\';
    }
    return table;
  }();

  const char* begin_;
  const char* at_;
  const char* end_;
  JsonProblem& problem_;
};

}  // namespace

bool check_json(std::string_view text, JsonProblem& problem) {
  if (text.size() > UINT32_MAX) {  // lengths in nodes are 32 bits
    problem = {"Document is larger than 4 GiB", 0, 1, 1};
    return false;
  }
  return Checker(text, problem).run();
}

}  // namespace lockstep
