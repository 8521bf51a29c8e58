#include "report/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "engine/history.hpp"
#include "report/backward_reader.hpp"
#include "report/format.hpp"
#include "report/kinds.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostDetail = 400;
constexpr std::size_t kTypeWidth = 22;

/// Whether the state has that name, or stands in a branch or an item processor of the one that has.
bool is_within(const asl::StateMachine& machine, asl::StateId state, const std::string& name) {
  for (asl::StateId at = state; at != asl::StateId::none; at = machine.scope(machine.state(at).scope).owner) {
    if (machine.state(at).name == name) {
      return true;
    }
  }
  return false;
}

/// Whose states the Events of an execution speak of, each from the history event of that id on: a redrive may bring
/// another.
using Machines = std::map<std::uint64_t, asl::StateMachinePtr>;

Result<Machines> read_machines(const RunFiles& run, const FoundExecution& found) {
  Machines machines;
  follow_machine(machines[0], found.started);
  if (!found.redriven) {
    return machines;
  }
  journal::ReadOptions read;
  read.from = found.first;
  read.until = found.last;
  read.execution = found.started.execution;
  auto reader = journal::EventReader::open(run.journal, read);
  while (reader) {
    const auto row = reader->next_row();
    if (row && !*row) {
      return machines;
    }
    if (!row) {
      return tl::unexpected<Error>(row.error());
    }
    if (kind_of(**row) == EventKind::execution_redriven) {
      const auto event = TRY(reader->decode());
      const asl::StateMachinePtr before = machines.rbegin()->second;
      follow_machine(machines.emplace((*row)->id, before).first->second, event);
    }
  }
  return tl::unexpected<Error>(reader.error());
}

bool has_state(const Machines& machines, const std::string& name) {
  return std::any_of(machines.begin(), machines.end(), [&](const auto& entry) {
    const auto& states = entry.second->states;
    return std::any_of(states.begin(), states.end(), [&](const asl::State& state) { return state.name == name; });
  });
}

/// What an Event is about, in a few words.
struct Detail {
  std::string operator()(const engine::ExecutionStarted& body) const { return payload(body.input); }
  std::string operator()(const engine::ExecutionSucceeded& body) const { return payload(body.output); }
  std::string operator()(const engine::ExecutionFailed& body) const { return failure(body.error, body.cause); }
  std::string operator()(const engine::ExecutionAborted& body) const { return failure(body.error, body.cause); }
  std::string operator()(const engine::StateEntered& body) const { return payload(body.input); }
  std::string operator()(const engine::StateExited& body) const { return payload(body.output); }
  std::string operator()(const engine::EvaluationFailed& body) const {
    return failure("States.QueryEvaluationError", body.cause);
  }
  std::string operator()(const engine::TaskScheduled& body) const { return payload(body.parameters); }
  std::string operator()(const engine::TaskSubmitted& body) const { return payload(body.output); }
  std::string operator()(const engine::TaskSucceeded& body) const { return payload(body.result); }
  std::string operator()(const engine::TaskFailed& body) const { return failure(body.error, body.cause); }
  std::string operator()(const engine::TaskTimedOut& body) const {
    return body.heartbeat ? "no heartbeat" : "States.Timeout";
  }
  std::string operator()(const engine::MapStarted& body) const { return counted(body.items.node().size(), "item"); }
  std::string operator()(const engine::MapRunStarted& body) const { return body.arn; }
  std::string operator()(const engine::MapRunRedriven& body) const { return body.arn; }
  std::string operator()(const engine::MapRunFailed& body) const { return failure(body.error, body.cause); }
  std::string operator()(const engine::ChildFailed& body) const { return failure(body.error, body.cause); }
  std::string operator()(const engine::ChildrenFailed& body) const { return failure(body.error, body.cause); }
  template <class Body>
  std::string operator()(const Body& /*body*/) const {
    return "";
  }

 private:
  static std::string payload(const Value& value) {
    std::string scratch;
    return one_line(value.text(scratch), kMostDetail);
  }
  static std::string failure(const std::optional<std::string>& error, const std::optional<std::string>& cause) {
    const std::string name = one_line(error.value_or(""), kMostDetail);
    return !cause ? name : (name.empty() ? name : name + ": ") + brief_cause(*cause, kMostDetail);
  }
};

