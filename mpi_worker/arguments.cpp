#include "mpi_worker/arguments.hpp"

#include "mpi_worker/printable.hpp"

namespace lockstep::worker {
namespace {

/// Appends the field's text to `out`; the return value is what is wrong, empty where nothing is.
std::string append_field(std::string& out, std::string_view field, const Value& input) {
  const Node* node = input.node().is_object() ? input.node().find(field) : nullptr;
  if (node == nullptr) {
    return input.node().is_object() ? "the input has no such field" : "the input is not an object";
  }
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

}  // namespace

tl::expected<std::vector<std::string>, std::string> fill_arguments(const std::vector<std::string>& argv,
                                                                   const Value& input) {
  std::vector<std::string> filled;
  filled.reserve(argv.size());
  for (const std::string& argument : argv) {
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
        return tl::unexpected(
            fmt::format("${{{}}} in the argument \"{}\": {}", printable(field), excerpt(argument, 200), wrong));
      }
      at = close + 1;
    }
    text.append(argument, at);
    filled.push_back(std::move(text));
  }
  return filled;
}

}  // namespace lockstep::worker
