#include "asl/model.hpp"

#include <algorithm>

namespace lockstep::asl {

namespace {

/// Collects names from whatever holds expressions.
class References {
 public:
  void add(const ExpressionPtr& expression) {
    if (expression != nullptr) {
      expression->collect_variables(names_);
    }
  }
  void add(const std::optional<ComputedNumber>& number) {
    if (number.has_value()) {
      add(number->expression);
    }
  }

  void operator()(const Task& task) {
    add(task.timeout_seconds);
    add(task.heartbeat_seconds);
    add(task.credentials);
  }
  void operator()(const Pass& pass) { add(pass.result); }
  void operator()(const Choice& choice) {
    for (const ChoiceRule& rule : choice.rules) {
      if (rule.condition != nullptr) {
        rule.condition->collect_variables(names_);
      }
      add(rule.assign);
      add(rule.output);
    }
  }
  void operator()(const Wait& wait) { add(wait.expression); }
  void operator()(const Succeed& /*succeed*/) {}
  void operator()(const Fail& fail) {
    add(fail.error);
    add(fail.cause);
  }
  void operator()(const Parallel& /*parallel*/) {}
  void operator()(const Map& map) {
    add(map.items);
    add(map.item_selector);
    add(map.max_concurrency);
    add(map.tolerated_failure_count);
    add(map.tolerated_failure_percentage);
    if (map.reader.has_value()) {
      add(map.reader->arguments);
      add(map.reader->max_items);
    }
    if (map.batcher.has_value()) {
      add(map.batcher->max_items);
      add(map.batcher->max_input_bytes);
      add(map.batcher->batch_input);
    }
    if (map.writer.has_value()) {
      add(map.writer->arguments);
    }
  }

  std::vector<std::string> take() {
    std::sort(names_.begin(), names_.end());
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
    return std::move(names_);
  }

 private:
  std::vector<std::string> names_;
};

}  // namespace

std::string_view to_string(StateType type) {
  switch (type) {
    case StateType::task:
      return "Task";
    case StateType::pass:
      return "Pass";
    case StateType::choice:
      return "Choice";
    case StateType::wait:
      return "Wait";
    case StateType::succeed:
      return "Succeed";
    case StateType::fail:
      return "Fail";
    case StateType::parallel:
      return "Parallel";
    case StateType::map:
      return "Map";
  }
  return {};
}

std::vector<std::string> variable_references(const State& state) {
  References references;
  for (const ExpressionPtr* expression :
       {&state.input_path, &state.arguments, &state.result_selector, &state.output, &state.assign}) {
    references.add(*expression);
  }
  for (const Catcher& catcher : state.catchers) {
    references.add(catcher.output);
    references.add(catcher.assign);
  }
  std::visit(references, state.detail);
  return references.take();
}

}  // namespace lockstep::asl
