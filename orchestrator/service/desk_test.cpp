// What requests mean, in a house in memory whose time is set: names and who may use them again, requests that ask for
// the same, limits.
#include "service/desk.hpp"

#include <gtest/gtest.h>

#include <map>

#include "asl/parser.hpp"
#include "catalogue/names.hpp"
#include "journal/files.hpp"
#include "service/test_clock.hpp"

namespace lockstep::service {
namespace {

constexpr const char* kWait = R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}})";
constexpr std::int64_t kDay = 86'400 * kMicrosPerSecond;

/// All that happens is durable at once.
class ADesk : public testing::Test {
 protected:
  explicit ADesk(const engine::Limits& limits = engine::Limits::aws()) : engine_(limits) {}

  /// What it is answered at once; "waits": nothing yet.
  std::string ask(const std::string& id, Request request) {
    if (const auto reply = at_->handle({id, std::move(request)}, take_)) {
      replies_[id] = to_text(*reply);
    }
    return said(id);
  }
  std::string said(const std::string& id) const { return replies_.contains(id) ? replies_.at(id) : "waits"; }
  std::string start(const std::string& id, const std::string& name, const std::string& input = "{}",
                    bool wait = false) {
    Start start;
    start.machine = "m";
    start.definition = kWait;
    start.name = name;
    start.input = Value::from_text(input).value();
    start.wait = wait;
    return ask(id, std::move(start));
  }
  void pass(std::int64_t microseconds) {
    clock_.time.us += microseconds;
    take(engine::Proceed{});
  }
  journal::SequenceNumber take(engine::InputBody body) {
    engine::Step step;
    engine_.handle({clock_.now(), 1, std::move(body)}, step);
    for (const engine::Event& event : step.events) {
      catalogue_.apply(event, ++last_);
      if (holds_ && engine::is_ending(event.body)) {
        last_ending_ = event;
      }
    }
    for (engine::Effect& effect : step.effects) {
      if (const auto* verdict = std::get_if<engine::AnswerRequest>(&effect.body)) {
        if (const auto reply = at_->reply(*verdict)) {
          replies_[verdict->request] = to_text(*reply);
        }
      } else if (auto* end = std::get_if<engine::EndExecution>(&effect.body)) {
        const engine::ExecutionId id = end->id;
        for (const Answered& answered : at_->on_end(*engine_.find(id), std::move(*end))) {
          replies_[answered.request] = to_text(answered.reply);
        }
        if (!holds_) {
          engine_.forget(id);
        }
      }
    }
    return last_;
  }
  FrontDesk::Parts parts() {
    return {engine_,
            catalogue_,
            clock_,
            endings_,
            [this](engine::EventBody body) { record(std::move(body)); },
            [](const catalogue::ExecutionEntry& /*entry*/) { return Result<void>(); },
            [this](const std::string& request) {
              if (const auto reply = at_->reply({request})) {
                replies_[request] = to_text(*reply);
              }
            },
            activities_,
            [](const std::string& /*id*/) { return Result<void>(); }};
  }
  void record(engine::EventBody body) {
    engine::Event event;
    event.time = clock_.now();
    event.body = std::move(body);
    catalogue_.apply(event, ++last_);
  }
  std::optional<catalogue::ExecutionEntry> entry(const std::string& name) const {
    return catalogue_.executions().find(catalogue::machine_arn("m"), name).value();
  }

  ManualClock clock_;
  engine::Engine engine_;
  catalogue::Catalogue catalogue_;
  journal::SequenceNumber last_ = 0;
  std::vector<engine::Event> endings_;
  engine::Event last_ending_;
  fleet::Waker waker_;
  std::map<std::string, std::string> replies_;
  std::vector<std::string> gone_;  // who asked and does not wait any more
  ActivityPerformer activities_{
      {engine_, clock_, waker_, [this](const std::string& request, const std::string& /*asker*/) {
         return std::find(gone_.begin(), gone_.end(), request) == gone_.end();
       }}};
  const TakeIn take_ = [this](engine::InputBody body) { return take(std::move(body)); };
  FrontDesk desk_{parts()};
  FrontDesk* at_ = &desk_;
  bool holds_ = false;  // what is over, as an owner does that has recovered it
};

