#define PCRE2_CODE_UNIT_WIDTH 8
#include "query/jsonata/regex.hpp"

#include <pcre2.h>

#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

// Backtracking steps of one match; a pattern that needs more is hostile or hopeless.
constexpr std::uint32_t kMatchLimit = 2'000'000;
constexpr std::uint32_t kHeapKilobytes = 16 * 1024;

constexpr std::string_view kWideBlanks =
    R"(\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF})";

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Rewrites a pattern of JavaScript for PCRE2: what the same letters mean differently there, and what only PCRE2 knows.
class Translator {
 public:
  Translator(std::string_view pattern, bool wide) : pattern_(pattern), wide_(wide) {}

  bool run(std::string& out, std::string& error) {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        escape(out);
        continue;
      }
      ++at_;
      if (in_class_) {
        if (c == ']') {
          in_class_ = false;
        }
        if (c == '[') {
          out += '\\';  // [: would open a POSIX class
        }
        out += c;
        continue;
      }
      switch (c) {
        case '[':
          open_class(out);
          break;
        case '.':
          out += wide_ ? R"([^\n\r\x{2028}\x{2029}])" : R"([^\n\r])";
          break;
        case '(':
          if (!open_group(out, error)) {
            return false;
          }
          break;
        case '+':
          // A quantifier behind a quantifier is an error there and possessive here.
          if (!out.empty() && quantified_ == out.size()) {
            error = "Nothing to repeat";
            return false;
          }
          out += c;
          quantified_ = out.size();
          break;
        case '*':
        case '?':
          out += c;
          quantified_ = c == '*' || quantified_ + 1 != out.size() ? out.size() : 0;
          break;
        case '}':
          out += c;
          quantified_ = out.size();
          break;
        default:
          out += c;
      }
    }
    return true;
  }

 private:
  void open_class(std::string& out) {
    const std::string_view rest = pattern_.substr(at_);
    if (rest.starts_with(']')) {
      out += "[^\\s\\S]";  // no character
      ++at_;
    } else if (rest.starts_with("^]")) {
      out += "[\\s\\S]";  // any
      at_ += 2;
    } else {
      in_class_ = true;
      out += '[';
      if (rest.starts_with('^')) {
        out += '^';
        ++at_;
      }
    }
  }

  bool open_group(std::string& out, std::string& error) {
    out += '(';
    if (at_ >= pattern_.size()) {
      return true;
    }
    if (pattern_[at_] == '*') {
      error = "Nothing to repeat";
      return false;
    }
    if (pattern_[at_] == '?') {
      const char kind = at_ + 1 < pattern_.size() ? pattern_[at_ + 1] : '\0';
      if (kind != ':' && kind != '=' && kind != '!' && kind != '<') {
        error = "Invalid group";
        return false;
      }
      out += '?';
      out += kind;
      at_ += 2;
    }
    return true;
  }

  void escape(std::string& out) {
    const char c = at_ + 1 < pattern_.size() ? pattern_[at_ + 1] : '\0';
    at_ += 2;
    switch (c) {
      case '\0':
        out += '\\';
        return;
      case 's':
        if (!wide_) {
          out += R"(\s)";
        } else {
          out += in_class_ ? "\\s" : "[\\s";
          out += kWideBlanks;
          out += in_class_ ? "" : "]";
        }
        return;
      case 'S':
        if (!wide_ || in_class_) {
          out += R"(\S)";
        } else {
          out += "[^\\s";
          out += kWideBlanks;
          out += ']';
        }
        return;
      case 'v':
        out += R"(\x0B)";
        return;
      case 'u': {
        if (pattern_.size() >= at_ + 4 && std::all_of(&pattern_[at_], &pattern_[at_] + 4, is_hex)) {
          out += "\\x{";
          out += pattern_.substr(at_, 4);
          out += '}';
          at_ += 4;
        } else {
          out += 'u';
        }
        return;
      }
      case 'x':
        if (pattern_.size() >= at_ + 2 && is_hex(pattern_[at_]) && is_hex(pattern_[at_ + 1])) {
          out += "\\x";
        } else {
          out += 'x';
        }
        return;
      case 'c':
        out += "\\c";
        return;
      default:
        break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && std::string_view("bBdDwWfnrtk").find(c) == std::string_view::npos) {
      out += c;  // an escape that only PCRE2 knows
      return;
    }
    out += '\\';
    out += c;
  }

  std::string_view pattern_;
  bool wide_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::size_t quantified_ = 0;  // length of the output right behind a quantifier
};

