// The loop against a journal that acknowledges late and a fleet that takes its time: nothing is visible before it is
// durable.
#include "service/loop.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "asl/parser.hpp"
#include "engine/snapshot.hpp"
#include "service/mailbox.hpp"
#include "service/test_clock.hpp"
#include "service/test_shell.hpp"
#include "value/test_folder.hpp"

namespace lockstep::service {
namespace {

/// Two slots whose tasks end at random moments, in any order; some fail. Checks wall 1 on each dispatch.
class CarefulFleet final : public fleet::Fleet {
 public:
  CarefulFleet(ManualClock& clock, const journal::LateJournal& journal, std::uint64_t seed, int failing_percent)
      : clock_(clock), journal_(journal), random_(seed), failing_percent_(failing_percent) {}

  std::size_t slots() const override { return slots_; }
  std::size_t room() const override { return slots_ - std::min(slots_, tasks_.size()); }
  void add_jobs(std::vector<work::Job> /*jobs*/) override {}
  void dispatch(work::Task task) override {
    EXPECT_TRUE(is_durable(task.id)) << "dispatched before it was durable";
    EXPECT_LT(tasks_.size(), slots_);
    token = task.task_token;
    tasks_.push_back(std::move(task));
    ++dispatched_;
  }
  void cancel(const work::DispatchId& id) override {
    std::erase_if(tasks_, [&](const work::Task& task) { return task.id == id; });
    ++cancelled_;
  }
  void wait(std::chrono::microseconds limit, const fleet::Waker& waker, std::vector<work::Outcome>& outcomes) override {
    pollfd fd = {waker.descriptor(), POLLIN, 0};
    const bool woken = poll(&fd, 1, 0) > 0;
    EXPECT_FALSE(woken && was_woken_) << "a waker that stays woken would make the loop spin";
    was_woken_ = woken;
    clock_.pass(limit);
    if (tasks_.empty() || random_() % 3 == 0) {
      return;
    }
    const std::size_t which = random_() % tasks_.size();
    work::Outcome outcome;
    outcome.id = tasks_[which].id;
    outcome.started = clock_.now();
    if (interrupts_ > 0 && random_() % 2 == 0) {
      --interrupts_;
      outcome.kind = work::OutcomeKind::interrupted;
      outcome.cause = "TERM";
      outcome.begun = begins_;
    } else if (random_() % 100 < static_cast<std::uint64_t>(failing_percent_)) {
      outcome.kind = work::OutcomeKind::failed;
      outcome.error = "Flaky";
    } else {
      outcome.result = tasks_[which].input;
    }
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(which));
    outcomes.push_back(outcome);
    if (random_() % 4 == 0) {
      outcomes.push_back(std::move(outcome));  // told twice: the second must change nothing
    }
  }
  void stop() override {}
  std::string describe() const override { return "a careful fleet"; }

  void die() { slots_ = 0; }
  /// Cuts so many tasks off, once they have begun or before.
  void interrupt(int tasks, bool begun) {
    interrupts_ = tasks;
    begins_ = begun;
  }
  std::string token;  // of the last task
  int dispatched() const { return dispatched_; }
  int interrupts_left() const { return interrupts_; }
  std::size_t left() const { return tasks_.size(); }
  int cancelled() const { return cancelled_; }

 private:
  bool is_durable(const work::DispatchId& id) const {
    for (std::size_t i = 0; i < journal_.acknowledged(); ++i) {
      const engine::Event& event = journal_.events()[i];
      const auto* scheduled = std::get_if<engine::TaskScheduled>(&event.body);
      const auto* again = std::get_if<engine::TaskRedispatched>(&event.body);
      const std::uint32_t count = scheduled != nullptr ? scheduled->count : again != nullptr ? again->count : 0;
      if (count == id.count && event.strand == id.strand) {
        return true;
      }
    }
    return false;
  }

