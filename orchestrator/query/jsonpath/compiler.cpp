#include "query/jsonpath/compiler.hpp"

#include <algorithm>
#include <array>

#include "query/jsonpath/condition.hpp"
#include "value/number.hpp"

namespace lockstep::jsonpath {

namespace {

constexpr std::string_view kReferenceOperators = "@,:?*";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct FunctionName {
  std::string_view name;
  FunctionKind kind;
};
constexpr std::array<FunctionName, 13> kFunctions{{{"length", FunctionKind::length},
                                                   {"size", FunctionKind::length},
                                                   {"keys", FunctionKind::keys},
                                                   {"min", FunctionKind::min},
                                                   {"max", FunctionKind::max},
                                                   {"avg", FunctionKind::avg},
                                                   {"stddev", FunctionKind::stddev},
                                                   {"sum", FunctionKind::sum},
                                                   {"concat", FunctionKind::concat},
                                                   {"append", FunctionKind::append},
                                                   {"first", FunctionKind::first},
                                                   {"last", FunctionKind::last},
                                                   {"index", FunctionKind::index}}};

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

class Compiler {
 public:
  Compiler(std::string_view text, std::size_t begin, Dialect dialect, int nesting)
      : text_(text), at_(begin), dialect_(dialect), nesting_(nesting) {}

  query::Compiled<StepList> compile() {
    if (nesting_ > kMaxNesting) {
      fail("Filters are nested too deep", at_);
    } else if (at_ < text_.size() && text_[at_] != '.' && text_[at_] != '[') {
      fail(fmt::format("Illegal character at position {} expected '.' or '['", at_), at_);
    } else if (at_ < text_.size() && text_.back() == '.' && !(dialect_ == Dialect::states && escaped_end())) {
      fail("Path must not end with a '.' or '..'", text_.size() - 1);
    }
    while (!failed_ && at_ < text_.size()) {
      read_token();
      if (!failed_ && list_.steps.size() > kMaxSteps) {
        fail(fmt::format("A path has at most {} steps", kMaxSteps), at_);
      }
    }
    if (failed_) {
      return tl::unexpected(problem_);
    }
    settle();
    return std::move(list_);
  }

 private:
  void fail(std::string message, std::size_t position) {
    if (!failed_) {
      failed_ = true;
      problem_ = {std::move(message), position};
    }
  }
  void fail_token() { fail(fmt::format("Could not parse token starting at position {}", at_), at_); }

  bool escaped_end() const { return text_.size() >= 2 && text_[text_.size() - 2] == '\\'; }

  char next_significant(std::size_t from) const {
    while (from < text_.size() && text_[from] == ' ') {
      ++from;
    }
    return from < text_.size() ? text_[from] : '\0';
  }

  Step& add(StepKind kind) {
    Step step;
    step.kind = kind;
    list_.steps.push_back(std::move(step));
    return list_.steps.back();
  }
  void add(StepKind kind, StepDetail detail) {
    add(kind).detail = std::make_unique<const StepDetail>(std::move(detail));
  }

  // One step, with the dots before it.
  void read_token() {
    if (!list_.steps.empty() && list_.steps.back().kind == StepKind::function) {
      fail("A function must be the last step of a path", at_);
      return;
    }
    if (text_[at_] == '.') {
      ++at_;
      if (at_ < text_.size() && text_[at_] == '.') {
        ++at_;
        add(StepKind::descend);
      }
      if (at_ >= text_.size()) {
        fail("Path must not end with a '.' or '..'", at_);
        return;
      }
      if (text_[at_] == '.') {
        fail(fmt::format("Character '.' on position {} is not valid.", at_), at_);
        return;
      }
    }
    if (text_[at_] == '[') {
      read_bracket();
    } else if (text_[at_] == '*') {
      ++at_;
      add(StepKind::wildcard);
    } else {
      read_name();
    }
  }

