#include "cli/jsonata_query.hpp"

#include <ctime>
#include <istream>
#include <ostream>

#include "query/jsonata/text.hpp"
#include "value/random.hpp"

namespace lockstep::cli {

using jsonata::Binding;
using jsonata::Limits;
using jsonata::Outcome;
using jsonata::Program;
using jsonata::QueryError;
using jsonata::Request;

namespace {

constexpr double kNanosPerMicro = 1000;

// Of one seed: the same numbers each time.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() { return next_random(state_); }

 private:
  std::uint64_t state_;
};

// JSON with two blanks per level, for people.
void append_pretty(std::string& out, const Node& node, std::size_t level) {
  if (!node.is_container() || node.size() == 0) {
    append_json(out, node);
    return;
  }
  out += node.is_array() ? "[" : "{";
  for (std::size_t i = 0; i < node.size(); ++i) {
    out += i > 0 ? ",\n" : "\n";
    out.append(2 * (level + 1), ' ');
    if (node.is_array()) {
      append_pretty(out, node.at(i), level + 1);
    } else {
      append_json_string(out, node.member(i).key());
      out += ": ";
      append_pretty(out, node.member(i).value(), level + 1);
    }
  }
  out += '\n';
  out.append(2 * level, ' ');
  out += node.is_array() ? "]" : "}";
}

std::string error_line(const QueryError& error) {
  std::string line = "{\"error\":{\"code\":";
  append_json_string(line, error.code);
  line += ",\"message\":";
  append_json_string(line, error.message);
  line += ",\"position\":";
  line += error.position >= 0 ? std::to_string(error.position) : "null";
  if (!error.token.empty()) {
    line += ",\"token\":";
    append_json_string(line, error.token);
  }
  return line + "}}";
}

std::string answer(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::value: {
      std::string line = "{\"result\":";
      append_json(line, outcome.value.node());
      return line + "}";
    }
    case Outcome::Kind::error:
      return error_line(outcome.error);
    case Outcome::Kind::undefined:
    case Outcome::Kind::function:
      break;
  }
  return "{\"undefined\":true}";
}

std::vector<Binding> bindings_of(const Value& owner, const Node& object, std::vector<Binding> base) {
  for (std::size_t i = 0; i < object.size(); ++i) {
    const Member& member = object.member(i);
    // The first of a name counts, so those of the line go in front.
    base.insert(base.begin(), {std::string(member.key()), owner.part(member.value())});
  }
  return base;
}

// A whole number within bounds, or `otherwise`.
std::uint32_t number_of(const Node* node, std::uint32_t otherwise) {
  if (node == nullptr || !node->is_number()) {
    return otherwise;
  }
  const double value = node->as_double();
  return value >= 0 && value < 4e9 ? static_cast<std::uint32_t>(value) : otherwise;
}

QueryError request_error(std::string message) {
  return {"InvalidRequest", std::move(message), -1, ""};
}

std::string answer_line(const JsonataQuery& request, std::string text, Random& random) {
  const Result<Value> line = Value::from_text(std::move(text));
  if (!line) {
    return error_line(request_error(line.error().message));
  }
  const Node& node = line->node();
  const Node* expression = node.is_object() ? node.find("expr") : nullptr;
  if (expression == nullptr || !expression->is_string()) {
    return error_line(request_error("a request is an object with a string \"expr\""));
  }
  const auto program = Program::compile(expression->as_string(), request.level);
  if (!program) {
    return error_line(program.error());
  }
  const Node* data = node.find("data");
  const Value own = data != nullptr ? line->part(*data) : Value();
  const Node* bindings = node.find("bindings");
  std::vector<Binding> variables = request.bindings;
  if (bindings != nullptr && bindings->is_object()) {
    variables = bindings_of(*line, *bindings, std::move(variables));
  }
  Limits limits = jsonata::default_limits(request.level);
  const Node* depth = node.find("depth");
  const Node* time = node.find("timelimit");
  limits.depth = number_of(depth, limits.depth);
  limits.milliseconds = number_of(time, limits.milliseconds);
  limits.caller = depth != nullptr || time != nullptr;
  Request wanted;
  wanted.input = data != nullptr ? &own : request.data ? &*request.data : nullptr;
  wanted.bindings = &variables;
  wanted.now = request.now;
  wanted.random = [&random] { return random(); };
  return answer((*program)->evaluate(wanted, limits));
}