  ManualClock& clock_;
  const journal::LateJournal& journal_;
  std::mt19937_64 random_;
  int failing_percent_;
  std::size_t slots_ = 2;
  std::vector<work::Task> tasks_;
  int cancelled_ = 0;
  int dispatched_ = 0;
  int interrupts_ = 0;
  bool begins_ = true;
  bool was_woken_ = false;
};

struct Bench {
  explicit Bench(const std::string& definition, std::uint64_t seed = 1, int failing_percent = 0)
      : machine(asl::parse_definition(definition).machine),
        journal(seed),
        fleet(clock, journal, seed, failing_percent),
        integrations([] {
          integrations::Job echo;
          echo.resource = "job:echo";
          echo.builtin = integrations::Builtin::echo;
          integrations::Job once = echo;
          once.resource = "job:once";
          once.interrupted = integrations::Interrupted::fail;
          integrations::Job ask = echo;
          ask.resource = "arn:aws:states:::sqs:*";
          return std::vector{echo, once, ask};
        }()),
        engine(engine::Limits::hpc()),
        shell(parts(seed)) {}

  TestShell::Parts parts(std::uint64_t seed, InputSource* source = nullptr) {
    return {{engine, fleet, integrations, clock, waker, stop}, journal, [this, seed, source](Loop::Parts& loop) {
              loop.seed = seed;
              loop.is_owner = [this] { return is_owner ? is_owner() : Result<bool>(true); };
              if (source != nullptr) {
                loop.sources = {source};
              }
            }};
  }
  Result<RunEnd> run(const std::string& input) {
    auto identity = std::make_shared<engine::Identity>("test");
    return shell.run({TestShell::kExecution, identity, machine, Value::from_text(input).value()});
  }

  std::function<Result<bool>()> is_owner;
  asl::StateMachinePtr machine;
  ManualClock clock;
  journal::LateJournal journal;
  CarefulFleet fleet;
  integrations::Integrations integrations;
  engine::Engine engine;
  fleet::Waker waker;
  StopRequest stop;
  TestShell shell;
};

constexpr const char* kMap = R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{
  "T":{"Type":"Task","Resource":"job:echo","Retry":[{"ErrorEquals":["Flaky"],"MaxAttempts":1000,"BackoffRate":1}],"End":true}}},"End":true}}})";

TEST(ALoop, ReleasesEffectsOnlyOnceTheirEventsAreDurable) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Bench bench(kMap, seed, 30);
    const auto ended = bench.run("[1,2,3,4,5,6,7,8,9,10]");
    ASSERT_TRUE(ended.has_value()) << ended.error().message;
    EXPECT_EQ(ended->end.output.to_text(), "[1,2,3,4,5,6,7,8,9,10]") << "seed " << seed;
    EXPECT_EQ(bench.journal.acknowledged(), bench.journal.events().size())
        << "the result came before it was durable, seed " << seed;
    EXPECT_TRUE(std::holds_alternative<engine::ExecutionSucceeded>(bench.journal.events().back().body));
  }
}

TEST(ALoop, HearsTheWakerOnce) {
  Bench bench(kMap, 3, 30);
  bench.waker.wake();
  EXPECT_TRUE(bench.run("[1,2,3]").has_value());
}

TEST(ALoop, WhatTheJournalKeepsRebuildsTheState) {
  Bench bench(kMap, 7, 30);
  ASSERT_TRUE(bench.run("[1,2,3]").has_value());
  engine::Engine again(engine::Limits::hpc());
  for (const engine::Event& event : bench.journal.events()) {
    again.apply(event);
  }
  ASSERT_NE(again.find(engine::ExecutionId{1}), nullptr);
  EXPECT_EQ(again.find(engine::ExecutionId{1})->status, engine::Status::succeeded);
}

TEST(ALoop, TakesInAllThatWasSaidBeforeTasksRunAgain) {
  Bench before(kMap);
  before.stop.signal = 15;  // its tasks stay out
  ASSERT_TRUE(before.run("[1,2]").has_value());
  const TestFolder made;
  const std::string run = made.path();
  auto mailbox = Mailbox::open(run).value();
  constexpr int kMessages = 5'000;  // more than are taken in at once
  for (int i = 0; i < kMessages; ++i) {
    std::ofstream(fmt::format("{}/mailbox/{:06}.request", run, i)) << R"({"action":"send-task-heartbeat","token":"x"})";
  }
  std::ofstream(run + "/mailbox/999999.request") << R"({"action":"stop"})";
  Bench after(kMap);
  for (const engine::Event& event : before.journal.events()) {
    after.engine.apply(event);
  }
  ASSERT_FALSE(engine::open_dispatches(after.engine).empty());
  TestShell shell(after.parts(1, &mailbox));
  const auto ended = shell.resume();
  ASSERT_TRUE(ended.has_value()) << ended.error().message;
  EXPECT_EQ(ended->end.status, engine::Status::aborted);
  EXPECT_EQ(shell.jobs().dispatched(), 0U);
}

