#include "map_run/json_cursor.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep::map_run {

namespace {

constexpr std::string_view kBlanks = " \n\t\r";

/// Finds the end of one value whose text comes in pieces.
class ValueEnd {
 public:
  /// How many bytes of `piece` are the value's last, with the bracket that is wrong; nothing: all are the value's, and
  /// it may go on.
  std::optional<std::size_t> find(std::string_view piece) {
    for (std::size_t i = 0; i < piece.size(); ++i) {
      const char c = piece[i];
      if (in_string_) {
        i = std::min(piece.find_first_of("\"\\", escaped_ ? i + 1 : i), piece.size());
        escaped_ = i < piece.size() && piece[i] == '\\';
        in_string_ = i == piece.size() || escaped_;
        if (!in_string_ && open_.empty()) {
          return i + 1;
        }
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        open_ += c;
        too_deep_ = open_.size() > kMaxDepth;
        if (too_deep_) {
          return i + 1;
        }
      } else if (c == '}' || c == ']') {
        if (open_.empty()) {
          return i;
        }
        mismatch_ = open_.back() != (c == '}' ? '{' : '[');
        open_.pop_back();
        if (open_.empty() || mismatch_) {
          return i + 1;
        }
      } else if (open_.empty() && (c == ',' || c == ':' || kBlanks.find(c) != std::string_view::npos)) {
        return i;
      }
    }
    return std::nullopt;
  }

  /// Whether the value may end where the text does.
  bool may_end() const { return open_.empty() && !in_string_; }
  /// Why the value is wrong there; empty: it is not.
  std::string_view wrong() const {
    return too_deep_ ? "it nests too deep" : mismatch_ ? "a bracket that does not belong there" : "";
  }

 private:
  std::string open_;  // brackets
  bool in_string_ = false;
  bool escaped_ = false;
  bool mismatch_ = false;
  bool too_deep_ = false;
};

}  // namespace

tl::unexpected<Error> JsonCursor::not_json(std::string_view why) const {
  return fail(ErrorKind::invalid, fmt::format("{} is not JSON: {} (byte {})", reader_.uri(), why, reader_.offset()));
}

Result<int> JsonCursor::peek() {
  while (true) {
    const std::string_view text = reader_.window();
    const std::size_t blanks = text.find_first_not_of(kBlanks);
    if (blanks != std::string_view::npos) {
      reader_.take(blanks);
      return static_cast<unsigned char>(text[blanks]);
    }
    reader_.take(text.size());
    const bool went_on = TRY(reader_.more());
    if (!went_on) {
      return kEnd;
    }
  }
}

Result<void> JsonCursor::step_over(char expected) {
  const int c = TRY(peek());
  if (c != expected) {
    return c == kEnd ? not_json("Unexpected end-of-input") : not_json(fmt::format("'{}' is missing", expected));
  }
  step();
  return {};
}

Result<void> JsonCursor::expect_value() {
  const int c = TRY(peek());
  if (c == kEnd) {
    return not_json("Unexpected end-of-input");
  }
  return c == ',' || c == ':' || c == ']' || c == '}' ? not_json("a value is missing") : Result<void>();
}

Result<std::size_t> JsonCursor::measure() {
  ValueEnd end;
  std::size_t seen = 0;
  while (true) {
    const std::optional<std::size_t> last = end.find(reader_.window().substr(seen));
    const std::size_t size = last.has_value() ? seen + *last : reader_.window().size();
    if (reader_.is_too_long(size)) {
      return reader_.too_long(fmt::format("the value at byte {}", reader_.offset()));
    }
    if (last.has_value()) {
      return size;  // what is wrong with it is found when it is checked
    }
    seen = size;
    const bool went_on = TRY(reader_.more());
    if (!went_on) {
      return seen;
    }
  }
}

Result<Value> JsonCursor::value() {
  TRY(expect_value());
  const std::size_t size = TRY(measure());
  const std::string_view text = reader_.window().substr(0, size);
  JsonProblem problem;
  if (!check_json(text, problem)) {
    reader_.take(problem.offset);
    return not_json(problem.message);
  }
  auto value = Value::from_checked_text(std::string(text));
  reader_.take(size);
  return value;
}

Result<void> JsonCursor::skip() {
  TRY(expect_value());
  ValueEnd end;
  while (true) {
    const std::string_view text = reader_.window();
    const std::optional<std::size_t> last = end.find(text);
    reader_.take(last.value_or(text.size()));
    if (!end.wrong().empty()) {
      return not_json(end.wrong());
    }
    if (last.has_value()) {
      return {};
    }
    const bool went_on = TRY(reader_.more());
    if (!went_on) {
      return end.may_end() ? Result<void>() : not_json("Unexpected end-of-input");
    }
  }
}

Result<std::string> JsonCursor::name() {
  const int c = TRY(peek());
  if (c != '"') {
    return c == kEnd ? not_json("Unexpected end-of-input") : not_json("a member's name is missing");
  }
  const Value name = TRY(value());
  TRY(step_over(':'));
  return std::string(name.node().as_string());
}

}  // namespace lockstep::map_run
