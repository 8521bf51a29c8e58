#include "query/template.hpp"

#include <algorithm>

#include "query/intrinsics/call.hpp"
#include "value/builder.hpp"

namespace lockstep::query {

namespace {

using intrinsics::Call;
using jsonpath::Path;

constexpr std::string_view kRuntime = "States.Runtime";
constexpr std::string_view kIntrinsicFailure = "States.IntrinsicFailure";

Failure not_found(const Path& path, std::string_view field, const Environment& environment) {
  std::string input;
  append_json(input, environment.input.node());
  return {std::string(kRuntime),
          fmt::format("The JSONPath '{}' specified for the field '{}' could not be found in the input '{}'",
                      path.text(), field, input),
          {}};
}

Failure of(const intrinsics::Trouble& trouble, std::string_view field, const Environment& environment) {
  if (trouble.missed != nullptr) {
    return not_found(*trouble.missed, field, environment);
  }
  return {std::string(kIntrinsicFailure), trouble.cause, {}};
}

// InputPath, OutputPath, TimeoutSecondsPath, …
class PathField final : public Expression {
 public:
  explicit PathField(Path path) : path_(std::move(path)) {}

  Evaluated<Value> evaluate(const Environment& environment) const override {
    tl::expected<Value, jsonpath::Miss> selected = path_.select(environment);
    if (!selected) {
      return tl::unexpected(Failure{
          std::string(kRuntime), fmt::format("Invalid path '{}' : {}", path_.text(), selected.error().detail), {}});
    }
    return std::move(*selected);
  }

 private:
  Path path_;
};

// A part of a template: literal, container of parts, path or call.
struct Part {
  enum class Kind : std::uint8_t { literal, object, array, path, call };
  struct Child;

  Kind kind = Kind::literal;
  std::string field;              // of path and call: its key as AWS quotes it
  Value literal;                  // a document of its own, so that many results can share it
  std::vector<std::string> keys;  // of object
  std::vector<Part> parts;        // of object and array
  std::optional<Path> path;
  std::shared_ptr<const Call> call;
};

Evaluated<Value> evaluate_part(const Part& part, const Environment& environment);

// Adds what `part` gives to `builder`; a failure leaves the builder with open brackets.
tl::expected<void, Failure> append(Builder& builder, const Part& part, const Environment& environment) {
  switch (part.kind) {
    case Part::Kind::literal:
      builder.value(part.literal);
      return {};
    case Part::Kind::array:
    case Part::Kind::object: {
      const bool is_object = part.kind == Part::Kind::object;
      tl::expected<void, Failure> done;
      is_object ? builder.begin_object() : builder.begin_array();
      for (std::size_t i = 0; i < part.parts.size() && done; ++i) {
        if (is_object) {
          builder.key(part.keys[i]);
        }
        done = append(builder, part.parts[i], environment);
      }
      is_object ? builder.end_object() : builder.end_array();
      return done;
    }
    case Part::Kind::path:
      if (part.path->is_definite()) {
        const Value* document = part.path->document(environment);
        const Node* node = document == nullptr ? nullptr : part.path->find(document->node());
        if (node == nullptr) {
          return tl::unexpected(not_found(*part.path, part.field, environment));
        }
        builder.part(*document, *node);
        return {};
      }
      [[fallthrough]];
    case Part::Kind::call: {
      Evaluated<Value> value = evaluate_part(part, environment);
      if (!value) {
        return tl::unexpected(std::move(value.error()));
      }
      builder.value(*value);
      return {};
    }
  }
  return {};
}

Evaluated<Value> evaluate_part(const Part& part, const Environment& environment) {
  if (part.kind == Part::Kind::path) {
    tl::expected<Value, jsonpath::Miss> selected = part.path->select(environment);
    if (!selected) {
      return tl::unexpected(not_found(*part.path, part.field, environment));
    }
    return std::move(*selected);
  }
  if (part.kind == Part::Kind::call) {
    tl::expected<Value, intrinsics::Trouble> value = part.call->evaluate(environment);
    if (!value) {
      return tl::unexpected(of(value.error(), part.field, environment));
    }
    return std::move(*value);
  }
  if (part.kind == Part::Kind::literal) {
    return part.literal;
  }
  Builder builder(part.parts.size() * sizeof(Member) * 2 + 64);
  const tl::expected<void, Failure> done = append(builder, part, environment);
  if (!done) {
    return tl::unexpected(done.error());
  }
  return builder.finish();
}

class Template final : public Expression {
 public:
  explicit Template(Part part) : part_(std::move(part)) {}
  Evaluated<Value> evaluate(const Environment& environment) const override { return evaluate_part(part_, environment); }

