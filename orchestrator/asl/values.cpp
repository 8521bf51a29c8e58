// Reading single fields: literals with their types and bounds, paths, payloads, and what to say where they are wrong.
#include <fmt/format.h>

#include "asl/reader.hpp"
#include "query/template.hpp"

namespace lockstep::asl {

namespace {

bool starts_like_path(std::string_view text) {
  return text.starts_with("$.") || text.starts_with("$[") || text.starts_with("$$.") || text == "$" || text == "$$";
}

/// `States.Name(…)`.
bool looks_like_intrinsic(std::string_view text) {
  constexpr std::string_view kPrefix = "States.";
  if (!text.starts_with(kPrefix) || !text.ends_with(')')) {
    return false;
  }
  text.remove_prefix(kPrefix.size());
  const std::size_t open = text.find('(');
  return open != std::string_view::npos && open > 0 &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(open),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

std::string list_of(std::initializer_list<std::string_view> names) {
  return fmt::format("[{}]", fmt::join(names.begin(), names.end(), ", "));
}

/// A text that a deployment tool fills in: all of it is one `${…}`.
bool is_placeholder(const Node& node) {
  if (!node.is_string()) {
    return false;
  }
  const std::string_view text = node.as_string();
  return text.starts_with("${") && text.ends_with('}') && text.find('}') + 1 == text.size();
}

bool is_identifier(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || byte >= 0x80;
    const bool digit = c >= '0' && c <= '9';
    if (!letter && (!digit || i == 0)) {
      return false;
    }
    characters += (byte & 0xC0U) != 0x80U ? 1 : 0;
  }
  return characters > 0 && characters <= kLongest;
}

/// A field of a JSONata state that is no use unless it comes to a value of one kind.
class KindChecked final : public query::Expression {
 public:
  KindChecked(ExpressionPtr expression, std::string text, std::string field, Kind expected)
      : expression_(std::move(expression)), text_(std::move(text)), field_(std::move(field)), expected_(expected) {}

  query::Evaluated<Value> evaluate(const query::Environment& environment) const override {
    query::Evaluated<Value> value = expression_->evaluate(environment);
    if (value.has_value() && value->node().kind() != expected_) {
      return tl::unexpected(jsonata::unexpected_type(text_, field_, to_string(expected_), *value));
    }
    return value;
  }

 private:
  ExpressionPtr expression_;
  std::string text_;
  std::string field_;
  Kind expected_;
};

}  // namespace

bool looks_like_path(std::string_view text) {
  return starts_like_path(text) || looks_like_intrinsic(text);
}

void Reader::wrong_type(const Place& place, std::string_view expected) {
  report_.schema(place, fmt::format("Expected value of type [{}]", expected));
}

void Reader::unsupported(const Object& object, std::string_view key, const std::vector<std::string>& known) {
  report_.schema(object.place, fmt::format("Field '{}' is not supported", shortened(key)), hints_.of(key, known));
}

void Reader::other_language(const Object& object, std::string_view key) {
  const bool jsonata = object.jsonata();
  report_.schema(object.place, fmt::format("The QueryLanguage is set to '{}', but field '{}' is only supported for the "
                                           "'{}' QueryLanguage",
                                           jsonata ? "JSONata" : "JSONPath", key, jsonata ? "JSONPath" : "JSONata"));
}

void Reader::check_keys(const Object& object, std::initializer_list<std::string_view> allowed) {
  for (std::size_t i = 0; i < object.node.size(); ++i) {
    const std::string_view key = object.node.member(i).key();
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      unsupported(object, key, {allowed.begin(), allowed.end()});
    }
  }
}

void Reader::require(const Object& object, std::initializer_list<std::string_view> keys) {
  std::vector<std::string_view> missing;
  for (const std::string_view key : keys) {
    if (!object.has(key)) {
      missing.push_back(key);
    }
  }
  if (!missing.empty()) {
    report_.schema(object.place, fmt::format("These fields are required: [{}]", fmt::join(missing, ", ")));
  }
}

void Reader::exclusive(const Object& object, std::string_view a, std::string_view b) {
  if (object.has(a) && object.has(b)) {
    report_.schema(object.place, fmt::format("Only one of these fields is allowed: {}", list_of({a, b})));
  }
}

void Reader::check_comment(const Object& object) {
  read_string(object, "Comment");
}

std::optional<std::string_view> Reader::read_string(const Object& object, std::string_view key) {
  const Node* node = object.find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (node->is_string()) {
    return node->as_string();
  }
  wrong_type(Place(object.place, key), "STRING");
  return std::nullopt;
}

std::optional<std::string_view> Reader::read_choice_of(const Object& object, std::string_view key,
                                                       std::initializer_list<std::string_view> values) {
  const std::optional<std::string_view> text = read_string(object, key);
  if (!text.has_value() || std::find(values.begin(), values.end(), *text) != values.end()) {
    return text;
  }
  report_.schema(Place(object.place, key), fmt::format("Value should be one of the following: {}", list_of(values)));
  return std::nullopt;
}