class Writer {
 public:
  Writer(const FoundExecution& found, const Machines& machines, const HistoryOptions& options, std::ostream& out)
      : machines_(machines), options_(options), id_width_(grouped(found.last_event_id).size()), out_(out) {
    for (const auto& [from, machine] : machines_) {
      for (const asl::State& state : machine->states) {
        name_width_ = std::max(name_width_, std::min(width(state.name), kNameColumn));
      }
    }
    if (options_.json) {
      out_ << "{\"events\":[";
    }
  }

  void take(const engine::Event& event) {
    follow(event);
    write(event);
    unfollow(event);
  }

  void finish() {
    if (options_.json) {
      out_ << "\n]}\n";
    }
  }

 private:
  void write(const engine::Event& event) {
    if (event.id == 0) {
      return;
    }
    const asl::StateMachine& machine = *std::prev(machines_.upper_bound(event.id))->second;
    if (!is_selected(event, machine)) {
      return;
    }
    entry_.clear();
    if (!engine::append_history(entry_, event, machine)) {
      return;
    }
    if (options_.json) {
      out_ << (first_ ? "\n" : ",\n") << entry_;
      first_ = false;
    } else {
      write_line(event, machine);
    }
  }

  bool is_selected(const engine::Event& event, const asl::StateMachine& machine) const {
    return options_.state.empty() || (static_cast<std::uint32_t>(event.state) < machine.states.size() &&
                                      is_within(machine, event.state, options_.state) && in_a_state(event));
  }
  /// The start and the end of an execution may carry a state's id, but happen in none.
  static bool in_a_state(const engine::Event& event) {
    return !std::holds_alternative<engine::ExecutionStarted>(event.body) &&
           !std::holds_alternative<engine::ExecutionSucceeded>(event.body) &&
           !std::holds_alternative<engine::ExecutionFailed>(event.body);
  }

  /// Which iteration a strand is. Forwards it is said at its start, backwards at its end.
  void follow(const engine::Event& event) {
    if (const auto* started = std::get_if<engine::MapIterationStarted>(&event.body)) {
      items_[started->child] = started->index;
    } else if (const auto* done = std::get_if<engine::ChildSucceeded>(&event.body)) {
      remember(event, *done);
    } else if (const auto* failed = std::get_if<engine::ChildFailed>(&event.body)) {
      remember(event, *failed);
    } else if (const auto* aborted = std::get_if<engine::ChildAborted>(&event.body)) {
      remember(event, *aborted);
    }
  }
  template <class Body>
  void remember(const engine::Event& event, const Body& body) {
    if (body.iteration) {
      items_[event.strand] = body.index;
    }
  }
  void unfollow(const engine::Event& event) {
    if (options_.reverse) {
      if (const auto* started = std::get_if<engine::MapIterationStarted>(&event.body)) {
        items_.erase(started->child);
      }
    } else if (std::holds_alternative<engine::ChildSucceeded>(event.body)) {
      items_.erase(event.strand);
    }
  }

  std::string place(const engine::Event& event, const asl::StateMachine& machine) const {
    if (event.state == asl::StateId::none || !in_a_state(event)) {
      return "";
    }
    const asl::State& state = machine.state(event.state);
    std::optional<std::uint32_t> item;
    std::string name = state.name;
    if (const auto* started = std::get_if<engine::MapIterationStarted>(&event.body)) {
      item = started->index;
    } else if (const auto known = items_.find(event.strand); known != items_.end()) {
      item = known->second;
      const bool is_iteration_end = std::holds_alternative<engine::ChildSucceeded>(event.body) ||
                                    std::holds_alternative<engine::ChildFailed>(event.body) ||
                                    std::holds_alternative<engine::ChildAborted>(event.body);
      if (is_iteration_end) {
        name = machine.state(machine.scope(state.scope).owner).name;
      }
    }
    name = one_line(name, kNameColumn);
    return item ? fmt::format("{}[{}]", name, *item) : name;
  }