TEST(ALoop, StartsNoMoreOfAMapThanCanBeBegunWhenItGoesOn) {
  constexpr int kItems = 6'000;
  constexpr std::size_t kMostOut = 4096 + 2 * 64;
  std::string items = "[0";
  for (int i = 1; i < kItems; ++i) {
    items += fmt::format(",{}", i);
  }
  const auto stop_soon = [](Bench& bench) {
    bench.is_owner = [&bench, turns = 0]() mutable -> Result<bool> {
      bench.stop.signal = ++turns == 400 ? 15 : bench.stop.signal.load();
      return true;
    };
  };
  Bench before(kMap);
  stop_soon(before);
  ASSERT_TRUE(before.run(items + "]").has_value());
  Bench after(kMap);
  stop_soon(after);
  for (const engine::Event& event : before.journal.events()) {
    after.engine.apply(event);
  }
  ASSERT_FALSE(engine::open_dispatches(after.engine).empty());
  ASSERT_TRUE(after.shell.resume().has_value());
  EXPECT_LE(engine::open_dispatches(after.engine).size(), kMostOut);
}

TEST(ALoop, CancelsTheSiblingsOfAFailedBranch) {
  int cancelled = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Bench bench(
        R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:echo","End":true}}},
            "Catch":[{"ErrorEquals":["Flaky"],"ResultPath":null,"Next":"W"}],"End":true},"W":{"Type":"Wait","Seconds":5,"End":true}}})",
        seed, 100);
    const auto ended = bench.run("[1,2,3,4]");
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->end.output.to_text(), "[1,2,3,4]");
    EXPECT_EQ(bench.fleet.left(), 0U);
    cancelled += bench.fleet.cancelled();
  }
  EXPECT_GT(cancelled, 0);  // of those that had been handed over; the rest never left the service
}

TEST(ALoop, FailsATaskThatNothingMapsWithoutAWorker) {
  Bench bench(
      R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName.$":"$.f"},
                  "Catch":[{"ErrorEquals":["Lambda.ResourceNotFoundException"],"Next":"C"}],"End":true},"C":{"Type":"Pass","OutputPath":"$.Error","End":true}}})");
  const auto ended = bench.run(R"({"f":"nowhere"})");
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->end.output.to_text(), "\"Lambda.ResourceNotFoundException\"");
}

TEST(ALoop, EndsWithAnErrorWhenNoWorkerIsLeft) {
  Bench bench(kMap);
  bench.fleet.die();
  const auto ended = bench.run("[1]");
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().kind, ErrorKind::unavailable);
}

TEST(ALoop, ATaskThatWasCutOffGoesOutAgain) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Bench bench(R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{
      "T":{"Type":"Task","Resource":"job:echo","End":true}}},"End":true}}})",
                seed);
    bench.fleet.interrupt(5, seed % 2 == 0);
    const auto ended = bench.run("[1,2,3,4,5,6,7,8,9,10]");
    ASSERT_TRUE(ended.has_value()) << ended.error().message;
    EXPECT_EQ(ended->end.status, engine::Status::succeeded) << "it is no failure, and no Retry is needed";
    const auto again =
        std::count_if(bench.journal.events().begin(), bench.journal.events().end(),
                      [](const auto& event) { return std::holds_alternative<engine::TaskRedispatched>(event.body); });
    EXPECT_EQ(again, 5 - bench.fleet.interrupts_left());
    EXPECT_GT(again, 0);
  }
}

