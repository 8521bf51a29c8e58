// A power loss keeps any beginning of what was decided, even the first Events of one decision. So every history here is
// cut behind each of its Events, and what goes on from there must come to the same history as one that was never cut:
// with the outcomes that the last process still got to know, or with none of them.
#include <algorithm>
#include <map>
#include <set>

#include "engine/snapshot.hpp"
#include "engine/test_world.hpp"

namespace lockstep::engine {
namespace {

constexpr ExecutionId kCutExecution{7};

struct Case {
  const char* name;
  const char* states;  ///< begins at A
  const char* input = "{}";
  std::uint32_t redrives = 0;  ///< as often it is redriven when it has not succeeded
  bool stopped = false;        ///< by a request, when nothing else is left to do
  const char* more = "";       ///< members of the state machine
};
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

// What a task does is in its parameters: it fails as E in its first "fails" attempts until it is redriven; "hangs": it
// never ends. So nothing depends on the order in which tasks end.
constexpr Case kCases[] = {
    {"branches that are given up, all that may stand in them", R"asl(
      "A":{"Type":"Parallel","Next":"B","Catch":[{"ErrorEquals":["E"],"ResultPath":"$.e","Next":"B"}],"Branches":[
        {"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":5,"Next":"Break"},
          "Break":{"Type":"Task","Resource":"job:x","Parameters":{"fails":9},"End":true}}},
        {"StartAt":"Hang","States":{"Hang":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}},
        {"StartAt":"Long","States":{"Long":{"Type":"Wait","Seconds":6000,"End":true}}},
        {"StartAt":"Quick","States":{"Quick":{"Type":"Pass","End":true}}},
        {"StartAt":"Again","States":{"Again":{"Type":"Task","Resource":"job:x","Parameters":{"fails":9},
          "Retry":[{"ErrorEquals":["E"],"IntervalSeconds":6000}],"End":true}}},
        {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.list","End":true,"ItemProcessor":{"StartAt":"P","States":{
          "P":{"Type":"Parallel","End":true,"Branches":[
            {"StartAt":"H","States":{"H":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}},
            {"StartAt":"L","States":{"L":{"Type":"Wait","Seconds":6000,"End":true}}}]}}}}}}]},
      "B":{"Type":"Task","Resource":"job:x","Parameters":{"fails":0},"End":true})asl",
     R"({"list":[1,2,3]})"},
    {"a Map that is retried and then caught", R"asl(
      "A":{"Type":"Map","ItemsPath":"$.list","ResultPath":null,"Next":"B","Retry":[{"ErrorEquals":["E"],"MaxAttempts":2}],
        "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"B"}],"ItemProcessor":{"StartAt":"C","States":{
          "C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":2,"Next":"Nap"}],"Default":"Hang"},
          "Nap":{"Type":"Wait","Seconds":1,"Next":"Break"},
          "Break":{"Type":"Task","Resource":"job:x","Parameters":{"fails":9},
            "Retry":[{"ErrorEquals":["E"],"IntervalSeconds":3,"MaxAttempts":1}],"End":true},
          "Hang":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}}},
      "B":{"Type":"Succeed"})asl",
     R"({"list":[1,2,3,4]})"},
    {"failures that go up through nested states", R"asl(
      "A":{"Type":"Map","MaxConcurrency":1,"End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],
        "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,
          "Retry":[{"ErrorEquals":["States.BranchFailed"],"MaxAttempts":1}],"Branches":[
            {"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"D","States":{
              "D":{"Type":"Wait","Seconds":2,"Next":"F"},"F":{"Type":"Fail","Error":"E","Cause":"said so"}}}}}},
            {"StartAt":"Hang","States":{"Hang":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}}]}}}},
      "B":{"Type":"Pass","End":true})asl",
     "[[1],[1]]"},
    {"an item that cannot be selected while others run", R"asl(
      "A":{"Type":"Map","ItemSelector":{"x.$":"$$.Map.Item.Value.x"},"End":true,"ItemProcessor":{"StartAt":"Hang","States":{
        "Hang":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}}})asl",
     R"([{"x":1},{"x":2},{"y":3}])"},
    {"an item that cannot be selected, which is caught", R"asl(
      "A":{"Type":"Map","ItemSelector":{"x.$":"States.ArrayGetItem($$.Map.Item.Value,1)"},"End":true,
        "Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],
        "ItemProcessor":{"StartAt":"Hang","States":{"Hang":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}}},
      "B":{"Type":"Pass","End":true})asl",
     "[[1,2],[3,4],[5]]"},
    {"an item that cannot be selected, in JSONata", R"asl(
      "A":{"Type":"Map","QueryLanguage":"JSONata","ItemSelector":{"x":"{% $number($states.context.Map.Item.Value) %}"},"End":true,
        "Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"ItemProcessor":{"StartAt":"Hang","States":{
          "Hang":{"Type":"Task","QueryLanguage":"JSONata","Resource":"job:x","Arguments":{"hangs":true},"End":true}}}},
      "B":{"Type":"Pass","End":true})asl",
     R"([1,2,"three"])"},
    {"expressions that fail", R"asl(
      "A":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $states.input %}","Next":"B"},
      "B":{"Type":"Task","QueryLanguage":"JSONata","Resource":"job:x","Arguments":{"fails":0},"Output":"{% $number('x') %}",
        "Retry":[{"ErrorEquals":["States.QueryEvaluationError"],"MaxAttempts":2}],
        "Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"why":"{% $states.errorOutput.Error %}"},"Next":"C"}],"Next":"C"},
      "C":{"Type":"Task","Resource":"job:x","Parameters":{"fails":0},"ResultPath":"$.a.b",
        "Catch":[{"ErrorEquals":["States.ResultPathMatchFailure"],"Next":"D"}],"Next":"D"},
      "D":{"Type":"Choice","Choices":[{"Variable":"$.none","NumericEquals":1,"Next":"E"}],"Default":"E"},
      "E":{"Type":"Pass","End":true})asl",
     R"({"a":1})"},
    {"tasks of services, retried", R"asl(
      "A":{"Type":"Map","MaxConcurrency":2,"End":true,"ItemProcessor":{"StartAt":"S","States":{
        "S":{"Type":"Task","Resource":"arn:aws:states:::batch:submitJob.sync","Parameters":{"fails.$":"$"},
          "Retry":[{"ErrorEquals":["States.TaskFailed"],"IntervalSeconds":2,"MaxAttempts":3}],"Next":"T"},
        "T":{"Type":"Task","Resource":"job:x","Parameters":{"fails":0},"ResultPath":null,"End":true}}}})asl",
     "[0,2,1,0]"},
    {"tasks that wait for an answer", R"asl(
      "A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{
        "T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Parameters":{"fails":0,"answer.$":"$"},"HeartbeatSeconds":600,
          "Retry":[{"ErrorEquals":["States.TaskFailed"],"IntervalSeconds":2,"MaxAttempts":1}],
          "Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"Next":"C"},
        "C":{"Type":"Pass","End":true}}}})asl",
     R"(["good","bad","good","never"])"},
    {"tasks that workers take from an activity", R"asl(
      "A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{
        "T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:paint",
          "Parameters":{"fails":0,"answer.$":"$"},"HeartbeatSeconds":600,"TimeoutSeconds":9000,
          "Retry":[{"ErrorEquals":["States.TaskFailed"],"IntervalSeconds":2,"MaxAttempts":1}],
          "Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"Next":"C"},
        "C":{"Type":"Pass","End":true}}}})asl",
     R"(["good","bad","good","never"])"},
    {"a failed run that is redriven", R"asl(
      "A":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"End":true,"ItemProcessor":{"StartAt":"T","States":{
          "T":{"Type":"Task","Resource":"job:x","Parameters":{"fails":0},"Next":"F"},
          "F":{"Type":"Task","Resource":"job:x","Parameters":{"fails.$":"$.n"},"End":true}}}}}},
        {"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":6000,"Next":"Awake"},"Awake":{"Type":"Pass","End":true}}}]})asl",
     R"([{"n":9}])", 1},
    {"a run that is stopped", R"asl(
      "A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"T","States":{
        "T":{"Type":"Task","Resource":"job:x","Parameters":{"fails":0},"Next":"Hang"},
        "Hang":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}}})asl",
     "[1,2]", 0, true},
    {"a run that takes too long", R"asl(
      "A":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"Hang","States":{
        "Hang":{"Type":"Task","Resource":"job:x","Parameters":{"hangs":true},"End":true}}}})asl",
     "[1,2]", 1, false, R"("TimeoutSeconds":20,)"},
};