bool Reader::warn_placeholder(const Node& node, const Place& place) {
  if (!is_placeholder(node)) {
    return false;
  }
  report_.warning(kSchema, place,
                  fmt::format("The placeholder '{}' has to be filled in before the state machine can run",
                              shortened(node.as_string())));
  return true;
}

std::optional<std::int64_t> Reader::read_integer(const Object& object, std::string_view key, Range range) {
  const Node* node = object.find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const Place place(object.place, key);
  const std::optional<std::int64_t> value = node->is_number() ? node->as_integer() : std::nullopt;
  if (!value.has_value()) {
    if (!warn_placeholder(*node, place)) {
      wrong_type(place, "INTEGER");
    }
    return std::nullopt;
  }
  if (*value < range.least) {
    report_.schema(place, fmt::format("Value should be greater than or equal to {}", range.least));
    return std::nullopt;
  }
  if (*value > range.most) {
    report_.schema(place, fmt::format("Value should be less than or equal to {}", range.most));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Reader::read_number(const Object& object, std::string_view key, double least, double most) {
  const Node* node = object.find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const Place place(object.place, key);
  if (!node->is_number()) {
    if (!warn_placeholder(*node, place)) {
      wrong_type(place, "NUMBER");
    }
    return std::nullopt;
  }
  const double value = node->as_double();
  if (!(value >= least)) {
    report_.schema(place, fmt::format("Value should be greater than or equal to {}", least));
    return std::nullopt;
  }
  if (!(value <= most)) {
    report_.schema(place, fmt::format("Value should be less than or equal to {}", most));
    return std::nullopt;
  }
  return value;
}

std::optional<ComputedNumber> Reader::read_computed(const Object& object, std::string_view key, Range range,
                                                    bool fraction) {
  const std::string path_key = std::string(key) + "Path";
  if (!object.jsonata()) {
    exclusive(object, key, path_key);
    if (object.has(path_key)) {
      ComputedNumber number;
      number.expression = read_reference_path(object, path_key, &number.path);
      return number;
    }
  }
  const Node* node = object.find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  ComputedNumber number;
  if (object.jsonata() && node->is_string() && jsonata::is_expression_string(node->as_string())) {
    number.expression = read_jsonata_as(object, key, Kind::number);
    return number;
  }
  if (node->is_string() && looks_like_path(node->as_string())) {
    report_.warning("NO_PATH", Place(object.place, key),
                    fmt::format("The value of the field '{}' looks like a path, but the field's name does not end in "
                                "'Path'",
                                key));
  }
  const bool valid =
      fraction ? read_number(object, key, static_cast<double>(range.least), static_cast<double>(range.most)).has_value()
               : read_integer(object, key, range).has_value();
  if (!valid && !is_placeholder(*node)) {
    return std::nullopt;
  }
  number.expression = query::make_literal(part(*node));
  return number;
}

ExpressionPtr Reader::read_path(const Object& object, std::string_view key) {
  const std::optional<std::string_view> text = read_string(object, key);
  if (!text.has_value()) {
    return nullptr;
  }
  query::Compiled<ExpressionPtr> compiled = query::compile_path(*text);
  if (!compiled.has_value()) {
    report_.schema(Place(object.place, key), "Value must be a valid JSONPath.");
    return nullptr;
  }
  return std::move(*compiled);
}

ExpressionPtr Reader::read_data_path(const Object& object, std::string_view key, bool& discarded) {
  const Node* node = object.find(key);
  if (node == nullptr) {
    return nullptr;
  }
  if (node->is_null()) {
    discarded = true;
    return nullptr;
  }
  return node->is_string() && node->as_string() == "$" ? nullptr : read_path(object, key);
}

std::optional<jsonpath::Path> Reader::compile_reference(std::string_view text, const Place& place) {
  if (!text.starts_with('$')) {
    report_.schema(place, "Value is not a Reference Path: Reference path didn't start with '$'");
    return std::nullopt;
  }
  query::Compiled<jsonpath::Path> path = jsonpath::Path::compile(text);
  if (!path.has_value()) {
    report_.schema(place, fmt::format("Value is not a Reference Path: {}", path.error().message));
    return std::nullopt;
  }
  if (!path->is_reference()) {
    report_.schema(place, "Value is not a Reference Path: The path can select more than one value");
    return std::nullopt;
  }
  return std::move(*path);
}

ExpressionPtr Reader::read_reference_path(const Object& object, std::string_view key, std::string* text) {
  const std::optional<std::string_view> value = read_string(object, key);
  if (!value.has_value()) {
    return nullptr;
  }
  if (text != nullptr) {
    *text = std::string(*value);
  }
  return compile_reference(*value, Place(object.place, key)).has_value() ? read_path(object, key) : nullptr;
}

ResultPath Reader::read_result_path(const Object& object) {
  ResultPath result;
  const Node* node = object.find("ResultPath");
  if (node == nullptr) {
    return result;
  }
  if (node->is_null()) {
    result.mode = ResultPath::Mode::discard;
    return result;
  }
  const std::optional<std::string_view> text = read_string(object, "ResultPath");
  if (!text.has_value() || *text == "$") {
    return result;
  }
  const Place place(object.place, "ResultPath");
  std::optional<jsonpath::Path> path = compile_reference(*text, place);
  if (!path.has_value()) {
    return result;
  }
  if (path->root() != jsonpath::Root::input) {
    report_.schema(place, "Value is not a Reference Path: ResultPath can only refer to the state's input");
    return result;
  }
  if (!path->is_whole()) {
    result.mode = ResultPath::Mode::place;
    result.path = std::make_shared<const jsonpath::Path>(std::move(*path));
  }
  return result;
}

ExpressionPtr Reader::read_payload(const Object& object, std::string_view key, const jsonata::FieldScope& scope) {
  return object.jsonata() ? read_jsonata(object, key, scope) : read_template(object, key);
}

ExpressionPtr Reader::read_template(const Object& object, std::string_view key) {
  const Node* node = object.find(key);
  if (node == nullptr) {
    return nullptr;
  }
  const Place place(object.place, key);
  warn_static_text(*node, place, "NO_DOLLAR");
  auto compiled = query::compile_template(part(*node));
  if (!compiled.has_value()) {
    report_.schema(place, compiled.error().message);
    return nullptr;
  }
  return std::move(*compiled);
}

ExpressionPtr Reader::read_jsonata(const Object& object, std::string_view key, const jsonata::FieldScope& scope) {
  const Node* node = object.find(key);
  if (node == nullptr) {
    return nullptr;
  }
  const Place place(object.place, key);
  warn_static_text(*node, place, kJsonata);
  std::vector<jsonata::FieldProblem> problems;
  ExpressionPtr expression = jsonata::compile_field(part(*node), place.relative_to(object.state), scope, problems);
  for (jsonata::FieldProblem& problem : problems) {
    report_.error(problem.code, fmt::format("{}/{}", object.state.location(), problem.location),
                  std::move(problem.message));
  }
  return expression;
}

ExpressionPtr Reader::read_jsonata_as(const Object& object, std::string_view key, Kind expected) {
  ExpressionPtr expression = read_jsonata(object, key);
  const Node* node = object.find(key);
  if (expression == nullptr || !node->is_string() || !jsonata::is_expression_string(node->as_string())) {
    return expression;  // a literal was checked when it was read
  }
  return std::make_shared<KindChecked>(std::move(expression), std::string(node->as_string()),
                                       Place(object.place, key).relative_to(object.state), expected);
}

ExpressionPtr Reader::read_assign(const Object& object, const jsonata::FieldScope& scope, StateId catching) {
  const Node* node = object.find("Assign");
  if (node == nullptr) {
    return nullptr;
  }
  const Place place(object.place, "Assign");
  if (!node->is_object()) {
    wrong_type(place, "OBJECT");
    return nullptr;
  }
  for (std::size_t i = 0; i < node->size(); ++i) {
    std::string_view name = node->member(i).key();
    const Place member(place, name);
    if (!object.jsonata() && name.ends_with(".$")) {
      name.remove_suffix(2);
    }
    if (!is_identifier(name) || name == "states") {
      report_.schema(member, fmt::format("Variable name '{}' is not valid", shortened(name)));
      continue;
    }
    graph_.add_assignment(scope_, name, member, catching);
  }
  return read_payload(object, "Assign", scope);
}

void Reader::warn_static_text(const Node& node, const Place& place, std::string_view code) {
  if (node.is_array()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      warn_static_text(node.at(i), Place(place, i), code);
    }
    return;
  }
  if (node.is_object()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      const Member& member = node.member(i);
      if (code != "NO_DOLLAR" || !member.key().ends_with(".$")) {
        warn_static_text(member.value(), Place(place, member.key()), code);
      }
    }
    return;
  }
  if (!node.is_string()) {
    return;
  }
  const std::string_view text = node.as_string();
  const bool expression = jsonata::is_expression_string(text);
  if (code == kJsonata) {
    if (!expression && (text.starts_with("{%") || text.ends_with("%}"))) {
      report_.warning(code, place, "The value is plain text: a JSONata expression starts with '{%' and ends with '%}'");
    }
  } else if (expression) {
    report_.warning(kJsonata, place,
                    "The value is plain text: JSONata expressions are not evaluated in JSONPath states");
  } else if (looks_like_path(text)) {
    report_.warning(code, place,
                    code == "NO_DOLLAR"
                        ? fmt::format("The value looks like a path or an intrinsic function, but the name of the field "
                                      "'{}' does not end in '.$'",
                                      shortened(place.key()))
                        : "The value looks like a path, but the Result of a Pass state is static");
  }
}

}  // namespace lockstep::asl
