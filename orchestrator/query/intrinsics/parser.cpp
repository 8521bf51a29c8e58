// Reads a call: States.Name(argument, …).
#include "query/intrinsics/call.hpp"
#include "query/intrinsics/functions.hpp"
#include "value/builder.hpp"

namespace lockstep::intrinsics {

namespace {

// AWS allows ten calls within each other.
constexpr int kMaxNesting = 10;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
}

}  // namespace

class CallParser {
 public:
  explicit CallParser(std::string_view text) : text_(text) {}

  query::Compiled<std::unique_ptr<const Call>> parse() {
    skip_blanks();
    std::unique_ptr<const Call> call = read_call(1);
    skip_blanks();
    if (!failed_ && at_ < text_.size()) {
      fail("Something follows the call");
    }
    if (failed_) {
      return tl::unexpected(problem_);
    }
    return call;
  }

 private:
  char current() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks() {
    while (current() == ' ' || current() == '\t' || current() == '\n' || current() == '\r') {
      ++at_;
    }
  }
  void fail(std::string message) {
    if (!failed_) {
      failed_ = true;
      problem_ = {std::move(message), at_};
    }
  }

  std::unique_ptr<const Call> read_call(int nesting) {
    const std::size_t begin = at_;
    while (is_name_character(current())) {
      ++at_;
    }
    const std::string_view name = text_.substr(begin, at_ - begin);
    const Definition* definition = find_function(name);
    if (definition == nullptr) {
      at_ = begin;
      fail(fmt::format("'{}' is not an intrinsic function", name));
      return nullptr;
    }
    if (nesting > kMaxNesting) {
      fail(fmt::format("Calls are nested more than {} deep", kMaxNesting));
      return nullptr;
    }
    skip_blanks();
    if (current() != '(') {
      fail("A call needs parentheses");
      return nullptr;
    }
    ++at_;
    std::unique_ptr<Call> call(new Call());
    call->function_ = definition->function;
    read_arguments(call->arguments_, nesting, name == "States.Format");
    call->text_ = text_.substr(begin, at_ - begin);
    if (!failed_ && (call->arguments_.size() < definition->fewest || call->arguments_.size() > definition->most)) {
      fail(fmt::format("{} does not take {} arguments", name, call->arguments_.size()));
    }
    return call;
  }

  void read_arguments(std::vector<Argument>& arguments, int nesting, bool of_format) {
    skip_blanks();
    if (current() == ')') {
      ++at_;
      return;
    }
    while (!failed_) {
      skip_blanks();
      read_argument(arguments, nesting, of_format && arguments.empty());
      skip_blanks();
      if (failed_) {
        return;
      }
      const char c = current();
      if (c != ',' && c != ')') {
        fail("Expected a comma or a closing parenthesis");
        return;
      }
      ++at_;
      if (c == ')') {
        return;
      }
    }
  }

  void read_argument(std::vector<Argument>& arguments, int nesting, bool is_template) {
    const char c = current();
    if (c == '\'') {
      read_string(arguments, is_template);
    } else if (c == '$') {
      read_path(arguments);
    } else if (text_.substr(at_, 7) == "States.") {
      std::unique_ptr<const Call> inner = read_call(nesting + 1);
      if (!failed_) {
        arguments.emplace_back(std::move(inner));
      }
    } else {
      read_constant(arguments);
    }
  }

  // Format's template keeps its backslashes: format() tells an escaped brace from a placeholder by them.
  void read_string(std::vector<Argument>& arguments, bool is_template) {
    const std::size_t begin = at_++;
    std::string value;
    while (at_ < text_.size() && text_[at_] != '\'') {
      if (text_[at_] == '\\') {
        const char escaped = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (escaped == '\0') {
          break;
        }
        if (escaped != '\'' && escaped != '{' && escaped != '}' && escaped != '\\') {
          fail("A backslash escapes only ' { } and \\");
          return;
        }
        if (is_template) {
          value += '\\';
        }
        ++at_;
      }
      value += text_[at_++];
    }
    if (at_ >= text_.size()) {
      at_ = begin;
      fail("A string is not closed");
      return;
    }
    ++at_;
    arguments.emplace_back(Value::string(value));
  }

  // A path ends at a comma, blank or parenthesis outside of its brackets and quotes.
  void read_path(std::vector<Argument>& arguments) {
    const std::size_t begin = at_;
    int brackets = 0;
    int parentheses = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\') {
        ++at_;
      } else if (brackets > 0 && (c == '\'' || c == '"')) {
        for (++at_; at_ < text_.size() && text_[at_] != c; ++at_) {
          at_ += text_[at_] == '\\' ? 1 : 0;
        }
      } else if (c == '[') {
        ++brackets;
      } else if (c == ']') {
        --brackets;
      } else if (c == '(') {
        ++parentheses;
      } else if (c == ')' && --parentheses < 0 && brackets <= 0) {
        break;
      } else if ((c == ',' || c == ' ') && brackets <= 0 && parentheses <= 0) {
        break;
      }
    }
    at_ = std::min(at_, text_.size());
    query::Compiled<jsonpath::Path> path = jsonpath::Path::compile(text_.substr(begin, at_ - begin));
    if (!path) {
      at_ = begin + path.error().position;
      fail(std::move(path.error().message));
      return;
    }
    arguments.emplace_back(std::move(*path));
  }

  void read_constant(std::vector<Argument>& arguments) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != ')' && text_[at_] != ' ') {
      ++at_;
    }
    Result<Value> value = Value::from_text(std::string(text_.substr(begin, at_ - begin)));
    if (!value || value->node().is_container() || value->node().is_string()) {
      at_ = begin;
      fail("An argument is a string in apostrophes, a number, true, false, null, a path or a call");
      return;
    }
    arguments.emplace_back(std::move(*value));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  query::CompileProblem problem_;
};

query::Compiled<std::unique_ptr<const Call>> Call::compile(std::string_view text) {
  return CallParser(text).parse();
}

}  // namespace lockstep::intrinsics