  std::string_view type() const {
    constexpr std::string_view kKey = "\"type\":\"";
    const std::size_t start = entry_.find(kKey) + kKey.size();
    return std::string_view(entry_).substr(start, entry_.find('"', start) - start);
  }

  void write_line(const engine::Event& event, const asl::StateMachine& machine) {
    const std::string_view name = type();
    const std::string where = place(event, machine);
    const auto pad = [](std::size_t have, std::size_t want) { return std::string(want > have ? want - have : 0, ' '); };
    const std::string id = grouped(event.id);
    std::string line = pad(id.size(), id_width_) + id + "  " + local_time_ms(event.time) + "  ";
    const std::size_t type_at = line.size();
    line += name;
    line += pad(name.size(), kTypeWidth) + "  " + where + pad(width(where), name_width_) + "  " +
            std::visit(Detail(), event.body);
    line.erase(line.find_last_not_of(' ') + 1);
    if (options_.columns != 0) {
      line = one_line(line, options_.columns);
    }
    if (options_.color && type_at + name.size() <= line.size()) {
      const char* color = name.ends_with("Failed") || name.ends_with("TimedOut") || name.ends_with("Aborted")
                              ? "\033[31m"
                          : name.ends_with("Succeeded") ? "\033[32m"
                                                        : nullptr;
      if (color != nullptr) {
        line.insert(type_at + name.size(), "\033[0m");
        line.insert(type_at, color);
      }
    }
    out_ << line << '\n';
  }

  const Machines& machines_;
  const HistoryOptions& options_;
  const std::size_t id_width_;
  std::size_t name_width_ = 0;
  std::ostream& out_;
  std::string entry_;
  bool first_ = true;
  std::unordered_map<engine::StrandId, std::uint32_t> items_;
};

/// 0 if it cannot be read: whoever reads it next says so.
std::uint64_t last_id(const RunFiles& run, const FoundExecution& found) {
  auto reader = BackwardReader::open(run.journal, found.started.execution, found.first, found.last);
  while (reader) {
    const auto next = reader->next();
    if (!next || !*next) {
      return 0;
    }
    if ((*next)->event.id != 0) {
      return (*next)->event.id;
    }
  }
  return 0;
}

template <class Reader>
Result<void> write_all(Reader& reader, Writer& writer, std::ostream& out) {
  while (out) {
    const auto next = TRY(reader.next());
    if (!next) {
      writer.finish();
      return {};
    }
    writer.take(next->event);
  }
  return {};
}

}  // namespace

void write_events(const std::vector<engine::Event>& events, const asl::StateMachinePtr& machine, std::ostream& out) {
  FoundExecution found;
  found.last_event_id = events.empty() ? 0 : events.back().id;
  const Machines machines{{0, machine}};
  const HistoryOptions options;
  Writer writer(found, machines, options, out);
  for (const engine::Event& event : events) {
    writer.take(event);
  }
}

Result<void> write_history(const RunFiles& run, const HistoryOptions& options, std::ostream& out) {
  auto looked = TRY(find_execution(run, Choice(options.execution, run.name)));
  std::optional<FoundExecution>& found = looked;
  if (!found) {
    out << (options.json ? "{\"events\":[\n]}\n" : "");
    return {};
  }
  const auto machines = TRY(read_machines(run, *found));
  if (!options.state.empty() && !has_state(machines, options.state)) {
    return fail(ErrorKind::usage, fmt::format("the state machine has no state '{}'", options.state));
  }
  if (found->last_event_id == 0 && !options.json) {
    found->last_event_id = last_id(run, *found);
  }
  if (options.reverse) {
    auto reader = TRY(BackwardReader::open(run.journal, found->started.execution, found->first, found->last));
    Writer writer(*found, machines, options, out);
    return write_all(reader, writer, out);
  }
  journal::ReadOptions read;
  read.from = found->first;
  read.until = found->last;
  read.execution = found->started.execution;
  auto reader = TRY(journal::EventReader::open(run.journal, read));
  Writer writer(*found, machines, options, out);
  return write_all(reader, writer, out);
}

}  // namespace lockstep::report
