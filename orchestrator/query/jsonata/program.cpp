#include "query/jsonata/program.hpp"

#include <chrono>
#include <cmath>
#include <limits>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"
#include "value/builder.hpp"

namespace lockstep::jsonata {

const char* stack_limit_of_this_thread();

namespace {

constexpr std::size_t kAwsValueBytes = 6'990'256;
constexpr std::size_t kLargestString = 536'870'888;  // what the reference implementation's engine can hold
constexpr std::size_t kKeptStack = 1 << 16;

QueryError query_error(const Problem& p) {
  return {p.code, message_of(p), p.position, p.has_token ? p.token : std::string()};
}

}  // namespace

// Turns a result into a Value: what is borrowed is shared, the rest is built.
class Converter {
 public:
  explicit Converter(Evaluator& evaluator) : e_(evaluator) {}

  Value convert(const Item& item) {
    switch (item.tag()) {
      case Tag::boolean:
        return Value::boolean(item.as_boolean());
      case Tag::node_number:
      case Tag::node_string:
      case Tag::node_array:
      case Tag::node_object:
        return e_.owners_[item.count()]->part(*item.node());
      case Tag::number:
        if (!std::isfinite(item.number()) && e_.level() == Level::suite) {
          return Value();
        }
        break;
      case Tag::null:
        return Value();
      default:
        break;
    }
    Builder builder(item.tag() == Tag::object  ? 64 * (item.object()->size + 4)
                    : item.tag() == Tag::array ? 16 * (item.array()->size + 16)
                                               : 256);
    build(builder, item, 0);
    return builder.finish();
  }

 private:
  void build(Builder& builder, Item item, std::size_t depth) {
    if (depth >= kMaxDepth) {
      throw LimitReached{LimitReached::Which::stack};
    }
    switch (item.tag()) {
      case Tag::boolean:
        builder.boolean(item.as_boolean());
        return;
      case Tag::number:
        if (!std::isfinite(item.number()) && e_.level() == Level::suite) {
          builder.null();
        } else {
          builder.number(item.number());
        }
        return;
      case Tag::string:
        builder.string(item.as_string());
        return;
      case Tag::node_number:
      case Tag::node_string:
        builder.part(*e_.owners_[item.count()], *item.node());
        return;
      case Tag::node_array:
      case Tag::node_object:
        if (depth + item.node()->depth() > kMaxDepth) {
          throw LimitReached{LimitReached::Which::stack};
        }
        builder.part(*e_.owners_[item.count()], *item.node());
        return;
      case Tag::array:
      case Tag::range: {
        const std::size_t size = size_of(item);
        e_.check_value(size * 8);
        e_.spend(size / 4 + 1);
        builder.begin_array();
        for (std::size_t i = 0; i < size; ++i) {
          build(builder, at(item, i), depth + 1);
        }
        builder.end_array();
        return;
      }
      case Tag::object: {
        e_.spend(item.object()->size + 1);
        builder.begin_object();
        const auto add = [&](std::string_view key, std::uint32_t hash, Item value) {
          if (value.is_undefined() || value.is_function()) {
            return;
          }
          builder.key(key, hash);
          build(builder, value, depth + 1);
        };
        if (e_.in_order(item)) {
          const Object& object = *item.object();
          for (std::uint32_t i = 0; i < object.size; ++i) {
            add(object.properties[i].key(), object.properties[i].hash, load(object.properties[i].value));
          }
        } else {
          e_.each_member(item, [&](std::string_view key, Item value) { add(key, hash_key(key), value); });
        }
        builder.end_object();
        return;
      }
      default:
        builder.null();
        return;
    }
  }

