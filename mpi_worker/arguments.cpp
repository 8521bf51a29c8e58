#include "mpi_worker/arguments.hpp"

#include <algorithm>

#include "mpi_worker/printable.hpp"

namespace lockstep::worker {
namespace {

/// Null: there is none.
const Node* field_of(const Value& input, std::string_view field) {
  const Node* at = &input.node();
  const Node* whole = at->is_object() ? at->find(field) : nullptr;
  while (whole == nullptr && at != nullptr && !field.empty()) {
    const std::size_t dot = std::min(field.find('.'), field.size());
    at = at->is_object() ? at->find(field.substr(0, dot)) : nullptr;
    field.remove_prefix(std::min(dot + 1, field.size()));
  }
  return whole != nullptr ? whole : at;
}

/// Appends the value's text to `out`; the return value is what is wrong, empty where nothing is.
std::string append_scalar(std::string& out, const Node* node) {
  switch (node->kind()) {
    case Kind::string:
      if (node->as_string().find('\0') != std::string_view::npos) {
        return "its text holds a NUL character";
      }
      out += node->as_string();
      return {};
    case Kind::number:
      node->append_number(out);
      return {};
    case Kind::boolean:
      out += node->as_boolean() ? "true" : "false";
      return {};
    case Kind::null:
    case Kind::array:
    case Kind::object:
      break;
  }
  return fmt::format("it is {} {}, not a string, number or boolean", node->is_null() ? "a" : "an",
                     to_string(node->kind()));
}

std::string append_field(std::string& out, std::string_view field, const Value& input) {
  const Node* node = field_of(input, field);
  if (node == nullptr) {
    return input.node().is_object() ? "the input has no such field" : "the input is not an object";
  }
  return append_scalar(out, node);
}

std::string problem(std::string_view field, std::string_view argument, std::string_view wrong) {
  return fmt::format("${{{}}} in the argument \"{}\": {}", printable(field), excerpt(argument, 200), wrong);
}

/// The name of the list where the argument stands for all its elements; else empty.
std::string_view list_named(std::string_view argument) {
  constexpr std::string_view kOpen = "${";
  constexpr std::string_view kClose = "...}";
  if (!argument.starts_with(kOpen) || !argument.ends_with(kClose) || argument.find('}') + 1 != argument.size() ||
      argument.size() <= kOpen.size() + kClose.size()) {
    return {};
  }
  return argument.substr(kOpen.size(), argument.size() - kOpen.size() - kClose.size());
}

}  // namespace

tl::expected<std::string, std::string> fill_text(const std::string& argument, const Value& input) {
  std::string text;
  std::size_t at = 0;
  for (std::size_t open = argument.find("${"); open != std::string::npos; open = argument.find("${", at)) {
    const std::size_t close = argument.find('}', open);
    if (close == std::string::npos) {
      break;
    }
    text.append(argument, at, open - at);
    const std::string_view field = std::string_view(argument).substr(open + 2, close - open - 2);
    if (const std::string wrong = append_field(text, field, input); !wrong.empty()) {
      return tl::unexpected(problem(field, argument, wrong));
    }
    at = close + 1;
  }
  return text.append(argument, at);
}

tl::expected<std::vector<std::string>, std::string> fill_arguments(const std::vector<std::string>& argv,
                                                                   const Value& input) {
  std::vector<std::string> filled;
  filled.reserve(argv.size());
  for (const std::string& argument : argv) {
    const std::string_view list = list_named(argument);
    if (list.empty()) {
      auto text = fill_text(argument, input);
      if (!text) {
        return tl::unexpected(std::move(text.error()));
      }
      filled.push_back(*std::move(text));
      continue;
    }
    const std::string_view shown = std::string_view(argument).substr(2, argument.size() - 3);
    const Node* elements = field_of(input, list);
    if (elements != nullptr && !elements->is_array()) {
      return tl::unexpected(problem(
          shown, argument,
          fmt::format("it is {} {}, not an array", elements->is_object() ? "an" : "a", to_string(elements->kind()))));
    }
    for (std::size_t i = 0; elements != nullptr && i < elements->size(); ++i) {
      if (const std::string wrong = append_scalar(filled.emplace_back(), &elements->at(i)); !wrong.empty()) {
        return tl::unexpected(problem(shown, argument, wrong));
      }
    }
  }
  return filled;
}

}  // namespace lockstep::worker
