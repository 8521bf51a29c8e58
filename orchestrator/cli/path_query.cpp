#include "cli/path_query.hpp"

#include <istream>
#include <memory>
#include <ostream>

#include "value/builder.hpp"
#include "value/random.hpp"

namespace lockstep::cli {

using query::Compiled;
using query::Evaluated;
using query::ExpressionPtr;
using query::Failure;
using query::VariableScope;

namespace {

constexpr std::string_view kInvalidExpression = "InvalidExpression";
constexpr std::string_view kInvalidRequest = "InvalidRequest";

// An environment without an execution: the Context object is empty.
class Bench final : public query::Environment {
 public:
  explicit Bench(std::uint64_t seed) : context_(Value::empty_object()), state_(seed) {}
  const Value& context() const override { return context_; }
  std::uint64_t random() const override { return next_random(state_); }

 private:
  Value context_;
  mutable std::uint64_t state_;
};

Evaluated<Value> evaluate(const PathQuery& request, std::string_view text, const Value& data,
                          const std::shared_ptr<const VariableScope>& variables, std::uint64_t seed) {
  const Compiled<ExpressionPtr> expression = request.compile(text);
  if (!expression) {
    return tl::unexpected(
        Failure{std::string(kInvalidExpression),
                fmt::format("{} (at character {})", expression.error().message, expression.error().position),
                {}});
  }
  Bench bench(seed);
  bench.input = data;
  bench.variables = variables.get();
  bench.now = request.now;
  return (*expression)->evaluate(bench);
}

// The answer to one line of a batch.
std::string answer(const Evaluated<Value>& result) {
  std::string line;
  if (result) {
    line = "{\"result\":";
    append_json(line, result->node());
  } else {
    line = "{\"error\":{\"code\":";
    append_json_string(line, result.error().error);
    line += ",\"message\":";
    append_json_string(line, result.error().cause);
    line += '}';
  }
  return line + "}";
}

Evaluated<Value> invalid_request(std::string message) {
  return tl::unexpected(Failure{std::string(kInvalidRequest), std::move(message), {}});
}

Evaluated<Value> evaluate_line(const PathQuery& request, std::string line,
                               const std::shared_ptr<const VariableScope>& base, std::uint64_t seed) {
  const Result<Value> parsed = Value::from_text(std::move(line));
  if (!parsed) {
    return invalid_request(parsed.error().message);
  }
  const Node& node = parsed->node();
  const Node* text = node.is_object() ? node.find("expr") : nullptr;
  if (text == nullptr || !text->is_string()) {
    return invalid_request("A request is an object with a string \"expr\"");
  }
  const Node* data = node.find("data");
  const Node* bindings = node.find("bindings");
  std::shared_ptr<const VariableScope> variables = base;
  if (bindings != nullptr && !bindings->is_null()) {
    if (!bindings->is_object()) {
      return invalid_request("\"bindings\" is an object");
    }
    std::vector<VariableScope::Entry> entries;
    for (std::size_t i = 0; i < bindings->size(); ++i) {
      entries.push_back({std::string(bindings->member(i).key()), parsed->part(bindings->member(i).value())});
    }
    variables = VariableScope::with(base, entries);
  }
  return evaluate(request, text->as_string(), data == nullptr ? request.data : parsed->part(*data), variables, seed);
}

}  // namespace

int run_query(const PathQuery& request, std::istream& in, std::ostream& out, std::ostream& errors) {
  const std::shared_ptr<const VariableScope> variables = VariableScope::with(nullptr, request.bindings);
  if (request.expression) {
    const Evaluated<Value> result = evaluate(request, *request.expression, request.data, variables, request.seed);
    if (!result) {
      errors << result.error().error << ": " << result.error().cause << std::endl;
      return 1;
    }
    std::string line;
    append_json(line, result->node());
    out << line << std::endl;
    return 0;
  }
  std::uint64_t seed = request.seed;
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) {
      out << answer(evaluate_line(request, std::move(line), variables, seed++)) << std::endl;
    }
    line.clear();
  }
  return 0;
}

}  // namespace lockstep::cli
