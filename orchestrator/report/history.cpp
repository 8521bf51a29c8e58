#include "report/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "engine/history.hpp"
#include "report/backward_reader.hpp"
#include "report/format.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostDetail = 400;
constexpr std::size_t kMostName = 40;
constexpr std::size_t kTypeWidth = 22;

/// The states of that name, and all that stand in their branches and item processors.
Result<std::vector<bool>> select_states(const asl::StateMachine& machine, const std::string& name) {
  std::vector<bool> selected(machine.states.size(), name.empty());
  if (name.empty()) {
    return selected;
  }
  bool found = false;
  for (const asl::State& state : machine.states) {
    for (asl::StateId at = state.id; at != asl::StateId::none; at = machine.scope(machine.state(at).scope).owner) {
      if (machine.state(at).name == name) {
        selected[static_cast<std::uint32_t>(state.id)] = true;
        found = true;
        break;
      }
    }
  }
  if (!found) {
    return fail(ErrorKind::usage, fmt::format("the state machine has no state '{}'", name));
  }
  return selected;
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
    std::string text = error.value_or("");
    if (cause) {
      text += (text.empty() ? "" : ": ") + *cause;
    }
    return one_line(text, kMostDetail);
  }
};

class Writer {
 public:
  Writer(const FoundExecution& found, const HistoryOptions& options, std::vector<bool> selected, std::ostream& out)
      : machine_(*std::get<engine::ExecutionStarted>(found.started.body).machine),
        options_(options),
        selected_(std::move(selected)),
        id_width_(grouped(found.last_event_id).size()),
        out_(out) {
    for (const asl::State& state : machine_.states) {
      name_width_ = std::max(name_width_, std::min(width(state.name), kMostName));
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
    if (event.id == 0 || !is_selected(event)) {
      return;
    }
    entry_.clear();
    if (!engine::append_history(entry_, event, machine_)) {
      return;
    }
    if (options_.json) {
      out_ << (first_ ? "\n" : ",\n") << entry_;
      first_ = false;
    } else {
      write_line(event);
    }
  }

  bool is_selected(const engine::Event& event) const {
    const auto state = static_cast<std::uint32_t>(event.state);
    return options_.state.empty() || (state < selected_.size() && selected_[state] && in_a_state(event));
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

  std::string place(const engine::Event& event) const {
    if (event.state == asl::StateId::none || !in_a_state(event)) {
      return "";
    }
    const asl::State& state = machine_.state(event.state);
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
        name = machine_.state(machine_.scope(state.scope).owner).name;
      }
    }
    name = one_line(name, kMostName);
    return item ? fmt::format("{}[{}]", name, *item) : name;
  }

  std::string_view type() const {
    constexpr std::string_view kKey = "\"type\":\"";
    const std::size_t start = entry_.find(kKey) + kKey.size();
    return std::string_view(entry_).substr(start, entry_.find('"', start) - start);
  }

  void write_line(const engine::Event& event) {
    const std::string_view name = type();
    const std::string where = place(event);
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

  const asl::StateMachine& machine_;
  const HistoryOptions& options_;
  const std::vector<bool> selected_;
  const std::size_t id_width_;
  std::size_t name_width_ = 0;
  std::ostream& out_;
  std::string entry_;
  bool first_ = true;
  std::unordered_map<engine::StrandId, std::uint32_t> items_;
};

template <class Reader>
Result<void> write_all(Reader& reader, Writer& writer, std::ostream& out) {
  while (out) {
    const auto next = reader.next();
    if (!next) {
      return tl::unexpected<Error>(next.error());
    }
    if (!*next) {
      writer.finish();
      return {};
    }
    writer.take((*next)->event);
  }
  return {};
}

}  // namespace

Result<void> write_history(const RunFiles& run, const HistoryOptions& options, std::ostream& out) {
  const auto looked = find_execution(run, Choice(options.execution, run.name));
  if (!looked) {
    return tl::unexpected<Error>(looked.error());
  }
  const std::optional<FoundExecution>& found = *looked;
  if (!found) {
    out << (options.json ? "{\"events\":[\n]}\n" : "");
    return {};
  }
  auto selected = select_states(*std::get<engine::ExecutionStarted>(found->started.body).machine, options.state);
  if (!selected) {
    return tl::unexpected<Error>(selected.error());
  }
  if (options.reverse) {
    auto reader = BackwardReader::open(run.journal, found->started.execution);
    if (!reader) {
      return tl::unexpected<Error>(reader.error());
    }
    Writer writer(*found, options, std::move(*selected), out);
    return write_all(*reader, writer, out);
  }
  journal::ReadOptions read;
  read.from = 0;
  read.execution = found->started.execution;
  auto reader = journal::EventReader::open(run.journal, read);
  if (!reader) {
    return tl::unexpected<Error>(reader.error());
  }
  Writer writer(*found, options, std::move(*selected), out);
  return write_all(*reader, writer, out);
}

}  // namespace lockstep::report