  Evaluator& e_;
};

void Evaluator::convert(const Item& item, Outcome& outcome) {
  if (item.is_undefined()) {
    outcome.kind = Outcome::Kind::undefined;
  } else if (item.is_function()) {
    outcome.kind = Outcome::Kind::function;
  } else {
    outcome.value = Converter(*this).convert(is_outer_wrapper(item) ? item.array()->items[0] : item);
    outcome.kind = Outcome::Kind::value;
  }
}

Item Evaluator::global_value(std::string_view name, const Native* native) {
  if (name == "$") {
    return root_;
  }
  if (request_->bindings != nullptr) {
    for (const Binding& binding : *request_->bindings) {
      if (binding.name == name) {
        return from_value(binding.value);
      }
    }
  }
  if (const query::Environment* state = request_->state) {
    if (name == "states") {
      Object* states = make_object(4);
      const auto add = [&](std::string_view key, const Value& value) { set(*states, key, from_value(value)); };
      add("input", state->input);
      if (program_->needs_context) {
        add("context", state->context());
      }
      if (state->result != nullptr) {
        add("result", *state->result);
      }
      if (state->error_output != nullptr) {
        add("errorOutput", *state->error_output);
      }
      return object_item(states);
    }
    const Value* variable = state->variables != nullptr ? state->variables->find(name) : nullptr;
    if (variable != nullptr) {
      return from_value(*variable);
    }
  }
  if (native == nullptr) {
    return {};
  }
  auto* function = heap_.make_array<Function>(1);
  *function = Function();
  function->kind = Function::Kind::native;
  function->native = native;
  return function_item(function);
}

void Evaluator::prepare(const ProgramData& program, const Request& request, const Limits& limits) {
  program_ = &program;
  request_ = &request;
  limits_ = limits;
  depth_ = 0;
  captures_ = 0;
  heap_.set_budget(limits.memory);
  steps_behind_ = std::max<std::uint64_t>(limits.steps, 1);
  steps_left_ = 0;
  if (limits.milliseconds != 0) {
    deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(limits.milliseconds);
    steps_left_ = std::min<std::uint64_t>(steps_behind_, 1024);
  } else {
    steps_left_ = steps_behind_;
  }
  steps_behind_ -= steps_left_;
  stack_end_ = stack_limit_of_this_thread();
  hints_.resize(program.hints);  // the places of another evaluation are guesses as good as any; its keys may be gone
  for (Hint& hint : hints_) {
    hint.key = nullptr;
  }
  root_ = request.input != nullptr ? from_value(*request.input) : Item();
  globals_.clear();
  for (std::size_t i = 0; i < program.globals.size(); ++i) {
    globals_.push_back(global_value(program.globals[i], program.natives[i]));
  }
}

Outcome Evaluator::run(const ProgramData& program, const Request& request, const Limits& limits) {
  Outcome outcome;
  try {
    prepare(program, request, limits);
    Item input = root_;
    if (input.is_array()) {
      // The input counts as one item, even where it is an array.
      input = sequence_of(input);
      input.array()->outer_wrapper = true;
    }
    const Item result = value_of(*program.root, input, make_frame(nullptr, program.root_scope));
    convert(result, outcome);
  } catch (const Problem& p) {
    outcome.kind = Outcome::Kind::error;
    outcome.error = query_error(p);
  } catch (const LimitReached& limit) {
    outcome.kind = Outcome::Kind::error;
    outcome.error = limit_error(limit.which);
  } catch (const OutOfBudget&) {
    outcome.kind = Outcome::Kind::error;
    outcome.error = limit_error(LimitReached::Which::value);
  } catch (const std::bad_alloc&) {
    outcome.kind = Outcome::Kind::error;
    outcome.error = limit_error(LimitReached::Which::value);
  }
  heap_.clear();
  stack_top_ = stack_;
  if (static_cast<std::size_t>(stack_room_ - stack_) > kKeptStack) {
    std::free(stack_);
    stack_ = stack_top_ = stack_room_ = nullptr;
  }
  owners_.clear();
  if (!adopted_.empty()) {
    adopted_.clear();
  }
  evals_.clear();
  return outcome;
}

QueryError Evaluator::limit_error(LimitReached::Which which) const {
  using Which = LimitReached::Which;
  const bool aws = program_->level == Level::asl;
  Problem p;
  switch (which) {
    case Which::depth:
    case Which::stack:
      if (aws) {
        return {"",
                "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as "
                "tail-recursive. Depth=" +
                    std::to_string(limits_.depth + 1) + " max=" + std::to_string(limits_.depth),
                -1, ""};
      }
      p = problem("D1011");
      break;
    case Which::steps:
    case Which::time:
      if (aws) {
        return {"", "Expression evaluation timeout: Check for infinite loop", -1, ""};
      }
      p = problem("D1012");
      p.value_json = std::to_string(limits_.milliseconds);
      break;
    case Which::value:
      if (aws) {
        return {"", "Expression evaluation memory limit exceeded", -1, ""};
      }
      p = problem("D2015");
      p.value_json = std::to_string(limits_.value / 8);
      break;
  }
  QueryError error = query_error(p);
  if (limits_.caller && (which == Which::depth || which == Which::time)) {
    error.code = "U1001";
  }
  return error;
}

Item Evaluator::eval_text(std::string_view text, bool has_focus, Item focus, const Arguments& arguments) {
  const auto fail_with = [](std::string_view code, const Problem& inner) {
    Problem p = problem(code);
    append_quoted(p.value_json, message_of(inner));
    return p;
  };
  Item input = arguments.context;
  if (has_focus) {
    input = focus;
    if (input.is_array() && !is_sequence(input)) {
      input = sequence_of(input);
      input.array()->outer_wrapper = true;
    }
  }
  check_stack();
  auto data = std::make_unique<ProgramData>();
  data->level = program_->level;
  data->source = text;
  data->inner = true;
  data->hints = static_cast<std::uint32_t>(hints_.size());  // places of its own, behind those of the others
  spend(text.size());
  try {
    jsonata::parse(*data);
    shape(*data);
    resolve(*data);
  } catch (const Problem& inner) {
    throw fail_with("D3120", inner);
  }
  hints_.resize(data->hints);
  ++captures_;
  const ProgramData& program = *evals_.emplace_back(std::move(data));
  try {
    return eval(*program.root, input, make_frame(arguments.frame, program.root_scope));
  } catch (const Problem& inner) {
    throw fail_with("D3121", inner);
  }
}

Limits default_limits(Level level) {
  if (level == Level::asl) {
    return {100, 50'000'000, std::size_t{256} << 20, kAwsValueBytes, 0, false};
  }
  return {std::numeric_limits<std::uint32_t>::max(), 500'000'000, std::size_t{1} << 30, kLargestString, 0, false};
}

Program::Program(std::unique_ptr<ProgramData> data) : data_(std::move(data)) {}

Program::~Program() = default;

tl::expected<std::shared_ptr<const Program>, QueryError> Program::compile(std::string_view text, Level level) {
  auto data = std::make_unique<ProgramData>();
  data->level = level;
  data->source = text;
  try {
    jsonata::parse(*data);
    shape(*data);
    resolve(*data);
  } catch (const Problem& p) {
    return tl::unexpected(query_error(p));
  }
  return std::shared_ptr<const Program>(new Program(std::move(data)));
}

Outcome Program::evaluate(const Request& request) const {
  return evaluate(request, default_limits(data_->level));
}

Outcome Program::evaluate(const Request& request, const Limits& limits) const {
  // One evaluator per thread keeps its memory; one that is at work already is left alone.
  thread_local Evaluator evaluator;
  thread_local bool busy = false;
  if (busy) {
    return Evaluator().run(*data_, request, limits);
  }
  busy = true;
  Outcome outcome = evaluator.run(*data_, request, limits);
  busy = false;
  return outcome;
}

}  // namespace lockstep::jsonata