TEST(ALoop, ATaskThatMustNotStartTwiceFailsWhereItWasCutOffInTheMiddle) {
  constexpr const char* kOnce = R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{
      "T":{"Type":"Task","Resource":"job:once","End":true}}},"End":true}}})";
  for (const bool begun : {false, true}) {
    Bench bench(kOnce, 3);
    bench.fleet.interrupt(1, begun);
    const auto ended = bench.run("[1,2,3,4,5,6,7,8,9,10]");
    ASSERT_TRUE(ended.has_value()) << ended.error().message;
    EXPECT_EQ(bench.fleet.interrupts_left(), 0);
    if (begun) {
      EXPECT_EQ(ended->end.error, "Lockstep.TaskInterrupted");
      EXPECT_EQ(ended->end.cause, "TERM, and its job must not start twice");
    } else {
      EXPECT_EQ(ended->end.status, engine::Status::succeeded);
    }
  }
}

TEST(ALoop, WhoeverMayHaveLostTheRunHandsNothingOut) {
  Bench bench(kMap, 5);
  int before = 0;
  int turns = 0;
  bench.is_owner = [&]() -> Result<bool> {
    if (turns == 0 && bench.fleet.dispatched() < 4) {
      return true;
    }
    before = turns == 0 ? bench.fleet.dispatched() : before;
    return ++turns < 50 ? Result<bool>(false) : fail(ErrorKind::occupied, "taken over");
  };
  const auto ended = bench.run("[1,2,3,4,5,6,7,8,9,10]");
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().kind, ErrorKind::occupied);
  EXPECT_EQ(bench.fleet.left(), 0U) << "what ran has ended meanwhile, and made room";
  EXPECT_EQ(bench.fleet.dispatched(), before);
}

TEST(ALoop, StopsBetweenTwoInputsWhenASignalSaysSo) {
  Bench bench(kMap);
  bench.stop.signal = 15;
  const auto ended = bench.run("[1]");
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->interrupted);
}

/// A performer beside that of jobs. What it is told to do with a task stands in the task's parameters; it notes that,
/// as if it were a ticket at some service. After a restart the tickets tell it each task's fate.
class Clerk final : public Performer {
 public:
  explicit Clerk(bool answers) : answers_(answers) {}

  void dispatch(engine::DispatchTask dispatch) override {
    dispatched.push_back(dispatch.parameters.to_text());
    told_.push_back(engine::TaskProgress{dispatch.id, engine::TaskProgress::Kind::started, {}, {}});
    told_.push_back(engine::TaskProgress{dispatch.id, engine::TaskProgress::Kind::noted, {}, dispatch.parameters});
    told_.push_back(engine::TaskProgress{dispatch.id, engine::TaskProgress::Kind::alive, {}, {}});
    take_up(dispatch.id, dispatch.parameters);
  }
  void cancel(const work::DispatchId& id) override { open_.erase(id); }
  Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override {
    std::vector<Fate> fates;
    for (const engine::DispatchTask& task : open) {
      notes.push_back(task.note ? task.note->to_text() : "none");
      if (notes.back() == R"("finished")") {
        fates.emplace_back(outcome_of(task.id, *task.note));
      } else if (notes.back() == R"("again")") {
        fates.emplace_back(GoesOutAgain{});
      } else {
        take_up(task.id, *task.note);
        if (notes.back() == R"("running")") {
          fates.emplace_back(StillRunning{});
        } else {
          fates.emplace_back(
              GoesOn{{engine::TaskProgress{task.id, engine::TaskProgress::Kind::noted, {}, *task.note}}});
        }
      }
    }
    return fates;
  }
  bool report(const TakeIn& take) override {
    const bool any = !told_.empty();
    for (engine::InputBody& input : std::exchange(told_, {})) {
      take(std::move(input));
    }
    return any;
  }
  std::size_t open() const override { return open_.size(); }

  std::vector<std::string> dispatched;
  std::vector<std::string> notes;  // that came back

 private:
  static work::Outcome outcome_of(const work::DispatchId& id, const Value& result) {
    work::Outcome outcome;
    outcome.id = id;
    outcome.result = result;
    return outcome;
  }
  void take_up(const work::DispatchId& id, const Value& result) {
    open_.insert(id);
    if (answers_) {
      told_.emplace_back(outcome_of(id, result));
    }
  }

