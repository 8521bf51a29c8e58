#include "cli/json_argument.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "service/files.hpp"
#include "value/node.hpp"

namespace lockstep::cli {

namespace fs = std::filesystem;

namespace {

bool looks_like_json(const std::string& argument) {
  const std::size_t first = argument.find_first_not_of(" \t\r\n");
  return first != std::string::npos && std::string_view("{[\"").find(argument[first]) != std::string_view::npos;
}

}  // namespace

bool names_file(const std::string& argument) {
  std::error_code error;
  return argument != "-" && !looks_like_json(argument) && fs::exists(argument, error);
}

Result<Value> read_json_argument(const std::string& option, const std::string& argument) {
  std::string text = argument;
  std::string name = "the text after " + option;
  if (argument == "-" || names_file(argument)) {
    text = TRY(service::read_file(argument));
    name = argument == "-" ? "standard input" : argument;
  } else if (JsonProblem problem; !looks_like_json(argument) && !check_json(argument, problem)) {
    return fail(ErrorKind::invalid, fmt::format("{} '{}' is neither a file nor JSON", option, argument));
  }
  auto value = Value::from_text(std::move(text));
  if (!value) {
    return fail(ErrorKind::invalid, fmt::format("{} is not JSON: {}", name, value.error().message));
  }
  return value;
}

Result<std::pair<std::string, Value>> parse_binding(std::string_view text) {
  const std::size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  if (name.starts_with('$')) {
    name.remove_prefix(1);
  }
  if (equals == std::string_view::npos || name.empty()) {
    return fail(ErrorKind::usage, fmt::format("'{}' is not of the form name=JSON", text));
  }
  auto value = Value::from_text(std::string(text.substr(equals + 1)));
  if (!value) {
    return fail(ErrorKind::usage, fmt::format("the value of '{}' is not JSON: {}", name, value.error().message));
  }
  return std::pair(std::string(name), std::move(*value));
}

}  // namespace lockstep::cli
