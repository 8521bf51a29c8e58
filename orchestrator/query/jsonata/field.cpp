// Fields of JSONata states: JSON whose strings `{% … %}` are expressions.
#include "query/jsonata/jsonata.hpp"
#include "query/jsonata/program.hpp"
#include "query/jsonata/static_check.hpp"
#include "value/builder.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::string_view kQueryError = "States.QueryEvaluationError";

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view inner_text(std::string_view text) {
  return trimmed(is_expression_string(text) ? text.substr(2, text.size() - 4) : text);
}

std::string child_location(const std::string& location, std::string_view key) {
  return location + "/" + std::string(key);
}

std::string child_location(const std::string& location, std::size_t index) {
  return location + "[" + std::to_string(index) + "]";
}

query::Failure failure(std::string_view expression, std::string_view location, std::string_view what) {
  return {std::string(kQueryError),
          fmt::format("The JSONata expression '{}' specified for the field '{}' {}", expression, location, what),
          std::string(location)};
}

// One expression string and where it stands.
struct Site {
  std::shared_ptr<const Program> program;
  std::string text;
  std::string location;

  query::Evaluated<Value> evaluate(const query::Environment& environment) const {
    Request request;
    request.state = &environment;
    request.now = environment.now;
    Outcome outcome = program->evaluate(request);
    switch (outcome.kind) {
      case Outcome::Kind::value:
        return std::move(outcome.value);
      case Outcome::Kind::undefined:
        return tl::unexpected(failure(text, location, "returned nothing (undefined)."));
      case Outcome::Kind::function:
        return tl::unexpected(failure(text, location, "returned an unsupported result type."));
      case Outcome::Kind::error:
        break;
    }
    const std::string separator = outcome.error.code.empty() ? "" : ": ";
    return tl::unexpected(failure(
        text, location, "threw an error during evaluation. " + outcome.error.code + separator + outcome.error.message));
  }
};

class Field final : public query::Expression {
 public:
  Field(Value owner, std::vector<Site> sites) : owner_(std::move(owner)), sites_(std::move(sites)) {}

  query::Evaluated<Value> evaluate(const query::Environment& environment) const override {
    const Node& node = owner_.node();
    if (node.is_string()) {
      return sites_[0].evaluate(environment);
    }
    std::vector<Value> results;
    results.reserve(sites_.size());
    for (const Site& site : sites_) {
      query::Evaluated<Value> result = site.evaluate(environment);
      if (!result) {
        return result;
      }
      results.push_back(std::move(*result));
    }
    Builder builder;
    std::size_t next = 0;
    build(builder, node, results, next);
    return builder.finish();
  }

 private:
  // Copies the field with the results in place of its expressions, which come in the order of the text.
  void build(Builder& builder, const Node& node, const std::vector<Value>& results, std::size_t& next) const {
    if (node.is_string() && is_expression_string(node.as_string())) {
      builder.value(results[next++]);
    } else if (node.is_array()) {
      builder.begin_array();
      for (std::size_t i = 0; i < node.size(); ++i) {
        build(builder, node.at(i), results, next);
      }
      builder.end_array();
    } else if (node.is_object()) {
      builder.begin_object();
      for (std::size_t i = 0; i < node.size(); ++i) {
        builder.key(node.member(i).key());
        build(builder, node.member(i).value(), results, next);
      }
      builder.end_object();
    } else {
      builder.part(owner_, node);
    }
  }

  Value owner_;
  std::vector<Site> sites_;
};

class Compiler {
 public:
  Compiler(const FieldScope& scope, std::vector<FieldProblem>& problems) : scope_(scope), problems_(problems) {}

  void visit(const Node& node, const std::string& location) {
    if (node.is_string()) {
      if (is_expression_string(node.as_string())) {
        compile(node.as_string(), location);
      }
    } else if (node.is_array()) {
      for (std::size_t i = 0; i < node.size(); ++i) {
        visit(node.at(i), child_location(location, i));
      }
    } else if (node.is_object()) {
      for (std::size_t i = 0; i < node.size(); ++i) {
        visit(node.member(i).value(), child_location(location, node.member(i).key()));
      }
    }
  }

  std::vector<Site> take() { return std::move(sites_); }

 private:
  void compile(std::string_view text, const std::string& location) {
    text = inner_text(text);
    auto program = Program::compile(text, Level::asl);
    if (!program) {
      problems_.push_back({"INVALID_JSONATA_EXPRESSION", program.error().message, location});
      return;
    }
    for (std::string& message : unsupported_references((*program)->data(), scope_)) {
      problems_.push_back({"UNSUPPORTED_JSONATA_EXPRESSION", std::move(message), location});
    }
    sites_.push_back({std::move(*program), std::string(text), location});
  }

  const FieldScope& scope_;
  std::vector<FieldProblem>& problems_;
  std::vector<Site> sites_;
};

}  // namespace

bool is_expression_string(std::string_view text) {
  return text.size() >= 4 && text.starts_with("{%") && text.ends_with("%}");
}

query::Failure unexpected_type(std::string_view expression, std::string_view location, std::string_view expected,
                               const Value& value) {
  std::string compact;
  append_json(compact, value.node());
  return failure(inner_text(expression), location,
                 fmt::format("returned an unexpected result type. Expected '{}', but was '{}' for value: {}", expected,
                             to_string(value.node().kind()), compact));
}

query::ExpressionPtr compile_field(const Value& field_value, std::string_view field, const FieldScope& scope,
                                   std::vector<FieldProblem>& problems) {
  const std::size_t before = problems.size();
  Compiler compiler(scope, problems);
  compiler.visit(field_value.node(), std::string(field));
  if (problems.size() > before) {
    return nullptr;
  }
  std::vector<Site> sites = compiler.take();
  if (sites.empty()) {
    return query::make_literal(field_value);
  }
  return std::make_shared<Field>(field_value, std::move(sites));
}

}  // namespace lockstep::jsonata