  void read_name() {
    const std::size_t begin = at_;
    std::string name;
    for (; at_ < text_.size() && text_[at_] != '.' && text_[at_] != '['; ++at_) {
      const char c = text_[at_];
      if (c == ' ') {
        if (at_ == begin) {
          fail_token();
        } else {
          fail("Use bracket notion ['my prop'] if your property contains blank characters. position: " +
                   std::to_string(begin),
               at_);
        }
        return;
      }
      if (c == '(') {
        read_function(name);
        return;
      }
      if (dialect_ == Dialect::states && c == '\\') {
        if (++at_ == text_.size()) {
          fail("A backslash stands before no character", at_ - 1);
          return;
        }
      } else if (dialect_ == Dialect::states && c == ']') {
        fail("A closing bracket without an opening one", at_);
        return;
      } else if (kReferenceOperators.find(c) != std::string_view::npos) {
        list_.reference = false;
      }
      name += text_[at_];
    }
    if (name.empty()) {
      fail_token();
      return;
    }
    add(StepKind::name).name.text = std::move(name);
  }

  void read_bracket() {
    const char c = next_significant(at_ + 1);
    if (c == '\'' || c == '"') {
      read_quoted_names(c);
    } else if (is_digit(c) || c == '-' || c == ':') {
      read_indices();
    } else if (c == '*') {
      read_bracket_wildcard();
    } else if (c == '?') {
      read_filter();
    } else {
      fail_bracket();
    }
  }
  void fail_bracket() {
    fail(fmt::format("Could not parse token starting at position {}. Expected ?, ', 0-9, * ", at_), at_);
  }

  void read_quoted_names(char quote) {
    std::vector<Name> names;
    bool expect_name = true;
    std::size_t i = at_ + 1;
    for (; i < text_.size() && text_[i] != ']'; ++i) {
      if (text_[i] == ' ') {
        continue;
      }
      if (text_[i] == ',' && !expect_name) {
        expect_name = true;
        continue;
      }
      if (text_[i] != quote || !expect_name) {
        fail(fmt::format("Found empty property at index {}", i), i);
        return;
      }
      const std::size_t begin = ++i;
      while (i < text_.size() && text_[i] != quote) {
        i += text_[i] == '\\' ? 2 : 1;
      }
      if (i >= text_.size()) {
        fail(fmt::format("Property has not been closed - missing closing {}", quote), begin - 1);
        return;
      }
      const char after = next_significant(i + 1);
      if (after != ',' && after != ']') {
        fail(fmt::format("Property must be separated by comma or Property must be terminated close square bracket at "
                         "index {}",
                         i),
             i);
        return;
      }
      const std::string_view written = text_.substr(begin, i - begin);
      Name& name = names.emplace_back();
      name.text = unescape(written);
      if (dialect_ == Dialect::states && name.text != written) {
        name.written = written;
      }
      expect_name = false;
    }
    if (i >= text_.size()) {
      fail("Property has not been closed - missing closing ]", at_);
      return;
    }
    if (expect_name) {
      fail(fmt::format("Found empty property at index {}", i), i);
      return;
    }
    at_ = i + 1;
    if (names.size() == 1) {
      add(StepKind::name).name = std::move(names.front());
    } else {
      StepDetail detail;
      detail.names = std::move(names);
      add(StepKind::names, std::move(detail));
    }
  }

  void read_indices() {
    const std::size_t close = text_.find(']', at_);
    if (close == std::string_view::npos) {
      fail_bracket();
      return;
    }
    const std::string_view inside = trim(text_.substr(at_ + 1, close - at_ - 1));
    if (inside.find_first_not_of("0123456789,-: ") != std::string_view::npos) {
      fail_bracket();
      return;
    }
    if (inside.find(':') != std::string_view::npos) {
      read_slice(inside);
    } else {
      read_index_list(inside);
    }
    at_ = close + 1;
  }

