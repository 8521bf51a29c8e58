// Functions from and to text, and JsonMerge.
#include <unordered_set>

#include "query/intrinsics/functions.hpp"
#include "value/builder.hpp"

namespace lockstep::intrinsics {

namespace {

// As Java's toString does: strings bare, {key=value, key=value}, [a, b].
void append_java_text(std::string& out, const Node& node) {
  switch (node.kind()) {
    case Kind::string:
      out += node.as_string();
      return;
    case Kind::array:
      out += '[';
      for (std::size_t i = 0; i < node.size(); ++i) {
        out += i > 0 ? ", " : "";
        append_java_text(out, node.at(i));
      }
      out += ']';
      return;
    case Kind::object:
      out += '{';
      for (std::size_t i = 0; i < node.size(); ++i) {
        out += i > 0 ? ", " : "";
        out += node.member(i).key();
        out += '=';
        append_java_text(out, node.member(i).value());
      }
      out += '}';
      return;
    default:
      append_json(out, node);
      return;
  }
}

// The first code point of `text`, which is not empty, as its bytes.
std::string_view first_character(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
    ++size;
  }
  return text.substr(0, size);
}

}  // namespace

Outcome format(const Invocation& invocation) {
  const std::vector<Value>& arguments = invocation.arguments;
  if (!arguments[0].node().is_string()) {
    return wrong("the first argument must be a string");
  }
  const std::string_view text = arguments[0].node().as_string();
  std::string out;
  std::size_t next = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char after = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '\\' && (after == '\'' || after == '{' || after == '}' || after == '\\')) {
      out += after;
      ++i;
    } else if (text[i] == '{' && after == '}') {
      if (next == arguments.size()) {
        return wrong("the template has more placeholders than there are arguments");
      }
      append_java_text(out, arguments[next++].node());
      ++i;
      if (out.size() > kMaxResult) {
        return wrong(fmt::format("the result must not have more than {} bytes", kMaxResult));
      }
    } else {
      out += text[i];
    }
  }
  if (next != arguments.size()) {
    return wrong("the template has fewer placeholders than there are arguments");
  }
  return Value::string(out);
}

Outcome string_to_json(const Invocation& invocation) {
  const Node& text = invocation.arguments[0].node();
  if (!text.is_string()) {
    return wrong("the argument must be a string");
  }
  if (text.as_string().find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return Value();
  }
  Result<Value> parsed = Value::from_text(std::string(text.as_string()));
  if (!parsed) {
    return wrong(fmt::format("the argument is not valid JSON: {}", parsed.error().message));
  }
  const Node& node = parsed->node();
  if (node.is_number() && node.as_double() == 0 && node.as_integer() == 0 && !node.is_plain_integer()) {
    std::string spelling;
    node.append_number(spelling);
    if (spelling == "-0") {
      return Value::integer(0);
    }
  }
  return std::move(*parsed);
}

Outcome json_to_string(const Invocation& invocation) {
  const Node& node = invocation.arguments[0].node();
  std::string text;
  text.reserve(node.text_size());
  append_json(text, node);
  return Value::string(text);
}

Outcome json_merge(const Invocation& invocation) {
  const Node& left = invocation.arguments[0].node();
  const Node& right = invocation.arguments[1].node();
  const Node& deep = invocation.arguments[2].node();
  if (!left.is_object() || !right.is_object()) {
    return wrong("the first two arguments must be JSON objects");
  }
  if (!deep.is_boolean()) {
    return wrong("the third argument must be a boolean");
  }
  if (deep.as_boolean()) {
    return wrong("only shallow merging is supported: the third argument must be false");
  }
  Builder builder((left.size() + right.size()) * sizeof(Member) + 64);
  builder.begin_object();
  for (std::size_t i = 0; i < left.size(); ++i) {
    builder.key(left.member(i).key());
    builder.part(invocation.arguments[0], left.member(i).node);
  }
  for (std::size_t i = 0; i < right.size(); ++i) {
    builder.key(right.member(i).key());
    builder.part(invocation.arguments[1], right.member(i).node);
  }
  builder.end_object();
  return builder.finish();
}

Outcome string_split(const Invocation& invocation) {
  const Node& text = invocation.arguments[0].node();
  const Node& delimiters = invocation.arguments[1].node();
  if (!text.is_string() || !delimiters.is_string()) {
    return wrong("both arguments must be strings");
  }
  std::unordered_set<std::string_view> separators;
  for (std::string_view left = delimiters.as_string(); !left.empty();) {
    const std::string_view character = first_character(left);
    separators.insert(character);
    left.remove_prefix(character.size());
  }
  Builder builder;
  builder.begin_array();
  std::string_view rest = text.as_string();
  std::size_t size = 0;  // of the piece so far
  const auto end_piece = [&] {
    if (size > 0) {
      builder.string(rest.substr(0, size));
    }
  };
  while (size < rest.size()) {
    const std::string_view character = first_character(rest.substr(size));
    if (separators.count(character) == 0) {
      size += character.size();
      continue;
    }
    end_piece();
    rest.remove_prefix(size + character.size());
    size = 0;
  }
  end_piece();
  builder.end_array();
  return builder.finish();
}

}  // namespace lockstep::intrinsics
