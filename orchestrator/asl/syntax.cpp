#include "asl/syntax.hpp"

#include <fmt/format.h>

#include <unordered_set>

#include "asl/json_scan.hpp"

namespace lockstep::asl {

namespace {

/// Jackson shows this many characters of what it read.
constexpr std::size_t kMostOfSource = 500;

std::string source_of(std::string_view text) {
  std::size_t characters = 0;
  std::size_t cut = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i])) {
      if (characters == kMostOfSource) {
        cut = std::min(cut, i);
      }
      ++characters;
    }
  }
  std::string source = fmt::format("[Source: (String)\"{}\"", as_utf8(text.substr(0, cut)));
  if (characters > kMostOfSource) {
    source += fmt::format("[truncated {} chars]", characters - kMostOfSource);
  }
  return source;
}

struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

Position position_of(std::string_view text, std::size_t offset) {
  Position position;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++position.line;
      position.column = 1;
    } else if (starts_character(c)) {
      ++position.column;
    }
  }
  return position;
}

/// Where the innermost array or object starts that is still open at the end of `text`.
std::size_t last_open(std::string_view text) {
  std::vector<std::size_t> open;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open.push_back(i);
    } else if ((c == '}' || c == ']') && !open.empty()) {
      open.pop_back();
    }
  }
  return open.empty() ? 0 : open.back();
}

}  // namespace

Diagnostic syntax_diagnostic(std::string_view text, const JsonProblem& problem) {
  std::string source = source_of(text);
  Position position{problem.line, problem.column};
  // Jackson has read the character that it did not expect, and stands behind it.
  if (problem.message.starts_with("Unexpected character") ||
      problem.message.starts_with("Illegal unquoted character")) {
    ++position.column;
  }
  std::string message = problem.message;
  if (message.find("expected close marker for") != std::string::npos) {
    const Position start = position_of(text, last_open(text));
    message += fmt::format(" (start marker at {}; line: {}, column: {}])", source, start.line, start.column);
  }
  source += fmt::format("; line: {}, column: {}]", position.line, position.column);
  Diagnostic diagnostic;
  diagnostic.code = kSyntax;
  diagnostic.message = fmt::format("{}\n at {}", message, source);
  diagnostic.location = std::move(source);
  diagnostic.line = problem.line;
  diagnostic.column = problem.column;
  return diagnostic;
}

void warn_duplicate_keys(std::string_view json, Report& report) {
  struct Level {
    bool is_object = false;
    std::size_t index = 0;
    std::string key;
    std::unordered_set<std::string> keys;
  };
  std::vector<Level> open;
  const auto location = [&] {
    std::string out;
    for (const Level& level : open) {
      out += level.is_object ? fmt::format("/{}", shortened(level.key)) : fmt::format("[{}]", level.index);
    }
    return out;
  };
  JsonScan scan(json);
  while (scan.position() < json.size()) {
    const char c = scan.peek();
    if (c == '{' || c == '[') {
      open.push_back({c == '{', 0, {}, {}});
      scan.step();
      if (scan.peek() == '}' || scan.peek() == ']') {
        continue;
      }
    } else if (c == '}' || c == ']') {
      open.pop_back();
      scan.step();
      continue;
    } else if (c == ',') {
      ++open.back().index;
      scan.step();
    } else {
      scan.skip_value();
      continue;
    }
    if (open.back().is_object) {
      open.back().key = unescaped(scan.string_token());
      scan.step();  // the colon
      if (!open.back().keys.insert(open.back().key).second && !report.is_full_of_warnings()) {
        report.warning(kSyntax, location(),
                       fmt::format("Duplicate field '{}': the last one counts", shortened(open.back().key)));
      }
    }
  }
}

namespace {

/// Finds where the value at `location` starts. A key may hold the separators, so every member that fits is tried.
class Finder {
 public:
  explicit Finder(std::string_view text) : text_(text) {}

  std::size_t find(std::string_view location) {
    best_ = 0;
    best_left_ = location.size() + 1;
    steps_ = 0;
    if (location.empty() || location == "/") {
      return JsonScan(text_).position();
    }
    look(JsonScan(text_).position(), location, 0);
    return best_;
  }

 private:
  static constexpr std::size_t kMostDepth = 300;

  void look(std::size_t at, std::string_view rest, std::size_t depth) {
    if (rest.size() < best_left_) {
      best_left_ = rest.size();
      best_ = at;
    }
    if (best_left_ == 0 || rest.empty() || depth > kMostDepth || steps_ > 2 * text_.size() + 1000) {
      return;
    }
    JsonScan scan(text_, at);
    if (scan.peek() == '[' && rest.front() == '[') {
      look_in_array(scan, rest, depth);
    } else if (scan.peek() == '{' && rest.front() == '/') {
      look_in_object(scan, rest, depth);
    }
  }

  void look_in_array(JsonScan scan, std::string_view rest, std::size_t depth) {
    std::size_t index = 0;
    std::size_t used = 1;
    while (used < rest.size() && rest[used] >= '0' && rest[used] <= '9' && index < text_.size()) {
      index = index * 10 + static_cast<std::size_t>(rest[used++] - '0');
    }
    if (used >= rest.size() || rest[used] != ']') {
      return;
    }
    scan.step();
    for (std::size_t i = 0; scan.peek() != ']' && scan.peek() != '\0'; ++i) {
      if (i == index) {
        look(scan.position(), rest.substr(used + 1), depth + 1);
        return;
      }
      skip(scan);
    }
  }

  void look_in_object(JsonScan scan, std::string_view rest, std::size_t depth) {
    scan.step();
    while (scan.peek() == '"' && best_left_ != 0) {
      const std::string key = shortened(unescaped(scan.string_token()));
      scan.step();  // the colon
      const std::string_view after = rest.substr(std::min(rest.size(), key.size() + 1));
      if (rest.substr(1).starts_with(key) && (after.empty() || after.front() == '/' || after.front() == '[')) {
        look(scan.position(), after, depth + 1);
      }
      skip(scan);
    }
  }

  void skip(JsonScan& scan) {
    const std::size_t before = scan.position();
    scan.skip_value();
    if (scan.peek() == ',') {
      scan.step();
    }
    steps_ += scan.position() - before;
  }

  std::string_view text_;
  std::size_t best_ = 0;
  std::size_t best_left_ = 0;  // characters of the location that best_ leaves unexplained
  std::size_t steps_ = 0;
};

}  // namespace

void find_positions(std::string_view text, std::vector<Diagnostic>& diagnostics) {
  constexpr std::size_t kMost = 200;  // each costs a walk over the text
  JsonProblem problem;
  if (!check_json(text, problem)) {
    return;
  }
  Finder finder(text);
  std::size_t found = 0;
  for (Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.line == 0 && diagnostic.location.starts_with('/') && ++found <= kMost) {
      const Position position = position_of(text, finder.find(diagnostic.location));
      diagnostic.line = position.line;
      diagnostic.column = position.column;
    }
  }
}

}  // namespace lockstep::asl
