#include "engine/environment.hpp"
#include "value/builder.hpp"

namespace lockstep::engine {

namespace {

/// Of the innermost Map iteration that a strand runs in, or of the Map Run that began the execution.
std::optional<MapItem> enclosing_item(const Execution& execution, const Strand& strand) {
  for (const Strand* at = &strand; at != nullptr; at = execution.find(at->parent)) {
    if (at->iteration) {
      const Strand* map = execution.find(at->parent);
      return MapItem{at->index, map->children->items.part(map->children->items.node().at(at->index))};
    }
  }
  return execution.origin.child != nullptr ? execution.origin.child->item : std::nullopt;
}

void member(Builder& builder, std::string_view key, std::string_view text) {
  builder.key(key);
  builder.string(text);
}

}  // namespace

Value make_context(const Execution& execution, const Strand& strand, const std::string& token,
                   const std::optional<MapItem>& item) {
  const asl::State& state = execution.machine->state(strand.state);
  Builder builder(1024);
  builder.begin_object();

  builder.key("Execution");
  builder.begin_object();
  member(builder, "Id", execution.identity->arn());
  builder.key("Input");
  builder.value(execution.input);
  member(builder, "StartTime", format_timestamp(execution.started_at));
  member(builder, "Name", execution.identity->name());
  member(builder, "RoleArn", execution.identity->machine().role_arn);
  builder.key("RedriveCount");
  builder.integer(execution.redrive_count);
  if (execution.redrive_count > 0) {
    member(builder, "RedriveTime", format_timestamp(*execution.redriven_at));
  }
  builder.end_object();

  builder.key("StateMachine");
  builder.begin_object();
  member(builder, "Id", execution.identity->machine().arn);
  member(builder, "Name", execution.identity->machine().name);
  builder.end_object();

  builder.key("State");
  builder.begin_object();
  member(builder, "Name", state.name);
  member(builder, "EnteredTime", format_timestamp(strand.entered_at));
  if (state.type == asl::StateType::task || state.type == asl::StateType::map ||
      state.type == asl::StateType::parallel) {
    builder.key("RetryCount");
    builder.integer(strand.retry_count());
  }
  builder.end_object();

  if (!token.empty()) {
    builder.key("Task");
    builder.begin_object();
    member(builder, "Token", token);
    builder.end_object();
  }

  if (const auto current = item ? item : enclosing_item(execution, strand)) {
    builder.key("Map");
    builder.begin_object();
    builder.key("Item");
    builder.begin_object();
    builder.key("Index");
    builder.integer(static_cast<std::int64_t>(current->index));
    builder.key("Value");
    builder.value(current->value);
    if (!current->key.empty()) {
      member(builder, "Key", current->key);
    }
    if (!current->source.empty()) {
      member(builder, "Source", current->source);
    }
    builder.end_object();
    builder.end_object();
  }

  builder.end_object();
  return builder.finish();
}

}  // namespace lockstep::engine
