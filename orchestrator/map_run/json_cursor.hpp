// Walks through JSON text that is too long to be held: finds where values end. Internal to the map_run room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "map_run/text_reader.hpp"
#include "value/value.hpp"

namespace lockstep::map_run {

/// One thread. Errors (invalid) name the text and the byte.
class JsonCursor {
 public:
  explicit JsonCursor(TextReader& reader) : reader_(reader) {}

  /// The next character that is no blank, as unsigned char, or kEnd.
  static constexpr int kEnd = -1;
  Result<int> peek();
  /// Moves over the character that peek() gave.
  void step() { reader_.take(1); }
  /// The same, an error where it is not `expected`.
  Result<void> step_over(char expected);
  /// The whole value here, checked.
  Result<Value> value();
  /// Moves over it; only its brackets and strings are looked at.
  Result<void> skip();
  /// Moves over `"name":` and returns the name.
  Result<std::string> name();

  tl::unexpected<Error> not_json(std::string_view why) const;

 private:
  Result<void> expect_value();
  Result<std::size_t> measure();

  TextReader& reader_;
};

}  // namespace lockstep::map_run