pcre2_code* compile_code(std::string_view pattern, bool wide, std::uint32_t options, std::string& error) {
  std::string translated;
  if (!Translator(pattern, wide).run(translated, error)) {
    return nullptr;
  }
  options |= PCRE2_MATCH_UNSET_BACKREF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
  if (wide) {
    options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
  }
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context, 200);
  pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), options,
                                       &code, &offset, context);
  pcre2_compile_context_free(context);
  if (compiled == nullptr) {
    PCRE2_UCHAR text[160];
    pcre2_get_error_message(code, text, sizeof text);
    error = reinterpret_cast<const char*>(text);
    return nullptr;
  }
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  return compiled;
}

// What matching needs besides the pattern; kept per thread.
struct Workspace {
  Workspace()
      : context(pcre2_match_context_create(nullptr)), stack(pcre2_jit_stack_create(32 << 10, 1 << 20, nullptr)) {
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_heap_limit(context, kHeapKilobytes);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Workspace() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  void reserve(std::uint32_t wanted) {
    if (data == nullptr || pairs < wanted) {
      pcre2_match_data_free(data);
      pairs = std::max(wanted, 16U);
      data = pcre2_match_data_create(pairs, nullptr);
    }
  }

  pcre2_match_context* context;
  pcre2_jit_stack* stack;
  pcre2_match_data* data = nullptr;
  std::uint32_t pairs = 0;
};

}  // namespace

std::unique_ptr<Regex> Regex::compile(std::string_view pattern, bool ignore_case, bool multi_line, std::string& error) {
  std::uint32_t options = 0;
  options |= ignore_case ? PCRE2_CASELESS : 0U;
  options |= multi_line ? PCRE2_MULTILINE : 0U;
  std::unique_ptr<Regex> regex(new Regex());
  regex->source_ = pattern;
  regex->unicode_ = compile_code(pattern, true, options, error);
  if (regex->unicode_ == nullptr) {
    return nullptr;
  }
  pcre2_pattern_info(regex->unicode_, PCRE2_INFO_CAPTURECOUNT, &regex->captures_);
  if (is_ascii(pattern)) {
    std::string ignored;
    regex->ascii_ = compile_code(pattern, false, options, ignored);
  }
  return regex;
}

Regex::~Regex() {
  pcre2_code_free(unicode_);
  pcre2_code_free(ascii_);
}

Regex::Outcome Regex::match(std::string_view subject, bool ascii, std::size_t from, Match& out) const {
  thread_local Workspace workspace;
  const pcre2_code* code = ascii && ascii_ != nullptr ? ascii_ : unicode_;
  const std::uint32_t captures = captures_;
  workspace.reserve(captures + 1);
  const char* text = subject.empty() ? "" : subject.data();
  const auto* units = reinterpret_cast<PCRE2_SPTR>(text);
  // Without UTF there is nothing to check first.
  int result = code == ascii_ && from <= subject.size()
                   ? pcre2_jit_match(code, units, subject.size(), from, 0, workspace.data, workspace.context)
                   : pcre2_match(code, units, subject.size(), from, 0, workspace.data, workspace.context);
  if (result == PCRE2_ERROR_JIT_BADOPTION) {  // a pattern that the JIT cannot compile
    result = pcre2_match(code, units, subject.size(), from, 0, workspace.data, workspace.context);
  }
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
    result = pcre2_match(code, units, subject.size(), from, PCRE2_NO_JIT, workspace.data, workspace.context);
  }
  if (result == PCRE2_ERROR_NOMATCH) {
    return Outcome::none;
  }
  if (result < 0) {
    return Outcome::too_much;
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(workspace.data);
  out.groups.resize(captures + 1);
  for (std::uint32_t i = 0; i <= captures; ++i) {
    const bool set = i < static_cast<std::uint32_t>(result) && offsets[2 * i] != PCRE2_UNSET;
    out.groups[i] = set ? std::pair<std::size_t, std::size_t>(offsets[2 * i], offsets[2 * i + 1])
                        : std::pair<std::size_t, std::size_t>(std::string_view::npos, std::string_view::npos);
  }
  return Outcome::found;
}

}  // namespace lockstep::jsonata