  void read_slice(std::string_view inside) {
    StepDetail detail;
    if (inside.find_first_of(", ") != std::string_view::npos) {
      fail(fmt::format("Failed to parse SliceOperation: {}", inside), at_);
      return;
    }
    // A step (a third number) is read over, as the library does.
    const std::size_t colon = inside.find(':');
    const std::string_view from = inside.substr(0, colon);
    const std::string_view rest = inside.substr(colon + 1);
    const std::string_view to = rest.substr(0, rest.find(':'));
    for (const auto& [number, bound] : {std::pair(from, &detail.from), std::pair(to, &detail.to)}) {
      std::int32_t value = 0;
      if (number.empty()) {
        continue;
      }
      if (!parse_whole(number, value)) {
        fail(fmt::format("For input string: \"{}\"", number), at_);
        return;
      }
      *bound = value;
    }
    if (!detail.from && !detail.to) {
      fail(fmt::format("Failed to parse SliceOperation: {}", inside), at_);
      return;
    }
    add(StepKind::slice, std::move(detail));
  }

  void read_index_list(std::string_view inside) {
    StepDetail detail;
    while (true) {
      const std::size_t comma = inside.find(',');
      const std::string_view number = trim(inside.substr(0, comma));
      std::int32_t value = 0;
      if (!parse_whole(number, value)) {
        fail(fmt::format("Failed to parse token in ArrayIndexOperation: {}", number), at_);
        return;
      }
      detail.indices.push_back(value);
      if (comma == std::string_view::npos) {
        break;
      }
      inside.remove_prefix(comma + 1);
    }
    if (detail.indices.size() == 1) {
      add(StepKind::index).index = detail.indices.front();
    } else {
      add(StepKind::indices, std::move(detail));
    }
  }

  void read_bracket_wildcard() {
    const std::size_t star = text_.find('*', at_);
    if (next_significant(star + 1) != ']') {
      fail(fmt::format("Expected wildcard token to end with ']' on position {}", star + 1), star);
      return;
    }
    at_ = text_.find(']', star) + 1;
    add(StepKind::wildcard);
  }

  // Where the parenthesis that opens at `open` closes, over strings and patterns; npos where it does not.
  std::size_t closing_parenthesis(std::size_t open) {
    int depth = 0;
    for (std::size_t i = open; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\'' || c == '"' || c == '/') {
        for (++i; i < text_.size() && text_[i] != c; ++i) {
          i += text_[i] == '\\' ? 1 : 0;
        }
        if (i >= text_.size()) {
          fail(fmt::format("Could not find matching close for {} when parsing {} in : {}", c,
                           c == '/' ? "regex" : "string", text_),
               open);
          return std::string_view::npos;
        }
      } else if (c == '(') {
        ++depth;
      } else if (c == ')' && --depth == 0) {
        return i;
      }
    }
    return std::string_view::npos;
  }

  void read_filter() {
    const std::size_t mark = text_.find('?', at_);
    const std::size_t open = text_.find_first_not_of(' ', mark + 1);
    const std::size_t close =
        open == std::string_view::npos || text_[open] != '(' ? std::string_view::npos : closing_parenthesis(open);
    if (close == std::string_view::npos || next_significant(close + 1) != ']') {
      fail_bracket();
      return;
    }
    query::Compiled<Condition> condition =
        compile_condition(text_.substr(open, close + 1 - open), dialect_, nesting_ + 1);
    if (!condition) {
      fail(std::move(condition.error().message), open + condition.error().position);
      return;
    }
    StepDetail detail;
    detail.condition = std::make_unique<const Condition>(std::move(*condition));
    add(StepKind::filter, std::move(detail));
    at_ = text_.find(']', close) + 1;
  }

