// Steps through checked JSON text without building anything. Internal to the asl room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lockstep::asl {

/// Requires text that check_json accepted.
class JsonScan {
 public:
  explicit JsonScan(std::string_view text, std::size_t at = 0) : text_(text), at_(at) { skip_blanks(); }

  std::size_t position() const { return at_; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  /// Moves over the bracket, comma or colon here, and the blanks behind it.
  void step() {
    ++at_;
    skip_blanks();
  }
  /// Moves over the string here and returns it with its quotes.
  std::string_view string_token();
  /// Moves over the whole value here.
  void skip_value();

 private:
  void skip_blanks();

  std::string_view text_;
  std::size_t at_;
};

/// What a string token with its quotes says.
std::string unescaped(std::string_view token);

}  // namespace lockstep::asl
