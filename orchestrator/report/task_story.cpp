#include "report/task_story.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "engine/definition_change.hpp"
#include "engine/history.hpp"
#include "report/kinds.hpp"

namespace lockstep::report {

namespace {

/// Follows the strands of the run's execution, and keeps what the tasks that are meant go through.
class Teller {
 public:
  Teller(const TaskChoice& choice, const RunFiles& run, std::size_t most)
      : choice_(choice), execution_("", run.name), most_(most) {}

  Result<void> take(const journal::Row& row, journal::EventReader& reader) {
    const EventKind kind = kind_of(row);
    const bool is_known = stories_.machine != nullptr && row.execution == id_;
    if (kind != EventKind::execution_started && (!is_known || !is_wanted(row, kind))) {
      return {};
    }
    auto event = TRY(reader.decode());
    std::visit([&](auto& body) { on(event, body); }, event.body);
    return {};
  }

  Stories finish() { return std::move(stories_); }

 private:
  struct Place {
    std::optional<std::uint32_t> item;
    std::uint32_t visits = 0;
    std::uint32_t retries = 0;
    std::optional<std::size_t> story;  // that it is in
  };

  /// Whether its body says anything here.
  bool is_wanted(const journal::Row& row, EventKind kind) {
    switch (kind) {
      case EventKind::map_iteration_started:
      case EventKind::parallel_started:
        return true;
      case EventKind::execution_redriven:
        return true;
      case EventKind::state_entered: {
        Place& place = places_[row.strand];
        ++place.visits;
        place.retries = 0;
        place.story.reset();
        return is_meant(row, place);
      }
      default: {
        const auto place = places_.find(row.strand);
        return place != places_.end() && place->second.story.has_value();
      }
    }
  }

  bool is_meant(const journal::Row& row, const Place& place) const {
    if (row.state >= stories_.machine->states.size()) {
      return false;
    }
    const asl::State& state = stories_.machine->states[row.state];
    return state.type == asl::StateType::task && (choice_.state.empty() || state.name == choice_.state) &&
           (!choice_.item || place.item == choice_.item) &&
           (!choice_.visit ||
            (choice_.visit->strand == engine::StrandId{row.strand} && choice_.visit->visit == place.visits));
  }

  Place& place_of(engine::StrandId strand) { return places_[static_cast<std::uint32_t>(strand)]; }
  TaskStory& story_of(const engine::Event& event) { return stories_.told[*place_of(event.strand).story]; }
  Dispatch& dispatch_of(const engine::Event& event) {
    std::vector<Dispatch>& all = story_of(event).dispatches;
    return all.empty() ? all.emplace_back() : all.back();
  }

  template <class Body>
  void on(const engine::Event& /*event*/, const Body& /*body*/) {}