  const bool answers_;
  std::set<work::DispatchId> open_;
  std::vector<engine::InputBody> told_;
};

constexpr const char* kClerks = R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{
  "T":{"Type":"Task","Resource":"arn:aws:states:::sns:publish","End":true}}},"End":true}}})";

bool is_for_clerks(const engine::DispatchTask& dispatch) {
  return engine::resource_of(dispatch).service == "sns";
}

void employ(Clerk& clerk, TestShell& shell) {
  shell.performers().add(is_for_clerks, clerk);
}

TEST(APerformer, TellsWhatBecomesOfEachOfItsTasksAfterARestart) {
  const std::string input = R"(["finished","again","running","journalled"])";
  Bench before(kClerks);
  Clerk first(false);
  employ(first, before.shell);
  before.is_owner = [&before, turns = 0]() mutable -> Result<bool> {
    before.stop.signal = ++turns == 200 ? 15 : before.stop.signal.load();
    return true;
  };
  const auto cut_off = before.run(input);
  ASSERT_TRUE(cut_off.has_value()) << cut_off.error().message;
  ASSERT_TRUE(cut_off->interrupted);
  EXPECT_EQ(first.dispatched.size(), 4U);

  Bench after(kClerks);
  for (const engine::Event& event : before.journal.events()) {
    after.engine.apply(event);
  }
  Clerk second(true);
  employ(second, after.shell);
  const auto ended = after.shell.resume();
  ASSERT_TRUE(ended.has_value()) << ended.error().message;
  EXPECT_EQ(ended->end.output.to_text(), input);
  EXPECT_EQ(second.notes, (std::vector<std::string>{R"("finished")", R"("again")", R"("running")", R"("journalled")"}))
      << "what it noted came back to it";
  EXPECT_EQ(second.dispatched, std::vector<std::string>{R"("again")"}) << "only what must go out again does";
  EXPECT_EQ(after.fleet.dispatched(), 0) << "jobs are another one's";
}

TEST(ALoop, ThatCanNeverGoOnSaysSoInsteadOfSleeping) {
  class Forgetful final : public Performer {
   public:
    void dispatch(engine::DispatchTask /*dispatch*/) override {}
    void cancel(const work::DispatchId& /*id*/) override {}
    Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override {
      return std::vector<Fate>(open.size(), StillRunning{});
    }
    bool report(const TakeIn& /*take*/) override { return false; }
    std::size_t open() const override { return 0; }
  };
  Bench bench(R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sns:publish","End":true}}})");
  Forgetful forgetful;
  bench.shell.performers().add(is_for_clerks, forgetful);
  const auto ended = bench.run("1");
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().kind, ErrorKind::internal);
}

/// Somebody who gives a sign of life and then answers; the sign's request is settled when the execution is over, but
/// its end may not be durable yet.
class Answerer final : public InputSource {
 public:
  explicit Answerer(Bench& bench) : bench_(bench) {}
  std::vector<Incoming> take() override {
    if (bench_.fleet.token.empty() || said_ == 2) {
      return {};
    }
    AnswerToken answer{AnswerToken::Kind::heartbeat, bench_.fleet.token, {}, {}, {}};
    answer.kind = ++said_ == 1 ? AnswerToken::Kind::heartbeat : AnswerToken::Kind::success;
    return {{said_ == 1 ? "alive" : "done", Request(std::move(answer))}};
  }
  std::chrono::milliseconds longest_rest() const override { return std::chrono::milliseconds(1); }
  bool failed() const override { return false; }
  bool has_more() const override { return true; }
  void reply(const std::string& /*id*/, const Reply& /*reply*/) override {}
  Result<void> take_back(const std::string& /*id*/) override { return {}; }
  std::vector<std::string> settle() override {
    const engine::Execution* execution = bench_.engine.find(TestShell::kExecution);
    return execution != nullptr && execution->status != engine::Status::running
               ? std::vector<std::string>{"alive", "done"}
               : std::vector<std::string>();
  }
  bool may_come_again(const std::string& /*id*/) override { return true; }