/// Without AWS's quotas.
class AGenerousDesk : public ADesk {
 protected:
  AGenerousDesk() : ADesk(engine::Limits::hpc()) {}
};

TEST_F(ADesk, TheSameStartWhileItRunsIsTheSameExecution) {
  const std::string first = start("r1", "night", R"({"a":1})");
  EXPECT_NE(first.find(":execution:m:night"), std::string::npos) << first;
  pass(1);
  EXPECT_EQ(start("r2", "night", R"({ "a" : 1 })"), first) << "inputs are compared as JSON";
  EXPECT_NE(start("r3", "night", R"({"a":2})").find("ExecutionAlreadyExists: Execution Already Exists: 'arn:"),
            std::string::npos);
  EXPECT_EQ(start("r4", "night", R"({"a":1})", true), "waits");
  const engine::Execution& execution = *engine_.find(entry("night")->id);
  EXPECT_EQ(execution.requests->size(), 3U) << "each is known after a crash";
  pass(60 * kMicrosPerSecond);
  EXPECT_NE(said("r4").find("SUCCEEDED"), std::string::npos) << said("r4");
  EXPECT_NE(start("r5", "night", R"({"a":1})").find("ExecutionAlreadyExists"), std::string::npos) << "it is over";
}

TEST_F(ADesk, ATaskThatAsksForAnExecutionThatRunsIsToldOfItsBeginningAndItsEnd) {
  start("r1", "night");
  Start nested;
  nested.machine = "m";
  nested.name = "night";
  nested.input = Value::empty_object();
  nested.wait = true;
  nested.parent = work::DispatchId{engine::ExecutionId{99}, engine::StrandId::top, 1, 1};
  EXPECT_NE(ask("task", nested).find(R"({"executionArn":)"), std::string::npos) << said("task");
  pass(60 * kMicrosPerSecond);
  EXPECT_NE(said("task").find("SUCCEEDED"), std::string::npos) << said("task");
}

TEST_F(ADesk, WhoWaitsForATasksChildIsToldItsEndAlone) {
  Start nested;
  nested.machine = "m";
  nested.definition = kWait;
  nested.name = "night";
  nested.input = Value::empty_object();
  nested.wait = true;
  nested.parent = work::DispatchId{engine::ExecutionId{99}, engine::StrandId::top, 1, 1};
  ask("task", nested);
  EXPECT_EQ(start("r1", "night", "{}", true), "waits");
}

TEST_F(AGenerousDesk, WhoAsksAnewIsToldHowItEndedAfterItsRedrive) {
  holds_ = true;
  EXPECT_EQ(start("r1", "night", "{}", true), "waits");
  const engine::ExecutionId id = entry("night")->id;
  take(engine::StopExecution{"", id, std::nullopt, std::nullopt});
  EXPECT_NE(said("r1").find("ABORTED"), std::string::npos) << said("r1");
  endings_ = {last_ending_};
  FrontDesk next(parts());  // of the next owner
  at_ = &next;
  EXPECT_NE(start("r1", "night", "{}", true).find("ABORTED"), std::string::npos) << said("r1");
  take(engine::RedriveExecution{"", id});
  pass(60 * kMicrosPerSecond);
  EXPECT_NE(start("r1", "night", "{}", true).find("SUCCEEDED"), std::string::npos) << said("r1");
}

TEST_F(ADesk, ANameIsFreeAgainNinetyDaysAfterItsExecutionIsOver) {
  start("r1", "night");
  pass(200 * kDay);  // it ends only now: the clock had stood still
  const Timestamp stopped = *entry("night")->stopped;
  clock_.time = Timestamp{stopped.us + 90 * kDay - 1};
  EXPECT_NE(start("r2", "night").find("ExecutionAlreadyExists"), std::string::npos);
  clock_.time = Timestamp{stopped.us + 90 * kDay};
  EXPECT_NE(start("r3", "night").find(":execution:m:night"), std::string::npos) << said("r3");
  EXPECT_EQ(entry("night")->status, engine::Status::running) << "the newest of that name is meant from now on";
  EXPECT_NE(start("r4", "night", R"({"other":1})").find("ExecutionAlreadyExists"), std::string::npos);
}

