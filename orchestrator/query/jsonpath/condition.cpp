#include "query/jsonpath/condition.hpp"

#include <array>

#include "query/jsonpath/compiler.hpp"
#include "value/builder.hpp"
#include "value/number.hpp"

namespace lockstep::jsonpath {

namespace {

struct ComparisonName {
  std::string_view name;
  Comparison comparison;
};
constexpr std::array<ComparisonName, 18> kComparisons{{{"==", Comparison::equal},
                                                       {"!=", Comparison::not_equal},
                                                       {"===", Comparison::strictly_equal},
                                                       {"!==", Comparison::strictly_unequal},
                                                       {"<", Comparison::less},
                                                       {"<=", Comparison::less_or_equal},
                                                       {">", Comparison::greater},
                                                       {">=", Comparison::greater_or_equal},
                                                       {"=~", Comparison::matches},
                                                       {"in", Comparison::in},
                                                       {"nin", Comparison::not_in},
                                                       {"contains", Comparison::contains},
                                                       {"all", Comparison::all},
                                                       {"size", Comparison::size},
                                                       {"empty", Comparison::empty},
                                                       {"subsetof", Comparison::subset_of},
                                                       {"anyof", Comparison::any_of},
                                                       {"noneof", Comparison::none_of}}};

bool is_operator_character(char c) {
  return c == '<' || c == '>' || c == '=' || c == '~' || c == '!';
}

bool is_number_character(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 'E' || c == 'e';
}

// LogicalOr  = LogicalAnd { '||' LogicalAnd }
// LogicalAnd = Operand { '&&' Operand }
// Operand    = '(' LogicalOr ')' | '!' Operand | Value [ Operator Value ]
class Parser {
 public:
  Parser(std::string_view text, Dialect dialect, int nesting) : text_(text), dialect_(dialect), nesting_(nesting) {}

  query::Compiled<Condition> parse() {
    Condition condition;
    if (read_any(condition, nesting_)) {
      skip_blanks();
      if (at_ < text_.size()) {
        fail(fmt::format("Expected end of filter expression instead of: {}", text_.substr(at_)));
      }
    }
    if (failed_) {
      return tl::unexpected(problem_);
    }
    return condition;
  }

 private:
  bool fail(std::string message) {
    if (!failed_) {
      failed_ = true;
      problem_ = {std::move(message), at_};
    }
    return false;
  }
  bool fail_here() {
    if (at_ >= text_.size()) {
      return fail(fmt::format("Failed to parse filter: {}", text_));
    }
    std::size_t end = at_ + 1;  // of the whole character
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) {
      ++end;
    }
    return fail(fmt::format("Failed to parse filter: {}, error on position: {}, char: {}", text_, at_,
                            text_.substr(at_, end - at_)));
  }

  char current() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks() {
    while (current() == ' ') {
      ++at_;
    }
  }
  bool read_word(std::string_view word) {
    skip_blanks();
    if (text_.substr(at_, word.size()) != word) {
      return false;
    }
    at_ += word.size();
    return true;
  }

  bool read_any(Condition& condition, int depth) {
    return read_chain(condition, Condition::Kind::any, "||", depth, &Parser::read_all);
  }
  bool read_all(Condition& condition, int depth) {
    return read_chain(condition, Condition::Kind::all, "&&", depth, &Parser::read_operand);
  }
  bool read_chain(Condition& condition, Condition::Kind kind, std::string_view separator, int depth,
                  bool (Parser::*read_part)(Condition&, int)) {
    if (!(this->*read_part)(condition, depth)) {
      return false;
    }
    if (!read_word(separator)) {
      return true;
    }
    Condition chain;
    chain.kind = kind;
    chain.parts.push_back(std::move(condition));
    do {
      chain.parts.emplace_back();
      if (!(this->*read_part)(chain.parts.back(), depth)) {
        return false;
      }
    } while (read_word(separator));
    condition = std::move(chain);
    return true;
  }

  bool read_operand(Condition& condition, int depth) {
    if (depth > kMaxNesting) {
      return fail("Filters are nested too deep");
    }
    skip_blanks();
    if (current() == '!') {
      const std::size_t mark = at_++;
      skip_blanks();
      if (current() != '@' && current() != '$') {
        condition.kind = Condition::Kind::negation;
        condition.parts.emplace_back();
        return read_operand(condition.parts.back(), depth + 1);
      }
      at_ = mark;
    }
    if (current() == '(') {
      ++at_;
      if (!read_any(condition, depth + 1)) {
        return false;
      }
      return read_word(")") || fail("Expected character: )");
    }
    return read_comparison(condition);
  }

  bool read_comparison(Condition& condition) {
    if (!read_value(condition.left)) {
      return false;
    }
    const std::size_t mark = at_;
    if (read_operator(condition.comparison) && (read_word_value(condition.right) || read_value(condition.right))) {
      condition.kind = Condition::Kind::comparison;
      return true;
    }
    if (failed_) {
      return false;
    }
    at_ = mark;
    if (condition.left.path == nullptr) {
      return fail("Expected path node");
    }
    condition.kind = Condition::Kind::existence;
    return true;
  }