 private:
  Bench& bench_;
  int said_ = 0;
};

TEST(ALoop, HoldsWhatIsOverUntilItsEndWasTold) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Bench bench(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Parameters":{"t.$":"$$.Task.Token"},"End":true}}}]}}})",
                seed);
    Answerer answerer(bench);
    TestShell shell(bench.parts(seed, &answerer));
    auto identity = std::make_shared<engine::Identity>();
    const auto ended = shell.run({TestShell::kExecution, identity, bench.machine, Value::from_text("1").value()});
    ASSERT_TRUE(ended.has_value()) << ended.error().message;
    EXPECT_EQ(ended->end.status, engine::Status::succeeded) << seed;
  }
}

/// A mailbox of the test's own, which may not notice what is posted, and rests as long as the test likes.
class RestingMailbox final : public InputSource {
 public:
  RestingMailbox(bool notices, std::chrono::milliseconds rest) : notices_(notices), rest_(rest) {
    made.write("run.json", "{}");
    mailbox_ = Mailbox::open(run).value();
  }
  void announce_to(const fleet::Waker& waker) override {
    if (notices_) {
      mailbox_->announce_to(waker);
    }
  }
  bool has_news() const override { return mailbox_->has_news(); }
  std::chrono::milliseconds longest_rest() const override { return rest_; }
  std::vector<Incoming> take() override {
    ++looks;
    return mailbox_->take();
  }
  bool failed() const override { return mailbox_->failed(); }
  bool has_more() const override { return mailbox_->has_more(); }
  void reply(const std::string& id, const Reply& reply) override { mailbox_->reply(id, reply); }
  Result<void> take_back(const std::string& id) override { return mailbox_->take_back(id); }
  std::vector<std::string> settle() override { return mailbox_->settle(); }
  bool may_come_again(const std::string& id) override { return mailbox_->may_come_again(id); }

  const TestFolder made;
  const std::string run = made.path();
  int looks = 0;

 private:
  bool notices_;
  std::chrono::milliseconds rest_;
  std::optional<Mailbox> mailbox_;
};

/// A run that waits for years is stopped through `mailbox` once it has looked there; gives up after a minute.
Result<RunEnd> stopped_through(RestingMailbox& mailbox) {
  Bench bench(R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":99999999,"End":true}}})");
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  bool posted = false;
  auto parts = bench.parts(1, &mailbox);
  parts.more = [&, more = parts.more](Loop::Parts& loop) {
    more(loop);
    loop.between_inputs = [&] {
      if (!posted && mailbox.looks > 0) {
        posted = post(mailbox.run, Stop{}).has_value();
      } else if (std::chrono::steady_clock::now() > end) {
        bench.stop.signal = 15;
        bench.stop.since = 1;
      }
    };
  };
  TestShell shell(parts);
  return shell.run({TestShell::kExecution, std::make_shared<engine::Identity>(), bench.machine, Value()});
}

TEST(ALoop, IsWokenByWhatIsPostedOnThisNode) {
  RestingMailbox mailbox(true, std::chrono::hours(1));
  const auto ended = stopped_through(mailbox);
  ASSERT_TRUE(ended.has_value()) << ended.error().message;
  EXPECT_FALSE(ended->interrupted) << "nobody woke it";
  EXPECT_EQ(ended->end.status, engine::Status::aborted);
  EXPECT_EQ(mailbox.looks, 2) << "the first, and the one it was woken for";
  EXPECT_TRUE(std::filesystem::exists(mailbox.run + "/mailbox"));
  for (const auto& entry : std::filesystem::directory_iterator(mailbox.run + "/mailbox")) {
    EXPECT_NE(entry.path().extension(), ".request") << "what was answered is gone when the loop ends";
  }
}

TEST(ALoop, SeesByALookWhatNobodyWokeItFor) {
  RestingMailbox mailbox(false, std::chrono::milliseconds(20));
  const auto ended = stopped_through(mailbox);
  ASSERT_TRUE(ended.has_value()) << ended.error().message;
  EXPECT_EQ(ended->end.status, engine::Status::aborted);
}

}  // namespace
}  // namespace lockstep::service