  void on(const engine::Event& event, engine::ExecutionStarted& body) {
    if (!execution_.takes(event.execution, body)) {
      return;
    }
    id_ = static_cast<std::uint64_t>(event.execution);
    stories_ = {body.identity != nullptr ? body.identity->name() : "", body.machine, {}, 0};
    places_.clear();
  }
  void on(const engine::Event& event, const engine::ExecutionRedriven& /*body*/) {
    for (auto& [strand, place] : places_) {
      place.retries = 0;
    }
    const asl::StateMachinePtr before = stories_.machine;
    follow_machine(stories_.machine, event);
    if (stories_.machine != before) {
      const engine::StateMapping mapping(*before, *stories_.machine);
      for (TaskStory& story : stories_.told) {
        story.state = mapping.of(story.state);
        story.next = story.next == asl::StateId::none ? story.next : mapping.of(story.next);
      }
    }
  }
  void on(const engine::Event& /*event*/, const engine::MapIterationStarted& body) {
    place_of(body.child).item = body.index;
  }
  void on(const engine::Event& event, const engine::ParallelStarted& body) {
    const auto* detail = std::get_if<asl::Parallel>(&stories_.machine->state(event.state).detail);
    const std::optional<std::uint32_t> item = place_of(event.strand).item;
    for (std::size_t i = 0; detail != nullptr && i < detail->branches.size(); ++i) {
      places_[static_cast<std::uint32_t>(body.first_child) + static_cast<std::uint32_t>(i)].item = item;
    }
  }
  void on(const engine::Event& event, const engine::StateEntered& body) {
    if (stories_.told.size() == most_) {
      ++stories_.more;
      return;
    }
    Place& place = place_of(event.strand);
    place.story = stories_.told.size();
    TaskStory& story = stories_.told.emplace_back();
    story.visit = {event.execution, event.strand, place.visits};
    story.state = event.state;
    story.item = place.item;
    story.entered = event.time;
    story.input = body.input;
  }
  void on(const engine::Event& event, const engine::TaskScheduled& body) {
    TaskStory& story = story_of(event);
    story.parameters = body.parameters;
    story.token = body.token;
    story.timeout_seconds = body.timeout_seconds;
    story.heartbeat_seconds = body.heartbeat_seconds;
    begin(event, body.count);
    const asl::State& state = stories_.machine->state(event.state);
    if (std::get<asl::Task>(state.detail).resource.kind == asl::ResourceKind::activity && !body.token.empty()) {
      dispatch_of(event).status = "WAITING";
    }
  }
  void on(const engine::Event& event, const engine::TaskRedispatched& body) {
    end(event, "INTERRUPTED");
    begin(event, body.count);
  }
  void begin(const engine::Event& event, std::uint32_t count) {
    story_of(event).failed = false;  // a redrive tries it again
    Dispatch& dispatch = story_of(event).dispatches.emplace_back();
    dispatch.count = count;
    dispatch.attempt = place_of(event.strand).retries;
    dispatch.scheduled = event.time;
    dispatch.status = "OPEN";
  }
  void on(const engine::Event& event, const engine::TaskStarted& body) {
    dispatch_of(event).started = Timestamp{event.time.us - body.earlier_us};
    dispatch_of(event).worker = body.worker;
  }
  void on(const engine::Event& event, const engine::TaskSubmitted& /*body*/) { dispatch_of(event).status = "WAITING"; }
  void on(const engine::Event& event, const engine::TaskSucceeded& body) {
    dispatch_of(event).result = body.result;
    end(event, "SUCCEEDED", body.usage);
  }
  void on(const engine::Event& event, engine::TaskFailed& body) {
    dispatch_of(event).error = std::move(body.error);
    dispatch_of(event).cause = std::move(body.cause);
    end(event, "FAILED", body.usage);
  }
  void on(const engine::Event& event, const engine::TaskTimedOut& body) {
    dispatch_of(event).error = body.heartbeat ? "States.HeartbeatTimeout" : "States.Timeout";
    end(event, "TIMED_OUT", body.usage);
  }
  void end(const engine::Event& event, std::string_view status, const work::Usage& usage = {}) {
    Dispatch& dispatch = dispatch_of(event);
    dispatch.status = status;
    dispatch.ended = event.time;
    if (usage != work::Usage()) {
      dispatch.usage = usage;
    }
  }
  void on(const engine::Event& event, const engine::RetryScheduled& body) {
    ++place_of(event.strand).retries;
    if (!story_of(event).dispatches.empty()) {
      dispatch_of(event).retried_at = body.deadline;
    }
  }
  void on(const engine::Event& event, const engine::StateExited& body) {
    TaskStory& story = story_of(event);
    story.left = event.time;
    story.next = body.next;
    story.output = body.output;
    story.caught = story.dispatches.empty() || story.dispatches.back().status != "SUCCEEDED";
    place_of(event.strand).story.reset();
  }
  void on(const engine::Event& event, const engine::ChildFailed& /*body*/) { story_of(event).failed = true; }
  void on(const engine::Event& event, const engine::ExecutionFailed& /*body*/) { story_of(event).failed = true; }
  void on(const engine::Event& event, const engine::StateAborted& /*body*/) {
    TaskStory& story = story_of(event);
    story.failed = true;
    if (!story.dispatches.empty() && !story.dispatches.back().ended) {
      end(event, "ABORTED");
    }
  }

  const TaskChoice choice_;
  Choice execution_;
  const std::size_t most_;
  std::uint64_t id_ = 0;
  Stories stories_;
  std::unordered_map<std::uint32_t, Place> places_;
};

}  // namespace

Result<Stories> read_stories(const RunFiles& run, const TaskChoice& choice, std::size_t most) {
  journal::ReadOptions options;
  options.from = 0;
  auto reader = TRY(journal::EventReader::open(run.journal, options));
  Teller teller(choice, run, most);
  while (true) {
    const auto row = TRY(reader.next_row());
    if (!row) {
      break;
    }
    TRY(teller.take(*row, reader));
  }
  Stories stories = teller.finish();
  if (stories.machine == nullptr) {
    return fail(ErrorKind::usage, fmt::format("{}: nothing has begun yet", run.folder));
  }
  return stories;
}

}  // namespace lockstep::report