TEST_F(AGenerousDesk, ANameStaysTakenForAsLongAsItsExecutionIsKnown) {
  start("r1", "night");
  pass(60 * kMicrosPerSecond);
  pass(1'000 * kDay);
  EXPECT_NE(start("r2", "night").find("ExecutionAlreadyExists"), std::string::npos);
}

TEST_F(ADesk, StoppingWhatIsOverSucceedsAndChangesNothing) {
  start("r1", "night");
  pass(60 * kMicrosPerSecond);
  ASSERT_EQ(engine_.find(entry("night")->id), nullptr);
  EXPECT_EQ(ask("stop", Stop{engine::execution_arn(catalogue::machine_arn("m"), "night")}), kAccepted);
  EXPECT_EQ(entry("night")->status, engine::Status::succeeded);
  EXPECT_NE(ask("other", Stop{engine::execution_arn(catalogue::machine_arn("m"), "day")}).find("ExecutionDoesNotExist"),
            std::string::npos);
}

TEST_F(ADesk, AMachineWhoseDefinitionCannotBeRunAnyMoreStartsNothing) {
  auto content = std::make_shared<engine::MachineContent>();
  content->definition = R"({"StartAt":"Gone","States":{}})";
  record(engine::MachineCreated{catalogue::machine_arn("old"), "old", asl::ExecutionType::standard, content, ""});
  Start wanted;
  wanted.machine = "old";
  EXPECT_NE(ask("r", wanted).find("InvalidDefinition"), std::string::npos) << said("r");
}

TEST_F(ADesk, AThousandMayWaitForAnActivitysTasks) {
  ask("made", CreateActivity{"paint"});
  ask("other made", CreateActivity{"print"});
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(ask(fmt::format("poll {}", i), GetActivityTask{"paint"}), "waits");
  }
  EXPECT_EQ(ask("one more", GetActivityTask{"paint"}),
            "ActivityWorkerLimitExceeded: Activity Worker Limit Exceeded: "
            "'arn:aws:states:us-east-1:123456789012:activity:paint'");
  EXPECT_EQ(ask("of another", GetActivityTask{"print"}), "waits");
  gone_ = {"poll 7"};
  EXPECT_EQ(ask("in its place", GetActivityTask{"paint"}), "waits");
  EXPECT_NE(ask("too many", GetActivityTask{"paint"}).find("ActivityWorkerLimitExceeded"), std::string::npos);
}

TEST_F(AGenerousDesk, AnyNumberMayWaitForAnActivitysTasks) {
  ask("made", CreateActivity{"paint"});
  for (int i = 0; i < 1'001; ++i) {
    EXPECT_EQ(ask(fmt::format("poll {}", i), GetActivityTask{"paint"}), "waits");
  }
}

TEST_F(ADesk, AWorkersNameHasEightyCharacters) {
  ask("made", CreateActivity{"paint"});
  EXPECT_EQ(ask("long", GetActivityTask{"paint", std::string(80, 'w')}), "waits");
  EXPECT_EQ(ask("too long", GetActivityTask{"paint", std::string(81, 'w')}),
            "ValidationException: 1 validation error detected: Value '" + std::string(81, 'w') +
                "' at 'workerName' failed to satisfy constraint: Member must have length less than or equal to 80");
}

TEST_F(ADesk, AHundredThousandActivitiesAreRegistered) {
  for (int i = 0; i < 100'000; ++i) {
    record(engine::ActivityCreated{catalogue::activity_arn(fmt::format("a{}", i)), fmt::format("a{}", i),
                                   Value::empty_object(), ""});
  }
  EXPECT_NE(ask("again", CreateActivity{"a7"}).find("activityArn"), std::string::npos) << "it stands";
  EXPECT_NE(ask("more", CreateActivity{"b"}).find("ActivityLimitExceeded"), std::string::npos) << said("more");
  ask("removed", DeleteActivity{"a7"});
  EXPECT_NE(ask("instead", CreateActivity{"c"}).find("activityArn"), std::string::npos) << said("instead");
}

}  // namespace
}  // namespace lockstep::service