std::string normal(const std::string& entry, const std::string& previous) {
  std::string text;
  for (std::size_t i = 0; i < entry.size(); ++i) {
    text += entry[i];
    if (entry[i] == '#') {  // "entered at the event id #17"
      while (i + 1 < entry.size() && std::isdigit(static_cast<unsigned char>(entry[i + 1])) != 0) {
        ++i;
      }
    }
  }
  return text + " after " + previous;
}

/// One run, and the processes that may follow each other in it.
class Play {
 public:
  Play(const Case& one, asl::StateMachinePtr machine)
      : one_(one), machine_(std::move(machine)), engine_(Limits::hpc()) {}

  void run() {
    handle(StartExecution{kCutExecution, std::make_shared<Identity>(), machine_, Value::from_text(one_.input).value()});
    go_on();
  }

  /// What goes on where `whole` was cut behind its first `count` Events. `spooled`: the outcomes that it had got to
  /// know are known.
  void run(const Play& whole, std::size_t count, bool spooled) {
    for (std::size_t i = 0; i < count; ++i) {
      engine_.apply(whole.events_[i]);
      events_.push_back(whole.events_[i]);
    }
    now_ = events_.back().time;
    timers_held_ = true;
    handle(Proceed{});
    const Execution& execution = *engine_.find(kCutExecution);
    std::set<DispatchId> finished;
    for (const auto& [at, outcome] : whole.taken_) {
      if (spooled && at < count) {
        finished.insert(outcome.id);
        handle(outcome);
      }
    }
    for (const auto& [at, request] : whole.requested_) {
      if (at < count) {
        ask(request);
      }
    }
    for (DispatchTask& task : open_dispatches(engine_)) {
      const auto is_out = [&](const DispatchTask& out) { return out.id == task.id; };
      if (is_of_activity(task) && std::none_of(out_.begin(), out_.end(), is_out)) {
        out_.push_back(std::move(task));  // it waits for a worker, as before
      }
    }
    for (const OpenTask& task : open_tasks(execution)) {
      if (std::none_of(out_.begin(), out_.end(), [&](const DispatchTask& out) { return out.id == task.id; })) {
        handle(RedispatchTask{task.id});
      }
    }
    timers_held_ = false;
    go_on();
  }

