// From checked text to nodes. Strings without escapes are not copied: their nodes point into the text, which the
// document keeps.
#include "value/parser.hpp"

#include "value/builder.hpp"
#include "value/text.hpp"
#include "value/tree.hpp"
#include "value/utf8.hpp"

namespace lockstep {

/// Trusts its text (check_json has seen it), so it looks at each byte once and checks nothing.
class Parser {
 public:
  explicit Parser(std::string_view text)
      : at_(text.data()), end_(at_ + text.size()), builder_(Tree::make(text.size() * 2 + 64, false)) {}

  const Tree* run() {
    value();
    const Tree* tree = builder_.tree_;
    builder_.tree_ = nullptr;
    return tree;
  }

 private:
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) {
      ++at_;
    }
  }

  void value() {
    skip_blanks();
    switch (*at_) {
      case '{':
        object();
        return;
      case '[':
        array();
        return;
      case '"': {
        Node node;
        node.tag_ = Node::Tag::string;
        const std::string_view text = string();
        const StringTraits traits = string_traits(text);
        node.flags_ = static_cast<std::uint8_t>((traits.ascii ? Node::kAscii : 0) | (traits.plain ? Node::kPlain : 0));
        node.count_ = static_cast<std::uint32_t>(text.size());
        node.u_.text = text.data();
        builder_.add(node, traits.text_size);
        return;
      }
      case 't':
        at_ += 4;
        builder_.boolean(true);
        return;
      case 'f':
        at_ += 5;
        builder_.boolean(false);
        return;
      case 'n':
        at_ += 4;
        builder_.null();
        return;
      default:
        number();
    }
  }

  void number() {
    const char* start = at_;
    while (at_ != end_ && (static_cast<unsigned char>(*at_ - '0') < 10 || *at_ == '-' || *at_ == '+' || *at_ == '.' ||
                           *at_ == 'e' || *at_ == 'E')) {
      ++at_;
    }
    builder_.spelled_number({start, static_cast<std::size_t>(at_ - start)});
  }

  void array() {
    ++at_;
    builder_.begin_array();
    skip_blanks();
    if (*at_ == ']') {
      ++at_;
    } else {
      while (true) {
        value();
        skip_blanks();
        if (*at_++ == ']') {
          break;
        }
      }
    }
    builder_.end_array();
  }

  void object() {
    ++at_;
    builder_.begin_object();
    skip_blanks();
    if (*at_ == '}') {
      ++at_;
    } else {
      while (true) {
        skip_blanks();
        const std::string_view key = string();
        builder_.key_in_place(key);
        skip_blanks();
        ++at_;  // the colon
        value();
        skip_blanks();
        if (*at_++ == '}') {
          break;
        }
      }
    }
    builder_.end_object();
  }

  /// at_ is at the opening quote. A view of the text, or of the arena where there were escapes.
  std::string_view string() {
    const char* start = ++at_;
    while (*at_ != '"' && *at_ != '\\') {
      ++at_;
    }
    if (*at_ == '"') {
      return {start, static_cast<std::size_t>(at_++ - start)};
    }
    const char* close = at_;
    while (*close != '"') {
      close += *close == '\\' ? 2 : 1;
    }
    // What an escape stands for is never longer than the escape.
    char* copy = static_cast<char*>(builder_.tree_->arena.allocate(static_cast<std::size_t>(close - start)));
    std::memcpy(copy, start, static_cast<std::size_t>(at_ - start));
    char* out = copy + (at_ - start);
    while (at_ != close) {
      if (*at_ != '\\') {
        *out++ = *at_++;
        continue;
      }
      ++at_;
      switch (*at_++) {
        case 'b':
          *out++ = '\b';
          break;
        case 'f':
          *out++ = '\f';
          break;
        case 'n':
          *out++ = '\n';
          break;
        case 'r':
          *out++ = '\r';
          break;
        case 't':
          *out++ = '\t';
          break;
        case 'u':
          out = code_point(out);
          break;
        default:
          *out++ = at_[-1];
      }
    }
    ++at_;
    return {copy, static_cast<std::size_t>(out - copy)};
  }

  std::uint32_t hex4() {
    std::uint32_t unit = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = *at_++;
      unit = unit * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
  }

  /// at_ is behind `\u`. A pair of surrogates is one character; a lone one is kept as three bytes (WTF-8).
  char* code_point(char* out) {
    std::uint32_t c = hex4();
    if (c >= 0xD800 && c < 0xDC00 && at_[0] == '\\' && at_[1] == 'u') {
      const char* back = at_;
      at_ += 2;
      const std::uint32_t low = hex4();
      if (low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = back;
      }
    }
    return put_utf8(out, c);
  }

  const char* at_;
  const char* end_;
  Builder builder_;
};

const Tree* parse_checked(std::string_view text) {
  return Parser(text).run();
}

}  // namespace lockstep
