// Parallel and inline Map: states whose work is done by child strands.
#include "engine/decider.hpp"

namespace lockstep::engine {

namespace {

/// The Map holds its items as long as its iterations run: a small one need not be copied out of them. A large one would
/// have its text written anew by everybody who asks for it.
Value item_of(const Children& children, std::uint32_t index) {
  constexpr std::size_t kSmall = 1024;
  const Node& item = children.items.node().at(index);
  return item.text_size() < kSmall ? children.items.shared_part(item) : children.items.part(item);
}

}  // namespace

void Decider::parallel(const Execution& execution, const Strand& strand, const asl::State& state,
                       const asl::Parallel& /*detail*/) {
  const auto effective = effective_input(execution, strand, state);
  auto input = effective ? arguments(execution, strand, state, *effective) : std::nullopt;
  if (input) {
    emit(execution, strand, ParallelStarted{StrandId{execution.next_strand}, *std::move(input)});
  }
}

void Decider::map(const Execution& execution, const Strand& strand, const asl::State& state, const asl::Map& detail) {
  const auto effective = effective_input(execution, strand, state);
  if (!effective) {
    return;
  }
  Value items = detail.reader ? Value() : *effective;
  if (detail.items != nullptr && !detail.reader) {
    StrandEnvironment environment = environment_for(execution, strand);
    environment.input = *effective;
    auto value = detail.items->evaluate(environment);
    if (!value) {
      evaluation_failed(execution, strand, value.error());
      return;
    }
    items = *std::move(value);
  }
  const bool iterable = items.node().is_array() || (detail.distributed && (detail.reader || items.node().is_object()));
  if (!iterable) {
    if (state.language == asl::QueryLanguage::jsonata) {
      evaluation_failed(execution, strand,
                        {"States.QueryEvaluationError",
                         fmt::format("Map state input must be an array but was: {}", items.to_text()), ""});
    } else {
      runtime_error(execution, strand,
                    fmt::format("Reference path \"{}\" must point to array.",
                                detail.items_path.empty() ? "$" : detail.items_path));
    }
    return;
  }
  std::int64_t concurrency = 0;
  if (detail.max_concurrency) {
    const auto number = whole_number(execution, strand, *detail.max_concurrency, *effective, "MaxConcurrency", 0);
    if (!number) {
      return;
    }
    concurrency = std::min<std::int64_t>(*number, UINT32_MAX);
  }
  const std::uint32_t cap = engine_.limits_.inline_concurrency;
  if (cap != 0 && !detail.distributed) {
    concurrency = concurrency == 0 ? cap : std::min<std::int64_t>(concurrency, cap);
  }
  emit(execution, strand, MapStarted{items, static_cast<std::uint32_t>(concurrency)});
}

/// Starts what may start, ends what is finished.
Decider::Progress Decider::continue_children(const Execution& execution, const Strand& strand) {
  const Children& children = *strand.children;
  if (children.run != nullptr) {
    return continue_map_run(execution, strand);
  }
  if ((children.all_finished() || (children.is_map && children.may_start())) && is_full(execution, strand, 1)) {
    return Progress::waits;
  }
  if (children.all_finished()) {
    // Once more with the id that history shows last: ChildrenSucceeded keeps Strand::previous, so that MapStateExited
    // has the same.
    emit(execution, strand, ChildrenSucceeded{});
    return Progress::more;
  }
  if (!children.is_map || !children.may_start()) {
    return Progress::waits;
  }
  const std::uint32_t window = engine_.task_window_ == 0 ? UINT32_MAX : engine_.task_window_;
  if (children.tasks >= window) {
    children.held = true;
    return Progress::waits;
  }
  const asl::State& state = execution.machine->state(strand.state);
  const auto& detail = std::get<asl::Map>(state.detail);
  std::optional<Value> effective;
  if (detail.item_selector != nullptr && !(effective = effective_input(execution, strand, state))) {
    return Progress::more;
  }
  for (std::uint32_t room = window - children.tasks; room > 0 && children.may_start() && budget_ > 0; --room) {
    if (is_full(execution, strand, 1)) {
      return Progress::waits;
    }
    if (!children.given_up.empty()) {
      const StrandId again = children.given_up.front();
      emit(execution, strand, strand.state, MapIterationStarted{again, execution.find(again)->index, Value()},
           children.iteration_previous);
      continue;
    }
    const std::uint32_t index = children.next;
    Value input = item_of(children, index);
    if (detail.item_selector != nullptr) {
      StrandEnvironment environment = environment_for(execution, strand);
      environment.input = *effective;
      environment.item = MapItem{index, input};
      auto selected = detail.item_selector->evaluate(environment);
      if (!selected) {
        evaluation_failed(execution, strand, selected.error());
        return Progress::more;
      }
      input = *std::move(selected);
    }
    emit(execution, strand, strand.state, MapIterationStarted{StrandId{execution.next_strand}, index, std::move(input)},
         children.iteration_previous);
  }
  return children.may_start() ? Progress::later : Progress::waits;
}

}  // namespace lockstep::engine