  // False, without a problem, where there is none.
  bool read_operator(Comparison& comparison) {
    skip_blanks();
    const std::size_t begin = at_;
    if (is_operator_character(current())) {
      while (is_operator_character(current())) {
        ++at_;
      }
    } else {
      while (at_ < text_.size() && current() != ' ') {
        ++at_;
      }
    }
    std::string word(text_.substr(begin, at_ - begin));
    for (char& c : word) {
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    for (const ComparisonName& known : kComparisons) {
      if (known.name == word) {
        comparison = known.comparison;
        return true;
      }
    }
    return false;
  }

  bool read_value(Operand& operand) {
    skip_blanks();
    if (current() == '!') {
      ++at_;
      skip_blanks();
      operand.negated = true;
      return current() == '@' || current() == '$' ? read_path(operand) : fail("Unexpected character: !");
    }
    switch (current()) {
      case '@':
      case '$':
        return read_path(operand);
      case '\'':
      case '"':
        return read_string(operand);
      case 't':
        return read_constant("true", Value::boolean(true), operand);
      case 'f':
        return read_constant("false", Value::boolean(false), operand);
      case 'n':
        return read_constant("null", Value(), operand);
      case '{':
      case '[':
        return read_json(operand);
      case '/':
        return read_pattern(operand);
      default:
        return read_number(operand);
    }
  }

  // A word without quotes, which AWS reads as if it had some: [?(@.Key == Name)]. False, without a problem, where there
  // is none.
  bool read_word_value(Operand& operand) {
    skip_blanks();
    constexpr std::string_view kBeginsOther = "@$'\"{[/!()&|=<>~";
    if (dialect_ != Dialect::states || at_ >= text_.size() || kBeginsOther.find(current()) != std::string_view::npos) {
      return false;
    }
    const std::size_t end = std::min(text_.find_first_of(" )&|'\"", at_), text_.size());
    const std::string_view word = text_.substr(at_, end - at_);
    if (Value::from_text(std::string(word)) || word.find_first_not_of("0123456789-.Ee") == std::string_view::npos) {
      return false;  // true, false, null, a number, or what ought to be one
    }
    operand.literal = Value::string(word);
    at_ = end;
    return true;
  }

  bool read_constant(std::string_view word, Value value, Operand& operand) {
    operand.literal = std::move(value);
    return read_word(word) || fail(fmt::format("Expected <{}> literal", word));
  }

  // Where the quote or slash at `open` closes; npos where it does not.
  std::size_t closing(std::size_t open) const {
    std::size_t i = open + 1;
    while (i < text_.size() && text_[i] != text_[open]) {
      i += text_[i] == '\\' ? 2 : 1;
    }
    return i < text_.size() ? i : std::string_view::npos;
  }

  bool read_string(Operand& operand) {
    const std::size_t close = closing(at_);
    if (close == std::string_view::npos) {
      return fail(fmt::format("String literal does not have matching quotes. Expected {} in {}", current(), text_));
    }
    operand.literal = Value::string(unescape(text_.substr(at_ + 1, close - at_ - 1)));
    at_ = close + 1;
    return true;
  }

  bool read_pattern(Operand& operand) {
    const std::size_t close = closing(at_);
    if (close == std::string_view::npos) {
      return fail("Pattern not closed. Expected / in " + std::string(text_));
    }
    std::size_t end = close + 1;
    while (end < text_.size() && text_[end] != ' ' && text_[end] != ')') {
      ++end;
    }
    operand.pattern =
        Pattern::compile(text_.substr(at_ + 1, close - at_ - 1), text_.substr(close + 1, end - close - 1));
    if (operand.pattern == nullptr) {
      return fail("Pattern not valid: " + std::string(text_.substr(at_, end - at_)));
    }
    at_ = end;
    return true;
  }

  // The end of the bracket that opens at `open`, over strings; npos where it does not close.
  std::size_t closing_bracket(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\'' || c == '"') {
        i = closing(i);
        if (i == std::string_view::npos) {
          return i;
        }
      } else if (c == '[' || c == '{') {
        ++depth;
      } else if ((c == ']' || c == '}') && --depth == 0) {
        return i;
      }
    }
    return std::string_view::npos;
  }

  bool read_json(Operand& operand) {
    const std::size_t close = closing_bracket(at_);
    if (close == std::string_view::npos || !read_lenient_json(text_.substr(at_, close + 1 - at_), operand.literal)) {
      return fail("JSON literal is not valid in " + std::string(text_));
    }
    at_ = close + 1;
    return true;
  }

  bool read_number(Operand& operand) {
    const std::size_t begin = at_;
    while (is_number_character(current())) {
      ++at_;
    }
    std::string_view number = text_.substr(begin, at_ - begin);
    std::int64_t whole = 0;
    double real = 0;
    if (parse_whole(number, whole)) {
      operand.literal = Value::integer(whole);
      return true;
    }
    if (!parse_whole(number, real)) {
      at_ = begin;
      return fail_here();
    }
    operand.literal = Value::number(real);
    return true;
  }

  bool read_path(Operand& operand) {
    const std::size_t begin = at_++;
    int calls = 0;  // parentheses of functions that are open
    while (at_ < text_.size()) {
      const char c = current();
      if (c == '[') {
        const std::size_t close = closing_bracket(at_);
        if (close == std::string_view::npos) {
          return fail("Square brackets does not match in filter " + std::string(text_));
        }
        at_ = close + 1;
        continue;
      }
      if (c == '(') {
        ++calls;
      } else if (c == ')' && --calls < 0) {
        break;
      } else if (is_operator_character(c) || (c == ' ' && calls == 0)) {
        break;
      }
      ++at_;
    }
    query::Compiled<StepList> list = compile_inner(text_.substr(begin, at_ - begin), dialect_, nesting_);
    if (!list) {
      at_ = begin + list.error().position;
      return fail(std::move(list.error().message));
    }
    operand.path = std::make_unique<const StepList>(std::move(*list));
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Dialect dialect_;
  int nesting_;
  bool failed_ = false;
  query::CompileProblem problem_;
};

}  // namespace

query::Compiled<Condition> compile_condition(std::string_view text, Dialect dialect, int nesting) {
  return Parser(text, dialect, nesting).parse();
}

}  // namespace lockstep::jsonpath