int run_one(const JsonataQuery& request, std::ostream& out, std::ostream& errors) {
  const auto fail = [&errors](const QueryError& error) {
    errors << error.code << (error.code.empty() ? "" : ": ") << error.message;
    if (error.position >= 0) {
      errors << " (at character " << error.position << ")";
    }
    errors << std::endl;
    return 1;
  };
  const auto program = Program::compile(*request.expression, request.level);
  if (!program) {
    return fail(program.error());
  }
  Random random(request.seed);
  Request wanted;
  wanted.input = request.data ? &*request.data : nullptr;
  wanted.bindings = &request.bindings;
  wanted.now = request.now;
  wanted.random = [&random] { return random(); };
  const Outcome outcome = (*program)->evaluate(wanted);
  if (outcome.kind == Outcome::Kind::error) {
    return fail(outcome.error);
  }
  if (outcome.kind == Outcome::Kind::value) {
    std::string text;
    append_pretty(text, outcome.value.node(), 0);
    out << text << std::endl;
  }
  return 0;
}

double processor_nanos() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

}  // namespace

int run_query(const JsonataQuery& request, std::istream& in, std::ostream& out, std::ostream& errors) {
  if (request.expression) {
    return run_one(request, out, errors);
  }
  Random random(request.seed);
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) {
      out << answer_line(request, std::move(line), random) << std::endl;
    }
    line.clear();
  }
  return 0;
}

int run_bench(const Value& cases, jsonata::Level level, std::ostream& out, std::ostream& errors) {
  const Node& list = cases.node();
  if (!list.is_array()) {
    errors << "a bench is an array of cases" << std::endl;
    return 1;
  }
  Random random(0);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Node& item = list.at(i);
    const Node* expression = item.is_object() ? item.find("expr") : nullptr;
    const Node* name = item.is_object() ? item.find("name") : nullptr;
    if (expression == nullptr || !expression->is_string() || name == nullptr || !name->is_string()) {
      errors << "case " << i << " has no \"name\" and \"expr\"" << std::endl;
      return 1;
    }
    const auto program = Program::compile(expression->as_string(), level);
    if (!program) {
      errors << name->as_string() << ": " << program.error().code << ": " << program.error().message << std::endl;
      return 1;
    }
    const Node* data = item.find("data");
    const Value input = data != nullptr ? cases.part(*data) : Value();
    const Node* bindings = item.find("bindings");
    std::vector<Binding> variables;
    if (bindings != nullptr && bindings->is_object()) {
      variables = bindings_of(cases, *bindings, {});
    }
    Request request;
    request.input = data != nullptr ? &input : nullptr;
    request.bindings = &variables;
    request.random = [&random] { return random(); };
    const Limits limits = jsonata::default_limits(level);
    const Outcome first = (*program)->evaluate(request, limits);
    if (first.kind == Outcome::Kind::error) {
      errors << name->as_string() << ": " << first.error.code << ": " << first.error.message << std::endl;
      return 1;
    }
    const std::uint32_t iterations = std::max(number_of(item.find("iterations"), 100), 1U);
    for (std::uint32_t k = 0; k < iterations / 10; ++k) {
      (*program)->evaluate(request, limits);
    }
    const double start = processor_nanos();
    for (std::uint32_t k = 0; k < iterations; ++k) {
      (*program)->evaluate(request, limits);
    }
    const double us = (processor_nanos() - start) / kNanosPerMicro / iterations;
    std::string line = "{\"name\":";
    append_json_string(line, name->as_string());
    line += fmt::format(",\"us\":{:.4f}}}", us);
    out << line << std::endl;
  }
  return 0;
}

}  // namespace lockstep::cli
