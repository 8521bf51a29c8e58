#include "journal/execution_codec.hpp"

#include <algorithm>
#include <unordered_map>

namespace lockstep::journal {

namespace {

using engine::Call;
using engine::Children;
using engine::Execution;
using engine::Failure;
using engine::MapRun;
using engine::Strand;
using Scope = std::shared_ptr<const query::VariableScope>;

// The fields that are plain values, in the order in which they are written; a new one goes to the end.
auto fields(Execution& execution) {
  auto& [id, identity, machine, input, started_at, last_time, deadline, redriven_at, status, next_strand, redrive_count,
         lines_due, last_event_id, strands, requests, origin, entered] = execution;
  static_cast<void>(strands);    // follow by themselves
  static_cast<void>(lines_due);  // 0 between two Inputs
  static_cast<void>(redrive_count), static_cast<void>(redriven_at), static_cast<void>(requests);  // at the end
  static_cast<void>(origin), static_cast<void>(entered);                                          // likewise
  return std::tie(id, identity, machine, input, started_at, last_time, deadline, status, last_event_id, next_strand);
}
/// `retry_count`: what the uses add up to; formats hold both.
auto fields(Strand& strand, std::uint32_t& retry_count) {
  auto& [id, parent, index, iteration, phase, started, submitted, queued, given_up, child_line, state_line, state,
         visits, dispatches, input, previous, entered_id, entered_previous, entered_at, deadline, retrier_uses,
         variables, result, token, children, failure, call] = strand;
  static_cast<void>(given_up), static_cast<void>(call);          // at the end
  static_cast<void>(child_line), static_cast<void>(state_line);  // false between two Inputs
  static_cast<void>(queued);                                     // found anew when it is put back
  static_cast<void>(variables), static_cast<void>(children), static_cast<void>(failure);  // follow by themselves
  return std::tie(id, parent, index, iteration, phase, started, submitted, state, visits, dispatches, retry_count,
                  input, previous, entered_id, entered_previous, entered_at, deadline, retrier_uses, result, token);
}
auto fields(Children& children) {
  auto& [is_map, items, results, next, running, finished, max_concurrency, iteration_previous, given_up, tasks, held,
         run] = children;
  static_cast<void>(given_up), static_cast<void>(tasks), static_cast<void>(held);  // said by the strands
  static_cast<void>(run);                                                          // at the end
  return std::tie(is_map, items, results, next, running, finished, max_concurrency, iteration_previous);
}
auto fields(Failure& failure) {
  return tied<6>(failure);
}

auto fields(Call& call) {
  auto& [parameters, timeout_seconds, heartbeat_seconds, started_at, timeout_at, heartbeat_at, note] = call;
  static_cast<void>(note);  // at the end
  return std::tie(parameters, timeout_seconds, heartbeat_seconds, started_at, timeout_at, heartbeat_at);
}

auto fields(MapRun& run, std::vector<std::uint64_t>& items) {
  auto& [arn, parameters, redrives, children, items_by_status, note, abort_said, succeeded_id] = run;
  static_cast<void>(items_by_status);  // as `items`
  return std::tie(arn, parameters, redrives, children, items, note, abort_said, succeeded_id);
}

/// One list of fields serves both ways; nothing is changed through it here.
template <class T>
void put_fields(Sink& sink, const T& value) {
  sink.put_all(fields(const_cast<T&>(value)));
}

/// What strands share is written once: scopes have numbers from 1, 0 is none.
class Scopes {
 public:
  explicit Scopes(const Execution& execution) {
    for (const Strand& strand : execution.strands) {
      if (strand.variables != nullptr && numbers_.emplace(strand.variables.get(), order_.size() + 1).second) {
        order_.push_back(strand.variables.get());
      }
    }
  }
  void put(Sink& sink) const {
    sink.put(std::uint64_t{order_.size()});
    for (const query::VariableScope* scope : order_) {
      sink.put(scope->entries());
    }
  }
  std::uint64_t number(const Scope& scope) const { return scope == nullptr ? 0 : numbers_.at(scope.get()); }

