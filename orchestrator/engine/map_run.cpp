// The work of a Distributed Map: a Map Run, planned here, and performed like a task (distributed-map.md).
#include "engine/map_run.hpp"

#include <algorithm>

#include "engine/decider.hpp"
#include "value/builder.hpp"
#include "value/number.hpp"
#include "value/random.hpp"
#include "value/uuid.hpp"

namespace lockstep::engine {

namespace {

/// The number that a value is, or, where a path leads to it, that it spells.
std::optional<double> as_fraction(const Node& node, bool by_path) {
  if (node.is_number()) {
    return node.as_double();
  }
  if (!by_path || !node.is_string()) {
    return std::nullopt;
  }
  return parse_whole<double>(node.as_string());
}

/// `arn:…:stateMachine:MACHINE` as `arn:…:mapRun:MACHINE/LABEL:UUID`. A child's machine has a label already, which is
/// none of its name. A Map without a Label has the same made for it each time.
std::string map_run_arn(const Execution& execution, const asl::State& state, std::string_view label,
                        const std::string& uuid) {
  constexpr std::string_view kMachine = ":stateMachine:";
  std::string arn = execution.identity->machine().arn;
  arn.resize(std::min(arn.size(), arn.find('/')));
  std::string made;
  if (label.empty()) {
    std::uint64_t seed = text_hash(arn) ^ mix(static_cast<std::uint64_t>(state.id) + 1);
    const std::uint64_t high = next_random(seed);
    label = made = uuid_text(high, next_random(seed));
  }
  if (const std::size_t at = arn.find(kMachine); at != std::string::npos) {
    arn.replace(at, kMachine.size(), ":mapRun:");
  }
  return fmt::format("{}/{}:{}", arn, label, uuid);
}

template <class T>
std::optional<T> number_at(const Node& object, std::string_view key) {
  const Node* node = object.find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if constexpr (std::is_same_v<T, double>) {
    return node->as_double();
  } else {
    return static_cast<T>(node->as_integer().value_or(0));
  }
}

std::optional<Value> value_at(const Value& object, std::string_view key) {
  const Node* node = object.node().find(key);
  return node == nullptr ? std::nullopt : std::optional(object.part(*node));
}

}  // namespace

Value to_value(const MapRunPlan& plan) {
  Builder out;
  out.begin_object();
  const auto integer = [&](std::string_view key, const std::optional<std::int64_t>& number) {
    if (number) {
      out.key(key);
      out.integer(*number);
    }
  };
  const auto value = [&](std::string_view key, const std::optional<Value>& any) {
    if (any) {
      out.key(key);
      out.value(*any);
    }
  };
  value("ItemReader", plan.reader);
  integer("MaxItems", plan.max_items);
  integer("MaxConcurrency", plan.max_concurrency);
  integer("ToleratedFailureCount", plan.tolerated_count);
  if (plan.tolerated_percentage) {
    out.key("ToleratedFailurePercentage");
    out.number(*plan.tolerated_percentage);
  }
  if (plan.batched) {
    out.key("Batched");
    out.boolean(true);
  }
  integer("MaxItemsPerBatch", plan.batch_items);
  integer("MaxInputBytesPerBatch", plan.batch_bytes);
  value("BatchInput", plan.batch_input);
  value("ResultWriter", plan.writer);
  out.end_object();
  return out.finish();
}

MapRunPlan plan_of(const Value& parameters) {
  MapRunPlan plan;
  const Node& node = parameters.node();
  if (!node.is_object()) {
    return plan;
  }
  plan.reader = value_at(parameters, "ItemReader");
  plan.max_items = number_at<std::int64_t>(node, "MaxItems");
  plan.max_concurrency = number_at<std::uint32_t>(node, "MaxConcurrency").value_or(0);
  plan.tolerated_count = number_at<std::int64_t>(node, "ToleratedFailureCount");
  plan.tolerated_percentage = number_at<double>(node, "ToleratedFailurePercentage");
  plan.batched = node.find("Batched") != nullptr;
  plan.batch_items = number_at<std::int64_t>(node, "MaxItemsPerBatch");
  plan.batch_bytes = number_at<std::int64_t>(node, "MaxInputBytesPerBatch");
  plan.batch_input = value_at(parameters, "BatchInput");
  plan.writer = value_at(parameters, "ResultWriter");
  return plan;
}

bool Decider::evaluate(const Execution& execution, const Strand& strand, const query::ExpressionPtr& expression,
                       const Value& effective, std::optional<Value>& value) {
  if (expression == nullptr) {
    return true;
  }
  StrandEnvironment environment = environment_for(execution, strand);
  environment.input = effective;
  auto evaluated = expression->evaluate(environment);
  if (!evaluated) {
    evaluation_failed(execution, strand, evaluated.error());
    return false;
  }
  value = *std::move(evaluated);
  return true;
}

bool Decider::evaluate(const Execution& execution, const Strand& strand,
                       const std::optional<asl::ComputedNumber>& number, const Value& effective, std::string_view field,
                       std::int64_t lowest, std::optional<std::int64_t>& value) {
  return !number || (value = whole_number(execution, strand, *number, effective, field, lowest)).has_value();
}

/// How many failures are borne (aws-behaviour.md 23).
bool Decider::tolerance(const Execution& execution, const Strand& strand, const asl::Map& detail,
                        const Value& effective, MapRunPlan& plan) {
  const bool jsonata = execution.machine->state(strand.state).language == asl::QueryLanguage::jsonata;
  const auto refuse = [&](std::string_view field, std::string cause) {
    evaluation_failed(execution, strand,
                      {jsonata ? "States.QueryEvaluationError" : "States.Runtime", std::move(cause),
                       jsonata ? std::string(field) : std::string()});
    return false;
  };
  constexpr std::string_view kCount = "ToleratedFailureCount";
  constexpr std::string_view kPercentage = "ToleratedFailurePercentage";
  if (!evaluate(execution, strand, detail.tolerated_failure_count, effective, kCount, INT64_MIN,
                plan.tolerated_count)) {
    return false;
  }
  if (plan.tolerated_count.value_or(0) < 0) {
    return refuse(kCount, fmt::format("{} cannot be negative.", kCount));
  }
  if (!detail.tolerated_failure_percentage) {
    return true;
  }
  std::optional<Value> value;
  const std::string& path = detail.tolerated_failure_percentage->path;
  if (!evaluate(execution, strand, detail.tolerated_failure_percentage->expression, effective, value)) {
    return false;
  }
  plan.tolerated_percentage = as_fraction(value->node(), !path.empty());
  if (!plan.tolerated_percentage) {
    const Node& node = value->node();
    const std::string text = node.is_string() ? std::string(node.as_string()) : value->to_text();
    return refuse(kPercentage,
                  path.empty()
                      ? fmt::format("The value of the field '{}' must be a number but was: {}", kPercentage, text)
                      : fmt::format("The {}Path field refers to value \"{}\" which is not a valid float: {}",
                                    kPercentage, text, path));
  }
  if (!(*plan.tolerated_percentage >= 0 && *plan.tolerated_percentage <= 100)) {
    return refuse(kPercentage, fmt::format("{} must be between 0 and 100.", kPercentage));
  }
  return true;
}

/// Nothing: a field could not be evaluated, which has been dealt with.
std::optional<MapRunPlan> Decider::plan_map_run(const Execution& execution, const Strand& strand,
                                                const asl::Map& detail) {
  const auto effective = effective_input(execution, strand, execution.machine->state(strand.state));
  MapRunPlan plan;
  plan.max_concurrency = strand.children->max_concurrency;
  if (!effective || !tolerance(execution, strand, detail, *effective, plan)) {
    return std::nullopt;
  }
  if (detail.reader) {
    plan.reader = Value::empty_object();
    if (!evaluate(execution, strand, detail.reader->max_items, *effective, "MaxItems", INT64_MIN, plan.max_items) ||
        !evaluate(execution, strand, detail.reader->arguments, *effective, plan.reader)) {
      return std::nullopt;
    }
  }
  if (detail.batcher) {
    plan.batched = true;
    if (!evaluate(execution, strand, detail.batcher->max_items, *effective, "MaxItemsPerBatch", 1, plan.batch_items) ||
        !evaluate(execution, strand, detail.batcher->max_input_bytes, *effective, "MaxInputBytesPerBatch", 1,
                  plan.batch_bytes) ||
        !evaluate(execution, strand, detail.batcher->batch_input, *effective, plan.batch_input)) {
      return std::nullopt;
    }
  }
  if (detail.writer && !evaluate(execution, strand, detail.writer->arguments, *effective, plan.writer)) {
    return std::nullopt;
  }
  return plan;
}

/// Begins the Map Run, or goes on with it after a redrive; or leaves the state once it has succeeded.
Decider::Progress Decider::continue_map_run(const Execution& execution, const Strand& strand) {
  if (is_full(execution, strand, 1)) {
    return Progress::waits;
  }
  const MapRun& run = *strand.children->run;
  if (run.succeeded_id != 0) {
    emit(execution, strand, strand.state, ChildrenSucceeded{}, run.succeeded_id);
    return Progress::more;
  }
  if (!run.arn.empty()) {
    emit(execution, strand, MapRunRedriven{strand.dispatches + 1, run.arn, run.redrives + 1});
  } else {
    const asl::State& state = execution.machine->state(strand.state);
    const auto& detail = std::get<asl::Map>(state.detail);
    const auto plan = plan_map_run(execution, strand, detail);
    if (!plan) {
      return Progress::more;
    }
    const std::uint64_t high = random();
    emit(execution, strand,
         MapRunStarted{strand.dispatches + 1, map_run_arn(execution, state, detail.label, uuid_text(high, random())),
                       to_value(*plan)});
  }
  dispatch(execution, strand);
  return Progress::more;
}

void Decider::take_children(const MapRunReport& report) {
  const Execution* execution = nullptr;
  const Strand* strand = find_dispatch(report.id, execution);
  if (strand == nullptr || strand->children == nullptr) {
    ++engine_.dropped_outcomes_;
    return;
  }
  const MapRun& run = *strand->children->run;
  MapRunProgress progress = report.progress;
  std::erase_if(progress.children, [&](const MapRunChild& child) { return is_settled(run.fate(child.number)); });
  if (!progress.children.empty() || progress.note) {
    emit(*execution, *strand, std::move(progress));
  }
}

void Decider::change_map_run(const ChangeMapRun& change) {
  const Execution* known = engine_.find(change.id.execution);
  if (known != nullptr && answered_before(*known, change.request)) {
    return;
  }
  const Execution* execution = nullptr;
  const Strand* strand = find_dispatch(change.id, execution);
  if (strand == nullptr || strand->children == nullptr || strand->children->run == nullptr) {
    answer(change.request, change.id.execution, Verdict::map_run_is_over);
    return;
  }
  MapRunPlan plan = plan_of(strand->children->run->parameters);
  plan.max_concurrency = change.max_concurrency.value_or(plan.max_concurrency);
  plan.tolerated_count = change.tolerated_count ? change.tolerated_count : plan.tolerated_count;
  plan.tolerated_percentage = change.tolerated_percentage ? change.tolerated_percentage : plan.tolerated_percentage;
  emit(*execution, *strand, MapRunChanged{to_value(plan)});
  emit(*execution, RequestTaken{change.request, Verdict::accepted});
  answer(change.request, change.id.execution, Verdict::accepted);
}

void Decider::end_map_run(const Execution& execution, const Strand& strand, const work::Outcome& outcome) {
  if (is_full(execution, strand, 1)) {
    return;
  }
  if (outcome.kind != work::OutcomeKind::succeeded) {
    emit(execution, strand, MapRunFailed{outcome.error, outcome.cause});
  } else if (!within_limits(outcome.result)) {
    emit(execution, strand,
         MapRunFailed{"States.DataLimitExceeded", too_large(execution.machine->state(strand.state).name)});
  } else {
    emit(execution, strand, MapRunSucceeded{outcome.result});
  }
}

void Decider::say_map_run_aborted(const Execution& execution, const Strand& strand, std::uint64_t previous) {
  if (strand.children == nullptr || strand.children->run == nullptr) {
    return;
  }
  const MapRun& run = *strand.children->run;
  if (!run.arn.empty() && run.succeeded_id == 0 && !run.abort_said) {
    emit(execution, strand, strand.state, MapRunAborted{}, previous);
  }
}

const Children* Engine::find_map_run(const DispatchId& id) const {
  const Execution* execution = find(id.execution);
  const Strand* strand = execution == nullptr ? nullptr : execution->find(id.strand);
  return strand != nullptr && strand->phase == Phase::task && strand->children != nullptr &&
                 execution->dispatch_id(*strand) == id
             ? strand->children.get()
             : nullptr;
}

query::Evaluated<Value> Engine::select_item(const DispatchId& id, MapItem item, Timestamp now,
                                            std::uint64_t seed) const {
  const Execution& execution = *find(id.execution);
  const Strand& strand = *execution.find(id.strand);
  const asl::State& state = execution.machine->state(strand.state);
  const auto& selector = std::get<asl::Map>(state.detail).item_selector;
  if (selector == nullptr) {
    return std::move(item.value);
  }
  StrandEnvironment environment(execution, strand, *strand.token, now, [&seed] { return next_random(seed); });
  environment.input = state.input_discarded ? Value::empty_object() : strand.input;
  if (state.input_path != nullptr && !state.input_discarded) {
    auto effective = state.input_path->evaluate(environment);
    if (!effective) {
      return effective;
    }
    environment.input = *std::move(effective);
  }
  environment.item = std::move(item);
  auto selected = selector->evaluate(environment);
  if (!selected) {
    selected.error().cause = state_cause(execution, strand, selected.error().cause);
  }
  return selected;
}

}  // namespace lockstep::engine