  /// Its entries without numbers and times, each with the one that it follows.
  std::multiset<std::string> history() const {
    std::map<std::uint64_t, std::string> entries;
    std::multiset<std::string> history;
    for (Event event : events_) {
      if (event.id == 0) {
        continue;
      }
      const auto before = entries.find(event.previous);
      const std::string previous = before == entries.end() ? "nothing" : before->second;
      EXPECT_TRUE(event.previous == 0 || before != entries.end());
      std::string& entry = entries[event.id];
      EXPECT_EQ(entry, "") << "an event id was given twice";
      event.id = 1;
      event.previous = 0;
      event.time = {};
      append_history(entry, event, *machine_);
      history.insert(normal(entry, previous));
    }
    return history;
  }
  const std::vector<Event>& events() const { return events_; }
  Status status() const { return engine_.find(kCutExecution)->status; }

 private:
  void handle(InputBody body) {
    Step step;
    engine_.handle({now_, seed_++, std::move(body), 0, timers_held_}, step);
    EXPECT_EQ(engine_.check_invariants(), "");
    events_.insert(events_.end(), std::make_move_iterator(step.events.begin()),
                   std::make_move_iterator(step.events.end()));
    for (Effect& effect : step.effects) {
      if (auto* dispatch = std::get_if<DispatchTask>(&effect.body)) {
        out_.push_back(std::move(*dispatch));
      } else if (const auto* cancel = std::get_if<CancelTask>(&effect.body)) {
        std::erase_if(out_, [&](const DispatchTask& task) { return task.id == cancel->id; });
      } else if (const auto* answer = std::get_if<AnswerRequest>(&effect.body)) {
        EXPECT_EQ(answer->verdict, Verdict::accepted) << answer->request;
      }
    }
  }

  void ask(const InputBody& request) {
    requested_.emplace_back(events_.size(), request);
    handle(request);
  }

  void go_on() {
    for (int turns = 0; turns < 1000; ++turns) {
      if (engine_.has_ready()) {
        handle(Proceed{});
      } else if (!end_a_task() && !answer_a_task() && !end_by_request() && !let_time_pass()) {
        return;
      }
    }
    ADD_FAILURE() << "it does not end";
  }

  static std::int64_t number_in(const DispatchTask& task, const char* field) {
    const Node* found = task.parameters.node().find(field);
    return found == nullptr ? 0 : found->as_integer().value_or(0);
  }

  static bool is_of_activity(const DispatchTask& task) { return resource_of(task).kind == asl::ResourceKind::activity; }

