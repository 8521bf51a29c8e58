#include "service/loop.hpp"

#include <algorithm>
#include <unordered_set>

#include "engine/snapshot.hpp"

namespace lockstep::service {

namespace {

// How long the loop sleeps when nothing is expected: long enough to cost nothing, short enough to notice what no waker
// announces.
constexpr std::chrono::microseconds kLongestSleep{500'000};
// While effects wait for the disk, the loop looks again this soon, where the journal does not wake it.
constexpr std::chrono::microseconds kJournalPoll{5'000};
constexpr std::chrono::microseconds kWhileDraining{20'000};

}  // namespace

Loop::Loop(const Parts& parts) : parts_(parts), random_(parts.seed), last_(parts.journal.append(step_.events)) {
  for (InputSource* source : parts_.sources) {
    source->announce_to(parts_.waker);
    sources_.push_back({source});
  }
  look_at_window();
}

/// First what was half decided when the last owner ended, then what had ended by then, what was said meanwhile, and
/// only then what has to run again.
Result<void> Loop::recover() {
  timers_held_ = true;
  std::vector<engine::DispatchTask> all_open = engine::open_dispatches(parts_.engine);
  take(engine::Proceed{});  // what goes out only now has not been out
  std::vector<std::vector<engine::DispatchTask>> open(parts_.performers.all().size());
  for (engine::DispatchTask& dispatch : all_open) {
    const auto& all = parts_.performers.all();
    const auto performer = std::find(all.begin(), all.end(), &parts_.performers.of(dispatch));
    open[static_cast<std::size_t>(performer - all.begin())].push_back(std::move(dispatch));
  }
  std::vector<engine::DispatchId> again;
  for (std::size_t i = 0; i < open.size(); ++i) {
    auto fates = TRY(parts_.performers.all()[i]->recover(open[i]));
    for (std::size_t n = 0; n < fates.size(); ++n) {
      if (auto* outcome = std::get_if<work::Outcome>(&fates[n])) {
        take(std::move(*outcome));
      } else if (auto* goes_on = std::get_if<GoesOn>(&fates[n])) {
        for (engine::InputBody& missed : goes_on->missed) {
          take(std::move(missed));
        }
      } else if (std::holds_alternative<GoesOutAgain>(fates[n])) {
        again.push_back(open[i][n].id);
      }
    }
  }
  for (Source& one : sources_) {
    do {
      take_requests(one);
      if (one.source->failed()) {
        return fail(ErrorKind::io,
                    "the mailbox cannot be read: what was said to the run must be known before it goes on");
      }
    } while (one.source->has_more());
  }
  forget_old_requests();
  for (const engine::DispatchId& id : again) {
    take(engine::RedispatchTask{id});
  }
  timers_held_ = false;
  const journal::SequenceNumber all = last_;
  while (parts_.journal.durable() < all) {
    if (const auto failure = parts_.journal.failure()) {
      return tl::unexpected<Error>(*failure);
    }
    parts_.machine->sleep(kJournalPoll, -1);
  }
  for (Performer* performer : parts_.performers.all()) {
    performer->recovered();
  }
  return {};
}

/// What was answered before, and has gone from where it had come in, would be held for as long as the execution.
void Loop::forget_old_requests() {
  for (const engine::ExecutionId id : engine::Snapshot::executions(parts_.engine)) {
    const std::vector<engine::RequestTaken> requests = *parts_.engine.find(id)->requests;
    for (const engine::RequestTaken& taken : requests) {
      if (std::none_of(sources_.begin(), sources_.end(),
                       [&](const Source& one) { return one.source->may_come_again(taken.request); })) {
        parts_.engine.forget_request(id, taken.request);
        parts_.desk.forget(taken.request);
      }
    }
  }
}

Result<bool> Loop::run(const std::function<bool()>& is_over) {
  auto ended = go_round(is_over);
  if (ended) {
    for (const Source& one : sources_) {
      settle(*one.source);  // the next owner need not answer again
    }
  }
  return ended;
}

Result<bool> Loop::go_round(const std::function<bool()>& is_over) {
  while (true) {
    look_at_window();
    const auto owner = TRY(is_owner());
    release_effects(owner);
    if (owner) {
      answer_what_is_due();
    }
    if (is_over()) {
      return true;
    }
    if (const auto failure = parts_.journal.failure()) {
      return tl::unexpected<Error>(*failure);
    }
    if (parts_.stop.asked()) {
      if (!drain_end_) {
        begin_to_drain();
      }
      if (drained()) {
        return false;
      }
    } else {
      for (Performer* performer : parts_.performers.all()) {
        if (owner) {
          performer->advance();
        }
        if (const auto failure = performer->failure()) {
          return tl::unexpected<Error>(*failure);
        }
      }
      if (is_stuck()) {
        return fail(ErrorKind::internal, "nothing that is open can ever end: this is a mistake of lockstep's own");
      }
    }
    parts_.sleeper.sleep(patience());
    parts_.waker.clear();  // before anybody looks at what it may have told of
    const bool reported = report();
    const bool asked = take_requests();
    const auto deadline = parts_.engine.next_deadline();
    if (!reported && !asked && (parts_.engine.has_ready() || (deadline && *deadline <= parts_.clock.now()))) {
      take(engine::Proceed{});
    }
    if (parts_.between_inputs) {
      parts_.between_inputs();
    }
  }
}

journal::SequenceNumber Loop::take(engine::InputBody body) {
  step_.clear();
  parts_.engine.handle({.now = parts_.clock.now(),
                        .seed = random_(),
                        .body = std::move(body),
                        .task_window = task_window_,
                        .timers_held = timers_held_,
                        .activities = parts_.activities,
                        .token_key = parts_.token_key},
                       step_);
  if (parts_.observer != nullptr) {
    for (const engine::Event& event : step_.events) {
      parts_.observer->on_event(event, parts_.engine);
    }
  }
  journal_step();
  for (engine::Effect& effect : step_.effects) {
    if (effect.gated) {
      effects_.push_back({last_, std::move(effect)});
    } else {
      at_once_.push_back(std::move(effect));
    }
  }
  return last_;
}

void Loop::record(engine::EventBody body) {
  step_.clear();
  engine::Event event;
  event.time = parts_.clock.now();
  event.body = std::move(body);
  step_.events.push_back(std::move(event));
  journal_step();
}

void Loop::answer_when_durable(const std::string& request) {
  effects_.push_back({last_, {engine::AnswerRequest{request}}});
}

void Loop::journal_step() {
  std::erase_if(step_.events, [](const engine::Event& event) { return !event.journalled; });
  if (parts_.folded != nullptr) {
    journal::SequenceNumber seq = last_;
    for (const engine::Event& event : step_.events) {
      parts_.folded->apply(event, ++seq);
    }
  }
  last_ = parts_.journal.append(step_.events);
}

/// How many tasks the performers want below a Map: the most that any of them wants.
void Loop::look_at_window() {
  task_window_ = 0;
  for (const Performer* performer : parts_.performers.all()) {
    task_window_ = std::max(task_window_, performer->window());
  }
}

Result<bool> Loop::is_owner() {
  return parts_.is_owner ? parts_.is_owner() : true;
}

/// Whether what waits first is worth a sync of its own.
bool Loop::in_hurry() const {
  if (effects_.empty()) {
    return false;
  }
  const auto* dispatch = std::get_if<engine::DispatchTask>(&effects_.front().effect.body);
  return dispatch == nullptr || parts_.performers.of(*dispatch).in_hurry();
}

void Loop::release_effects(bool is_owner) {
  const journal::SequenceNumber durable = in_hurry() ? parts_.journal.durable() : parts_.journal.durable_now();
  for (Performer* performer : parts_.performers.all()) {
    performer->durable(durable);
  }
  while (is_owner && !effects_.empty() && effects_.front().after <= durable) {
    engine::Effect effect = std::move(effects_.front().effect);
    effects_.pop_front();
    std::visit([this](auto& body) { perform(body); }, effect.body);
  }
  if (is_owner) {
    for (engine::Effect& effect : std::exchange(at_once_, {})) {
      std::visit([this](auto& body) { perform(body); }, effect.body);
    }
  }
}

void Loop::perform(engine::DispatchTask& dispatch) {
  Performer& performer = parts_.performers.of(dispatch);
  performer.dispatch(std::move(dispatch));
}

void Loop::perform(const engine::CancelTask& cancel) {
  for (Performer* performer : parts_.performers.all()) {
    performer->cancel(cancel.id);
  }
}

void Loop::perform(engine::EndExecution& end) {
  const engine::ExecutionId id = end.id;
  for (const Answered& answered : parts_.desk.on_end(*parts_.engine.find(id), std::move(end))) {
    answer(answered.request, answered.reply);
  }
  forget_if_over(id);
}

/// What is over is held until that was told, and as long as a request to it may come again: whether it was taken in
/// already stands there.
void Loop::forget_if_over(engine::ExecutionId id) {
  const engine::Execution* execution = parts_.engine.find(id);
  if (execution != nullptr && execution->status != engine::Status::running && execution->requests->empty() &&
      id != parts_.held && !end_is_due(id)) {
    parts_.engine.forget(id);
  }
}

bool Loop::end_is_due(engine::ExecutionId id) const {
  const auto is_its_end = [id](const engine::Effect& effect) {
    const auto* end = std::get_if<engine::EndExecution>(&effect.body);
    return end != nullptr && end->id == id;
  };
  return std::any_of(at_once_.begin(), at_once_.end(), is_its_end) ||
         std::any_of(effects_.begin(), effects_.end(),
                     [&](const WaitingEffect& waiting) { return is_its_end(waiting.effect); });
}

void Loop::perform(const engine::AnswerRequest& verdict) {
  answered_.insert_or_assign(verdict.request, verdict.execution);
  if (const auto reply = parts_.desk.reply(verdict)) {
    answer(verdict.request, *reply);
  }
}

void Loop::answer(const std::string& request, const Reply& reply) {
  for (InputSource* source : parts_.sources) {
    source->reply(request, reply);
  }
}

void Loop::forget_what_is_over() {
  std::unordered_set<engine::ExecutionId> told_of;  // soon
  const auto add = [&](const engine::Effect& effect) {
    if (const auto* verdict = std::get_if<engine::AnswerRequest>(&effect.body)) {
      told_of.insert(verdict->execution);
    } else if (const auto* end = std::get_if<engine::EndExecution>(&effect.body)) {
      told_of.insert(end->id);
    }
  };
  std::for_each(at_once_.begin(), at_once_.end(), add);
  for (const WaitingEffect& waiting : effects_) {
    add(waiting.effect);
  }
  for (const engine::ExecutionId id : engine::Snapshot::executions(parts_.engine)) {
    const engine::Execution& execution = *parts_.engine.find(id);
    const bool is_told = execution.requests->empty() && !told_of.contains(id);
    if (execution.status != engine::Status::running && is_told && id != parts_.held) {
      parts_.engine.forget(id);
    }
  }
}

/// A signal asked to stop: nothing more is handed out, and tasks that run may end within the grace.
void Loop::begin_to_drain() {
  drain_end_ = parts_.machine->now() + parts_.grace;
  for (Performer* performer : parts_.performers.all()) {
    performer->drain();
  }
  if (parts_.on_stop) {
    parts_.on_stop();
  }
}

/// Whether all that was begun is known to be over, or its time is.
bool Loop::drained() const {
  const auto& all = parts_.performers.all();
  return parts_.machine->now() >= *drain_end_ ||
         (effects_.empty() &&
          std::all_of(all.begin(), all.end(), [](const Performer* performer) { return performer->drained(); }));
}

bool Loop::report() {
  bool any = false;
  for (Performer* performer : parts_.performers.all()) {
    any = performer->report(take_) || any;
  }
  return any;
}

void Loop::answer_what_is_due() {
  for (const Answered& answered : parts_.desk.due()) {
    answer(answered.request, answered.reply);
  }
}

/// Takes in what others ask. False if there was nothing.
bool Loop::take_requests() {
  if (sources_.empty()) {
    return false;
  }
  const auto now = parts_.machine->now();
  bool any = false;
  for (Source& one : sources_) {
    if (one.source->has_news() || now >= one.next_look) {
      any = take_requests(one) || any;
    }
  }
  return any;
}

bool Loop::take_requests(Source& from) {
  InputSource& source = *from.source;
  bool any = false;
  for (Incoming& incoming : source.take()) {
    any = true;
    const std::string id = incoming.id;
    if (const auto reply = parts_.desk.handle(std::move(incoming), take_)) {
      source.reply(id, *reply);
    }
  }
  from.next_look = parts_.machine->now() + (source.has_more() ? std::chrono::milliseconds(0) : source.longest_rest());
  settle(source);
  return any;
}

void Loop::settle(InputSource& source) {
  for (const std::string& id : source.settle()) {
    std::optional<engine::ExecutionId> about = parts_.desk.forget(id);
    if (const auto answered = answered_.extract(id)) {
      about = answered.mapped();
    }
    if (about) {
      parts_.engine.forget_request(*about, id);
      forget_if_over(*about);
    }
  }
}

std::chrono::microseconds Loop::patience() const {
  if (parts_.engine.has_ready() || !at_once_.empty()) {
    return std::chrono::microseconds{0};
  }
  std::chrono::microseconds limit = effects_.empty() ? kLongestSleep : kJournalPoll;
  for (const Source& one : sources_) {
    const auto rest = std::chrono::ceil<std::chrono::microseconds>(one.next_look - parts_.machine->now());
    limit = std::clamp(rest, std::chrono::microseconds{0}, limit);
  }
  if (drain_end_) {
    limit = std::min(limit, kWhileDraining);
  }
  if (const auto deadline = parts_.engine.next_deadline()) {
    limit = std::clamp(std::chrono::microseconds(deadline->us - parts_.clock.now().us), std::chrono::microseconds{0},
                       limit);
  }
  return limit;
}

/// Whether executions are open that wait for nothing that could come. Asked only where nothing is to be done anyway.
bool Loop::is_stuck() const {
  const auto& all = parts_.performers.all();
  return effects_.empty() && at_once_.empty() && !parts_.engine.has_ready() && !parts_.engine.next_deadline() &&
         std::all_of(all.begin(), all.end(), [](const Performer* performer) { return performer->open() == 0; }) &&
         engine::waits_for_nothing(parts_.engine);
}

}  // namespace lockstep::service