  void read_function(const std::string& name) {
    const auto* const found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                           [&](const FunctionName& known) { return known.name == name; });
    if (found == kFunctions.end()) {
      fail(fmt::format("Function with name: {} does not exist.", name), at_);
      return;
    }
    if (!list_.steps.empty() && list_.steps.back().kind == StepKind::descend) {
      fail("A function cannot follow '..'", at_);
      return;
    }
    const std::size_t close = closing_parenthesis(at_);
    if (close == std::string_view::npos) {
      fail(fmt::format("Arguments to function: '{}' are not closed properly.", name), at_);
      return;
    }
    StepDetail detail;
    detail.function = found->kind;
    read_arguments(text_.substr(at_ + 1, close - at_ - 1), detail.arguments);
    add(StepKind::function, std::move(detail));
    at_ = close + 1;
  }

  void read_arguments(std::string_view inside, std::vector<Argument>& arguments) {
    inside = trim(inside);
    while (!inside.empty() && !failed_) {
      // An argument ends at a comma outside of strings and brackets.
      std::size_t end = 0;
      int depth = 0;
      for (char quote = '\0'; end < inside.size(); ++end) {
        const char c = inside[end];
        if (quote != '\0') {
          end += c == '\\' ? 1 : 0;
          quote = c == quote ? '\0' : quote;
        } else if (c == '\'' || c == '"') {
          quote = c;
        } else if (c == '(' || c == '[' || c == '{') {
          ++depth;
        } else if (c == ')' || c == ']' || c == '}') {
          --depth;
        } else if (c == ',' && depth == 0) {
          break;
        }
      }
      end = std::min(end, inside.size());
      const std::string_view text = trim(inside.substr(0, end));
      Argument argument;
      if (!text.empty() && (text[0] == '$' || text[0] == '@')) {
        query::Compiled<StepList> path = compile_inner(text, dialect_, nesting_ + 1);
        if (!path) {
          fail(std::move(path.error().message), at_);
          return;
        }
        argument.path = std::make_unique<const StepList>(std::move(*path));
      } else if (!read_lenient_json(text, argument.literal)) {
        fail(fmt::format("Invalid argument of a function: {}", text), at_);
        return;
      }
      arguments.push_back(std::move(argument));
      inside = end == inside.size() ? "" : trim(inside.substr(end + 1));
    }
  }

  // What follows from all steps together.
  void settle() {
    bool certain = true;
    for (std::size_t i = 0; i < list_.steps.size(); ++i) {
      Step& step = list_.steps[i];
      const bool last = i + 1 == list_.steps.size();
      step.certain_before = certain;
      const bool one_node = step.kind == StepKind::name || step.kind == StepKind::index;
      list_.definite = list_.definite && one_node;
      certain = certain && (one_node || (last && (step.kind == StepKind::names || step.kind == StepKind::function)));
      list_.over_results = list_.over_results ||
                           (last && step.kind == StepKind::function && list_.steps.front().kind == StepKind::descend);
    }
    list_.single = certain || list_.over_results;
    list_.reference = list_.reference && list_.definite;
    list_.steps.shrink_to_fit();
  }

  std::string_view text_;
  std::size_t at_;
  Dialect dialect_;
  int nesting_;
  StepList list_;
  bool failed_ = false;
  query::CompileProblem problem_;
};

}  // namespace

std::string_view to_string(FunctionKind kind) {
  const auto* const found =
      std::find_if(kFunctions.begin(), kFunctions.end(), [&](const FunctionName& known) { return known.kind == kind; });
  return found == kFunctions.end() ? std::string_view("function") : found->name;
}

query::Compiled<StepList> compile_steps(std::string_view text, std::size_t begin, Dialect dialect, int nesting) {
  return Compiler(text, begin, dialect, nesting).compile();
}

query::Compiled<StepList> compile_inner(std::string_view text, Dialect dialect, int nesting) {
  const auto last = text.find_last_not_of(' ');
  text = text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  if (text.empty() || (text[0] != '$' && text[0] != '@')) {
    return tl::unexpected(query::CompileProblem{"Path must start with '$' or '@'", 0});
  }
  query::Compiled<StepList> list = compile_steps(text, 1, dialect, nesting);
  if (list) {
    list->at_item = text[0] == '@';
  }
  return list;
}

}  // namespace lockstep::jsonpath