  /// Or lets a worker take it.
  bool end_a_task() {
    const auto next = std::find_if(out_.begin(), out_.end(), [](const DispatchTask& task) {
      return task.parameters.node().find("hangs") == nullptr;
    });
    if (next == out_.end()) {
      return false;
    }
    if (is_of_activity(*next)) {
      TaskProgress taken{next->id, TaskProgress::Kind::taken};
      taken.worker = "worker";
      taken.request = "poll for " + work::dispatch_text(next->id);
      out_.erase(next);
      ask(std::move(taken));
      return true;
    }
    work::Outcome outcome;
    outcome.id = next->id;
    outcome.started = now_;
    if (next->attempt < number_in(*next, "fails") && engine_.find(kCutExecution)->redrive_count == 0) {
      outcome.kind = work::OutcomeKind::failed;
      outcome.error = "E";
      outcome.cause = "as it was told";
    } else {
      outcome.result = next->parameters;
    }
    out_.erase(next);
    taken_.emplace_back(events_.size(), outcome);
    handle(outcome);
    return true;
  }

  /// Each token gets its answer, and first a heartbeat.
  bool answer_a_task() {
    for (const Strand& strand : engine_.find(kCutExecution)->strands) {
      if (strand.phase != Phase::callback) {
        continue;
      }
      const Node& how = *strand.call->parameters.node().find("answer");
      AnswerTask answer;
      answer.request = work::dispatch_text(engine_.find(kCutExecution)->dispatch_id(strand));
      answer.token = *strand.token;
      if (how.as_string() == "never") {
        continue;
      }
      if (beats_.insert(answer.request + " beats").second) {
        answer.request += " beats";
        answer.kind = AnswerTask::Kind::heartbeat;
      } else if (how.as_string() == "bad") {
        answer.kind = AnswerTask::Kind::failure;
        answer.error = "Bad";
      } else {
        answer.output = Value::from_text("[1]").value();
      }
      ask(answer);
      return true;
    }
    return false;
  }

  bool end_by_request() {
    const Execution& execution = *engine_.find(kCutExecution);
    if (execution.status == Status::running) {
      if (!one_.stopped) {
        return false;
      }
      ask(StopExecution{"stop", kCutExecution, "Stopped", std::nullopt});
      return true;
    }
    if (execution.status == Status::succeeded || execution.redrive_count == one_.redrives) {
      return false;
    }
    ask(RedriveExecution{fmt::format("redrive {}", execution.redrive_count), kCutExecution});
    return true;
  }

  bool let_time_pass() {
    const auto deadline = engine_.next_deadline();
    if (!deadline) {
      return false;
    }
    now_ = std::max(now_, *deadline);
    handle(Proceed{});
    return true;
  }

  const Case& one_;
  const asl::StateMachinePtr machine_;
  Engine engine_;
  bool timers_held_ = false;
  Timestamp now_{1'700'000'000'000'000};
  std::uint64_t seed_ = 1;
  std::vector<Event> events_;
  std::deque<DispatchTask> out_;
  std::vector<std::pair<std::size_t, work::Outcome>> taken_;  // after how many Events
  std::vector<std::pair<std::size_t, InputBody>> requested_;  // likewise
  std::set<std::string> beats_;
};

class Cut : public testing::TestWithParam<Case> {};

TEST_P(Cut, BehindAnyEventComesToTheSameHistory) {
  const auto machine =
      asl::parse_definition(fmt::format(R"({{{}"StartAt":"A","States":{{{}}}}})", GetParam().more, GetParam().states))
          .machine;
  ASSERT_NE(machine, nullptr);
  Play whole(GetParam(), machine);
  whole.run();
  ASSERT_NE(whole.status(), Status::running);
  const auto expected = whole.history();
  for (std::size_t count = 1; count <= whole.events().size(); ++count) {
    for (const bool spooled : {false, true}) {
      Play cut(GetParam(), machine);
      cut.run(whole, count, spooled);
      const auto history = cut.history();
      std::vector<std::string> more;
      std::vector<std::string> less;
      std::set_difference(history.begin(), history.end(), expected.begin(), expected.end(), std::back_inserter(more));
      std::set_difference(expected.begin(), expected.end(), history.begin(), history.end(), std::back_inserter(less));
      ASSERT_TRUE(more.empty() && less.empty()) << "cut behind event " << count << (spooled ? ", with a spool" : "")
                                                << "\n  more: " << fmt::format("{}", fmt::join(more, "\n        "))
                                                << "\n  less: " << fmt::format("{}", fmt::join(less, "\n        "));
      ASSERT_EQ(cut.status(), whole.status());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Histories, Cut, testing::ValuesIn(kCases), [](const auto& one) {
  std::string name;
  for (const char letter : std::string_view(one.param.name)) {
    if (std::isalnum(static_cast<unsigned char>(letter)) != 0) {
      name += letter;
    }
  }
  return name;
});

}  // namespace
}  // namespace lockstep::engine