 private:
  std::unordered_map<const query::VariableScope*, std::uint64_t> numbers_;
  std::vector<const query::VariableScope*> order_;
};

void get_strand(Source& source, Execution& execution, const std::vector<Scope>& scopes) {
  Strand strand;
  std::uint32_t retry_count = 0;
  source.get_all(fields(strand, retry_count));
  std::uint64_t scope = 0;
  source.get(scope);
  if (scope > scopes.size()) {
    source.refuse("a strand sees variables that are not there");
    return;
  }
  strand.variables = scope == 0 ? nullptr : scopes[scope - 1];
  bool present = false;
  source.get(present);
  if (present) {
    strand.children = std::make_unique<Children>();
    source.get_all(fields(*strand.children));
  }
  present = false;
  source.get(present);
  if (present) {
    strand.failure = std::make_unique<Failure>();
    source.get_all(fields(*strand.failure));
  }
  if (strand.id != engine::StrandId::top && strand.parent >= strand.id) {
    source.refuse("a strand is older than its parent");  // whoever walks up from it would never arrive
    return;
  }
  if (execution.find(strand.id) != nullptr) {
    source.refuse("an execution has a strand twice");
    return;
  }
  execution.strands.add(std::move(strand));
}

/// What came with format 1.1 stands behind everything else, so that 1.0 can be read: of strands that are out or given
/// up, and of redrives and requests. Since 1.3 StrandId::none ends it, and more follows.
void put_additions(const Execution& execution, const std::vector<const Strand*>& strands, Sink& sink) {
  sink.put(execution.redrive_count);
  sink.put(execution.redrive_count > 0 ? std::optional(*execution.redriven_at) : std::nullopt);
  sink.put(std::uint64_t{execution.requests->size()});
  for (const engine::RequestTaken& taken : *execution.requests) {
    sink.put(taken.request);
    sink.put(taken.verdict);
  }
  for (const Strand* strand : strands) {
    if (strand->given_up || strand->call != nullptr) {
      sink.put(strand->id);
      sink.put(strand->given_up);
      sink.put(strand->call != nullptr);
      if (strand->call != nullptr) {
        put_fields(sink, *strand->call);
      }
    }
  }
  sink.put(engine::StrandId::none);
  sink.put(execution.origin);
  sink.put(execution.entered.words());
  for (const Strand* strand : strands) {
    if (strand->call != nullptr && strand->call->note) {
      sink.put(strand->id);
      sink.put(*strand->call->note);
    }
  }
  sink.put(engine::StrandId::none);  // 1.5
  for (const Strand* strand : strands) {
    if (strand->children != nullptr && strand->children->run != nullptr) {
      MapRun& run = *strand->children->run;
      std::vector<std::uint64_t> items(run.items.begin(), run.items.end());
      sink.put(strand->id);
      sink.put_all(fields(run, items));
    }
  }
}

void get_map_runs(Source& source, Execution& execution) {
  while (source.problem().empty() && !source.at_end()) {
    engine::StrandId id{};
    source.get(id);
    Strand* strand = execution.find(id);
    if (strand == nullptr || strand->children == nullptr) {
      source.refuse("an execution tells of a Map Run that it does not have");
      return;
    }
    MapRun& run = *(strand->children->run = std::make_unique<MapRun>());
    std::vector<std::uint64_t> items;
    source.get_all(fields(run, items));
    items.resize(run.items.size());
    std::copy(items.begin(), items.end(), run.items.begin());
    if (run.children.size() != strand->children->results.size()) {
      source.refuse("a Map Run has another number of children than results");
    }
  }
}

void get_notes(Source& source, Execution& execution) {
  while (source.problem().empty() && !source.at_end()) {
    engine::StrandId id{};
    source.get(id);
    if (id == engine::StrandId::none) {
      get_map_runs(source, execution);
      return;
    }
    Strand* strand = execution.find(id);
    if (strand == nullptr || strand->call == nullptr) {
      source.refuse("an execution tells of a task that it does not have");
      return;
    }
    source.get(strand->call->note.emplace());
  }
}

void get_additions(Source& source, Execution& execution) {
  source.get(execution.redrive_count);
  std::optional<Timestamp> redriven_at;
  source.get(redriven_at);
  execution.redriven_at = redriven_at.value_or(Timestamp());
  std::uint64_t count = 0;
  source.get(count);
  for (std::uint64_t i = 0; i < count && source.problem().empty() && !source.at_end(); ++i) {
    engine::RequestTaken& taken = execution.requests.edit().emplace_back();
    source.get(taken.request);
    source.get(taken.verdict);
  }
  while (source.problem().empty() && !source.at_end()) {
    engine::StrandId id{};
    source.get(id);
    if (id == engine::StrandId::none) {
      source.get(execution.origin);
      std::vector<std::uint64_t> words;
      source.get(words);
      execution.entered = engine::StateSet(std::move(words));
      get_notes(source, execution);
      break;
    }
    Strand* strand = execution.find(id);
    if (strand == nullptr) {
      source.refuse("an execution tells of a strand that it does not have");
      return;
    }
    source.get(strand->given_up);
    bool present = false;
    source.get(present);
    if (present) {
      strand->call = std::make_unique<Call>();
      source.get_all(fields(*strand->call));
    }
  }
  for (const Strand& strand : execution.strands) {
    Strand* parent = strand.given_up ? execution.find(strand.parent) : nullptr;
    if (parent != nullptr && parent->children != nullptr) {
      parent->children->given_up.push_back(strand.id);
    }
  }
  for (Strand& strand : execution.strands) {
    if (strand.children != nullptr) {
      std::sort(strand.children->given_up.begin(), strand.children->given_up.end());
    }
    if (strand.phase == engine::Phase::task && strand.call == nullptr) {
      strand.call = std::make_unique<Call>();  // 1.0: its parameters are lost, but not its place
    }
  }
}

}  // namespace

void encode_execution(const Execution& execution, Sink& sink) {
  put_fields(sink, execution);
  const Scopes scopes(execution);
  scopes.put(sink);
  std::vector<const Strand*> strands;
  for (const Strand& strand : execution.strands) {
    strands.push_back(&strand);
  }
  std::sort(strands.begin(), strands.end(), [](const Strand* a, const Strand* b) { return a->id < b->id; });
  sink.put(std::uint64_t{strands.size()});
  for (const Strand* strand : strands) {
    std::uint32_t retry_count = strand->retry_count();
    sink.put_all(fields(const_cast<Strand&>(*strand), retry_count));
    sink.put(scopes.number(strand->variables));
    sink.put(strand->children != nullptr);
    if (strand->children != nullptr) {
      put_fields(sink, *strand->children);
    }
    sink.put(strand->failure != nullptr);
    if (strand->failure != nullptr) {
      put_fields(sink, *strand->failure);
    }
  }
  put_additions(execution, strands, sink);
}

std::unique_ptr<Execution> decode_execution(Source& source) {
  auto execution = std::make_unique<Execution>();
  source.get_all(fields(*execution));
  std::uint64_t count = 0;
  source.get(count);
  std::vector<Scope> scopes;
  for (std::uint64_t i = 0; i < count && source.problem().empty() && !source.at_end(); ++i) {
    std::vector<query::VariableScope::Entry> entries;
    source.get(entries);
    scopes.push_back(query::VariableScope::with(nullptr, entries));
  }
  count = 0;
  source.get(count);
  for (std::uint64_t i = 0; i < count && source.problem().empty(); ++i) {
    if (source.at_end()) {
      source.refuse("strands are missing");
    } else {
      get_strand(source, *execution, scopes);
    }
  }
  get_additions(source, *execution);
  if (source.problem().empty() && execution->machine == nullptr) {
    source.refuse("an execution has no definition");
  }
  return source.problem().empty() ? std::move(execution) : nullptr;
}

}  // namespace lockstep::journal