 private:
  Part part_;
};

Compiled<Part> compile_dynamic(std::string_view text, std::string_view field) {
  Part part;
  part.field = field;
  if (!text.empty() && text[0] == '$') {
    Compiled<Path> path = Path::compile(text);
    if (!path) {
      return tl::unexpected(std::move(path.error()));
    }
    part.kind = Part::Kind::path;
    part.path.emplace(std::move(*path));
    return part;
  }
  Compiled<std::unique_ptr<const Call>> call = Call::compile(text);
  if (!call) {
    return tl::unexpected(std::move(call.error()));
  }
  part.kind = Part::Kind::call;
  part.call = std::move(*call);
  return part;
}

bool is_dynamic(std::string_view key) {
  return key.size() >= 2 && key.substr(key.size() - 2) == ".$";
}

bool has_dynamic(const Node& node) {
  for (std::size_t i = 0; node.is_container() && i < node.size(); ++i) {
    if (node.is_object() && is_dynamic(node.member(i).key())) {
      return true;
    }
    if (has_dynamic(node.is_array() ? node.at(i) : node.member(i).value())) {
      return true;
    }
  }
  return false;
}

tl::expected<Part, TemplateProblem> compile_part(const Value& owner, const Node& node);

// String.hashCode() of Java: over the units of UTF-16.
std::uint32_t java_hash(std::string_view utf8) {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t j = i + 1; j < std::min(i + length, utf8.size()); ++j) {
      code = code << 6 | (static_cast<unsigned char>(utf8[j]) & 0x3FU);
    }
    if (code >= 0x10000) {
      hash = hash * 31 + (0xD800 + ((code - 0x10000) >> 10));
      code = 0xDC00 + ((code - 0x10000) & 0x3FF);
    }
    hash = hash * 31 + code;
    i += length;
  }
  return hash;
}

// The members of an object as AWS puts them: first what is not computed, in the template's order, then what is, in the
// order of a Java HashMap of their keys. It shows wherever an object becomes text: States.JsonToString, States.Format,
// States.Hash.
void put_in_order(Part& object, const std::vector<bool>& computed) {
  const auto count = static_cast<std::size_t>(std::count(computed.begin(), computed.end(), true));
  std::size_t buckets = 16;
  while (count * 4 > buckets * 3) {
    buckets *= 2;
  }
  std::vector<std::pair<std::size_t, std::size_t>> order;  // bucket, or 0 before all buckets; place in the template
  for (std::size_t i = 0; i < object.keys.size(); ++i) {
    const std::uint32_t hash = java_hash(object.keys[i]);
    order.emplace_back(computed[i] ? 1 + ((hash ^ hash >> 16) & (buckets - 1)) : 0, i);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::string> keys;
  std::vector<Part> parts;
  for (const auto& [bucket, place] : order) {
    keys.push_back(std::move(object.keys[place]));
    parts.push_back(std::move(object.parts[place]));
  }
  object.keys = std::move(keys);
  object.parts = std::move(parts);
}

tl::expected<Part, TemplateProblem> compile_member(const Value& owner, const Member& member, std::string& key) {
  key = member.key();
  if (!is_dynamic(key)) {
    return compile_part(owner, member.value());
  }
  if (member.value().is_string()) {
    Compiled<Part> part = compile_dynamic(member.value().as_string(), key);
    if (part) {
      key.resize(key.size() - 2);
      return std::move(*part);
    }
  }
  return tl::unexpected(TemplateProblem{
      key,
      fmt::format("The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call", key)});
}

tl::expected<Part, TemplateProblem> compile_part(const Value& owner, const Node& node) {
  Part part;
  if (!has_dynamic(node)) {
    std::string text;
    append_json(text, node);
    part.literal = Value::from_checked_text(std::move(text));
    return part;
  }
  part.kind = node.is_array() ? Part::Kind::array : Part::Kind::object;
  std::vector<bool> computed;
  for (std::size_t i = 0; i < node.size(); ++i) {
    std::string key;
    tl::expected<Part, TemplateProblem> inner =
        node.is_array() ? compile_part(owner, node.at(i)) : compile_member(owner, node.member(i), key);
    if (!inner) {
      return inner;
    }
    if (node.is_object()) {
      computed.push_back(is_dynamic(node.member(i).key()));
      part.keys.push_back(std::move(key));
    }
    part.parts.push_back(std::move(*inner));
  }
  // Two members become one key only if one of them lost its suffix.
  std::vector<std::string_view> sorted(part.keys.begin(), part.keys.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    return tl::unexpected(
        TemplateProblem{fmt::format("{}.$", *twice),
                        fmt::format("The field '{}' is given twice: as '{}' and as '{}.$'", *twice, *twice, *twice)});
  }
  if (node.is_object()) {
    put_in_order(part, computed);
  }
  return part;
}

}  // namespace

Compiled<ExpressionPtr> compile_path(std::string_view text) {
  Compiled<Path> path = Path::compile(text);
  if (!path) {
    return tl::unexpected(std::move(path.error()));
  }
  return std::make_shared<PathField>(std::move(*path));
}

Compiled<ExpressionPtr> compile_template_value(std::string_view text, std::string_view field) {
  Compiled<Part> part = compile_dynamic(text, field);
  if (!part) {
    return tl::unexpected(std::move(part.error()));
  }
  return std::make_shared<Template>(std::move(*part));
}

tl::expected<ExpressionPtr, TemplateProblem> compile_template(const Value& owner) {
  if (!has_dynamic(owner.node())) {
    return make_literal(owner);
  }
  tl::expected<Part, TemplateProblem> part = compile_part(owner, owner.node());
  if (!part) {
    return tl::unexpected(std::move(part.error()));
  }
  return std::make_shared<Template>(std::move(*part));
}

Compiled<ExpressionPtr> compile_intrinsic(std::string_view text) {
  Compiled<std::unique_ptr<const Call>> call = Call::compile(text);
  if (!call) {
    return tl::unexpected(std::move(call.error()));
  }
  Part part;
  part.kind = Part::Kind::call;
  part.field = text;
  part.call = std::move(*call);
  return std::make_shared<Template>(std::move(part));
}

}  // namespace lockstep::query
