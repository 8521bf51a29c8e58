// What each type of execution promises (design, wall 1; services.md 2), line by line: a process is cut off at each of
// its steps in turn, with what was not synced kept and lost, and another one goes on. Then it is counted how often what
// ran. STANDARD: exactly once; asynchronous EXPRESS: at least once; synchronous EXPRESS: at most once.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "catalogue/names.hpp"
#include "engine/snapshot.hpp"
#include "journal/test_disk.hpp"
#include "service/desk.hpp"
#include "service/nested_performer.hpp"
#include "service/test_clock.hpp"

namespace lockstep::service {
namespace {

using journal::CrashPolicy;
using journal::SimulatedDisk;
using namespace std::chrono_literals;

constexpr std::uint64_t kNever = UINT64_MAX;
constexpr std::chrono::microseconds kTaskTime = 300ms;

// "key" names what a task does; one with "fails" fails in its first attempt.
constexpr const char* kStandard = R"asl({"StartAt":"One","States":{
  "One":{"Type":"Task","Resource":"job:work","Parameters":{"key":"one"},"ResultPath":null,"Next":"Nap"},
  "Nap":{"Type":"Wait","Seconds":1,"Next":"Each"},
  "Each":{"Type":"Map","Next":"Kid","ItemsPath":"$.list","ResultPath":null,"ItemProcessor":{"StartAt":"Item","States":{
    "Item":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('item-{}',$)","fails":true},
      "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":1,"MaxAttempts":1}],"End":true}}}},
  "Kid":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Next":"Free","Parameters":{
    "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:kid","Input":{"key":"kid"}},
    "ResultSelector":{"came.$":"$.Output"}},
  "Free":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","End":true,"Parameters":{
    "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:kid","Input":{"key":"free"}},
    "ResultSelector":{"status.$":"$.SdkHttpMetadata.HttpStatusCode"}}}})asl";
constexpr const char* kExpress = R"asl({"StartAt":"One","States":{
  "One":{"Type":"Task","Resource":"job:work","Parameters":{"key":"one"},"ResultPath":null,"Next":"Nap"},
  "Nap":{"Type":"Wait","Seconds":1,"Next":"Each"},
  "Each":{"Type":"Map","Next":"Quick","ItemsPath":"$.list","ResultPath":null,"ItemProcessor":{"StartAt":"Item","States":{
    "Item":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"States.Format('item-{}',$)","fails":true},
      "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":1,"MaxAttempts":1}],"End":true}}}},
  "Quick":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:startSyncExecution","Next":"Free","Parameters":{
    "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:quick","Input":{"key":"quick"}},
    "ResultSelector":{"came.$":"$.Output"}},
  "Free":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","End":true,"Parameters":{
    "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:kid","Input":{"key":"free"}},
    "ResultSelector":{"status.$":"$.SdkHttpMetadata.HttpStatusCode"}}}})asl";
constexpr const char* kAsksOnce = R"asl({"StartAt":"Quick","States":{
  "Quick":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:startSyncExecution","End":true,"Parameters":{
    "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:quick","Input":{"key":"quick"}},
    "ResultSelector":{"came.$":"$.Status"},
    "Catch":[{"ErrorEquals":["Lockstep.TaskInterrupted"],"Next":"Never"}]},
  "Never":{"Type":"Pass","Result":"interrupted","End":true}}})asl";
constexpr const char* kOneName = R"asl({"StartAt":"Both","States":{"Both":{"Type":"Map","End":true,"ItemsPath":"$.list",
  "ItemProcessor":{"StartAt":"Kid","States":{
    "Kid":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","End":true,"Parameters":{
      "StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:kid","Name":"one","Input":{"key":"kid"}},
      "ResultSelector":{"came.$":"$.Output"}}}}}}})asl";
constexpr const char* kKid = R"asl({"StartAt":"Work","States":{
  "Work":{"Type":"Task","Resource":"job:work","Parameters":{"key.$":"$.key"},"End":true}}})asl";
constexpr const char* kInput = R"({"list":[1,2]})";

struct CutOff {};

/// What is there whatever processes come and go.
struct World {
  ManualClock clock;
  std::unique_ptr<SimulatedDisk> disk = journal::make_disk();
  std::map<work::DispatchId, work::Outcome> spool;  // what workers have kept
  std::map<std::string, int> begun;                 // by KEY#ATTEMPT
  std::set<std::string> finished;                   // likewise
  std::map<std::string, Start> mail;                // that was not answered
  std::map<std::string, std::vector<std::string>> answers;
  std::uint64_t moments = 0;
  std::uint64_t cut_off_at = kNever;
  CrashPolicy policy = CrashPolicy::all;
  std::unique_ptr<SimulatedDisk> left;  // by the process that was cut off
  std::uint64_t owners = 0;
  bool begins_finished_work = false;

  /// Between any two things that happen outside the process.
  void moment() {
    if (++moments == cut_off_at) {
      std::mt19937_64 random(1);
      left = disk->crash(policy, random);
      throw CutOff();
    }
  }
};

/// Does each task in the same time, and keeps what came of it before it tells.
class Hands final : public Performer, public Sleeper {
 public:
  explicit Hands(World& world) : world_(world) {}

  void dispatch(engine::DispatchTask dispatch) override {
    world_.moment();
    const std::string name = name_of(dispatch);
    world_.begins_finished_work = world_.begins_finished_work || world_.finished.contains(name);
    ++world_.begun[name];
    const Timestamp end{world_.clock.now().us + kTaskTime.count()};
    running_.emplace_back(end, std::move(dispatch));
    world_.moment();
  }
  void cancel(const engine::DispatchId& id) override {
    std::erase_if(running_, [&](const auto& one) { return one.second.id == id; });
  }
  Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override {
    std::vector<Fate> fates;
    for (const engine::DispatchTask& task : open) {
      const auto kept = world_.spool.find(task.id);
      fates.push_back(kept == world_.spool.end() ? Fate(GoesOutAgain{}) : Fate(kept->second));
    }
    return fates;
  }
  bool report(const TakeIn& take) override {
    bool any = false;
    while (!running_.empty() && running_.front().first <= world_.clock.now()) {
      const engine::DispatchTask task = std::move(running_.front().second);
      running_.erase(running_.begin());
      work::Outcome outcome;
      outcome.id = task.id;
      outcome.started = outcome.ended = world_.clock.now();
      if (task.attempt == 0 && task.parameters.node().find("fails") != nullptr) {
        outcome = work::failed(task.id, "Flaky", "", world_.clock.now());
      } else {
        outcome.result = task.parameters;
      }
      if (task.journalled) {
        world_.spool[task.id] = outcome;
        world_.finished.insert(name_of(task));
      }
      world_.moment();
      take(std::move(outcome));
      any = true;
    }
    return any;
  }
  std::size_t open() const override { return running_.size(); }

  void sleep(std::chrono::microseconds limit) override {
    world_.moment();
    if (!running_.empty()) {
      const std::chrono::microseconds left(running_.front().first.us - world_.clock.now().us);
      limit = std::min(limit, std::max(left, 0us));
    }
    world_.clock.pass(limit);
  }

 private:
  static std::string name_of(const engine::DispatchTask& task) {
    return fmt::format("{}#{}", task.parameters.node().find("key")->as_string(), task.attempt);
  }

  World& world_;
  std::vector<std::pair<Timestamp, engine::DispatchTask>> running_;  // in the order of their ends
};

/// A mailbox whose messages stay until they are answered, or taken back.
class Post final : public InputSource {
 public:
  explicit Post(World& world) : world_(world) {}

  bool has_news() const override { return taken_.size() < world_.mail.size() || !answered_.empty(); }
  std::chrono::milliseconds longest_rest() const override { return 1h; }
  std::vector<Incoming> take() override {
    std::vector<Incoming> incoming;
    for (const auto& [id, start] : world_.mail) {
      if (taken_.insert(id).second) {
        incoming.push_back({id, Request(start)});
      }
    }
    return incoming;
  }
  bool failed() const override { return false; }
  bool has_more() const override { return false; }
  void reply(const std::string& id, const Reply& reply) override {
    if (taken_.contains(id)) {
      world_.moment();
      world_.answers[id].push_back(to_text(reply));
      answered_.push_back(id);
    }
  }
  Result<void> take_back(const std::string& id) override {
    world_.moment();
    world_.mail.erase(id);
    world_.moment();
    return {};
  }
  std::vector<std::string> settle() override {
    for (const std::string& id : answered_) {
      world_.moment();
      world_.mail.erase(id);
      taken_.erase(id);
    }
    return std::exchange(answered_, {});
  }
  bool may_come_again(const std::string& id) override { return world_.mail.contains(id); }

 private:
  World& world_;
  std::set<std::string> taken_;
  std::vector<std::string> answered_;
};

/// An owner of the house.
class Process {
 public:
  explicit Process(World& world) : world_(world) {
    auto recovered = journal::recover(*world.disk, journal::kDiskFolder, engine_, &catalogue_);
    if (!recovered) {
      return;
    }
    endings_ = std::move(recovered->endings);
    journal::JournalOptions options = journal::small_options(*world.disk);
    options.first_segment = options.largest_segment = {128, 32'768};
    auto log = journal::go_on(journal::kDiskFolder, *recovered, recovered->last_epoch + 1, options);
    if (!log) {
      return;
    }
    journal_ = *std::move(log);
  }

  /// Until nothing is left to be done; false: the disk has failed.
  bool run() {
    if (journal_ == nullptr) {
      return false;
    }
    performers_.add([](const engine::DispatchTask& task) { return is_nested_call(engine::resource_of(task)); },
                    nested_);
    FrontDesk desk({engine_, catalogue_, world_.clock, endings_,
                    [this](engine::EventBody body) { loop_->record(std::move(body)); },
                    [](const catalogue::ExecutionEntry& /*entry*/) { return Result<void>(); },
                    [this](const std::string& request) { loop_->answer_when_durable(request); }, activities_,
                    [this](const std::string& id) { return post_.take_back(id); }});
    Loop::Parts parts{engine_, *journal_, performers_, hands_, desk, world_.clock, waker_, stop_};
    parts.sources = {&post_, &nested_};
    parts.folded = &catalogue_;
    parts.between_inputs = [this] {
      constexpr std::uint64_t kLate = 3;
      if (++turns_ % kLate == 0) {
        static_cast<void>(journal_->durable());  // as the thread of a journal has it after a while
      }
    };
    Loop loop(parts);
    loop_ = &loop;
    for (const auto& [name, type] :
         {std::pair{"kid", asl::ExecutionType::standard}, std::pair{"quick", asl::ExecutionType::express}}) {
      catalogue::CreateMachine wanted{name, type, "role", kKid};
      EXPECT_TRUE(desk.put(wanted));
    }
    if (!loop.recover()) {
      return false;
    }
    loop.forget_what_is_over();
    const auto over = loop.run([this] { return world_.mail.empty() && !runs_any(); });
    EXPECT_TRUE(!over || engine_.check_invariants().empty()) << engine_.check_invariants();
    return over && *over && journal_->sync();
  }

 private:
  bool runs_any() const {
    const auto all = engine::Snapshot::executions(engine_);
    return std::any_of(all.begin(), all.end(),
                       [&](engine::ExecutionId id) { return engine_.find(id)->status == engine::Status::running; });
  }

  World& world_;
  engine::Engine engine_{engine::Limits::hpc()};
  catalogue::Catalogue catalogue_;
  std::vector<engine::Event> endings_;
  std::unique_ptr<journal::DurableJournal> journal_;
  fleet::Waker waker_;
  StopRequest stop_;
  Hands hands_{world_};
  Post post_{world_};
  ActivityPerformer activities_{{engine_, world_.clock, waker_,
                                 [](const std::string& /*request*/, const std::string& /*asker*/) { return true; }}};
  NestedPerformer nested_{{engine_, world_.clock,
                           [](const std::string& /*arn*/) -> tl::expected<Description, Refused> {
                             return tl::unexpected(Refused{"ExecutionDoesNotExist", ""});
                           },
                           ++world_.owners}};
  Performers performers_{hands_};
  Loop* loop_ = nullptr;
  std::uint64_t turns_ = 0;
};

/// Where, and what becomes of what was not synced.
struct Cut {
  std::uint64_t moment = kNever;
  std::uint64_t operation = kNever;  // of the disk
  CrashPolicy policy = CrashPolicy::all;
};

/// What a whole life has come to.
struct Came {
  std::map<std::string, int> begun;
  std::vector<std::string> answers;
  std::multiset<std::string> history;       // of all executions: MACHINE STATE KIND
  std::map<std::string, int> starts, ends;  // by machine
  std::uint64_t moments = 0;
  std::uint64_t operations = 0;
  bool was_cut_off = false;
  bool begins_finished_work = false;
};

Came live(const Start& start, const Cut& cut) {
  World world;
  world.mail.emplace("start", start);
  world.cut_off_at = cut.moment;
  world.policy = cut.policy;
  if (cut.operation != kNever) {
    world.disk->fail_at(cut.operation, SimulatedDisk::Fault::power_off);
  }
  Came came;
  std::vector<std::unique_ptr<SimulatedDisk>> old;
  for (int owner = 0; owner < 2; ++owner) {
    bool over = false;
    try {
      over = Process(world).run();
    } catch (const CutOff&) {
      // As it may happen to any process.
    }
    came.operations = std::max(came.operations, world.disk->operations());
    if (over) {
      break;
    }
    EXPECT_EQ(owner, 0) << "it is cut off no more, and does not come to an end";
    came.was_cut_off = true;
    world.cut_off_at = kNever;
    std::mt19937_64 random(1);
    auto left = world.left != nullptr ? std::exchange(world.left, nullptr) : world.disk->crash(cut.policy, random);
    old.push_back(std::exchange(world.disk, std::move(left)));
  }
  came.moments = world.moments;
  came.begun = world.begun;
  came.answers = world.answers["start"];
  came.begins_finished_work = world.begins_finished_work;
  const auto events = journal::read_all(*world.disk);
  std::map<engine::ExecutionId, engine::ExecutionStarted> started;
  for (const engine::Event& event : events ? *events : std::vector<engine::Event>()) {
    if (const auto* body = std::get_if<engine::ExecutionStarted>(&event.body)) {
      started[event.execution] = *body;
      ++came.starts[body->identity->machine().name];
    }
    if (event.id == 0 || !started.contains(event.execution)) {
      continue;
    }
    const engine::ExecutionStarted& of = started[event.execution];
    const std::string& machine = of.identity->machine().name;
    came.ends[machine] += engine::is_ending(event.body) ? 1 : 0;
    came.history.insert(fmt::format("{} {} {}", machine,
                                    event.state == asl::StateId::none ? "" : of.machine->state(event.state).name,
                                    event.body.index()));
  }
  return came;
}

/// Lives once undisturbed, then cut off at each step; `check` sees what that came to, and what the first did.
void cut_at_each_step(const char* definition, const std::string& type, bool sync,
                      const std::function<void(const Came& came, const Came& whole)>& check) {
  Start start;
  start.machine = "m";
  start.definition = definition;
  start.type = type;
  start.name = "night";
  start.input = Value::from_text(kInput).value();
  start.wait = type == "STANDARD";
  start.sync = sync;
  const Came whole = live(start, {});
  ASSERT_FALSE(whole.was_cut_off);
  ASSERT_EQ(whole.answers.size(), 1U);
  std::vector<Cut> cuts;
  for (const CrashPolicy policy : {CrashPolicy::all, CrashPolicy::none}) {
    for (std::uint64_t moment = 1; moment <= whole.moments; ++moment) {
      cuts.push_back({moment, kNever, policy});
    }
    for (std::uint64_t operation = 0; operation < whole.operations; ++operation) {
      cuts.push_back({kNever, operation, policy});
    }
  }
  for (const Cut& cut : cuts) {
    SCOPED_TRACE(
        fmt::format("moment {}, operation {}, policy {}", cut.moment, cut.operation, static_cast<int>(cut.policy)));
    const Came came = live(start, cut);
    check(came, whole);
    if (testing::Test::HasFailure()) {
      return;
    }
  }
}

/// Nothing is entered, scheduled or started twice, and what has finished never begins again. Only what was cut off in
/// the midst does: how a task goes on is its job's affair.
void ran_exactly_once(const Came& came, const Came& whole) {
  EXPECT_EQ(came.history, whole.history);
  EXPECT_EQ(came.starts, whole.starts);
  EXPECT_FALSE(came.begins_finished_work);
  ASSERT_FALSE(came.answers.empty());
  for (const std::string& answer : came.answers) {
    EXPECT_NE(answer.find("SUCCEEDED"), std::string::npos) << answer;
  }
  for (const auto& [name, times] : whole.begun) {
    EXPECT_EQ(times, 1);
    const auto here = came.begun.find(name);
    ASSERT_NE(here, came.begun.end()) << name;
    EXPECT_LE(here->second, 2) << name;
  }
}

TEST(ExecutionTypes, StandardRunsExactlyOnce) {
  cut_at_each_step(kStandard, "STANDARD", false, ran_exactly_once);
}

TEST(ExecutionTypes, TwoTasksThatAskForTheSameNameHaveOneChild) {
  cut_at_each_step(kOneName, "STANDARD", false, [](const Came& came, const Came& whole) {
    EXPECT_EQ(came.starts.at("kid"), 1);
    ran_exactly_once(came, whole);
  });
}

TEST(ExecutionTypes, AsynchronousExpressRunsAtLeastOnce) {
  cut_at_each_step(kExpress, "EXPRESS", false, [](const Came& came, const Came& whole) {
    for (const auto& [name, times] : whole.begun) {
      const auto here = came.begun.find(name);
      ASSERT_NE(here, came.begun.end()) << name;
      EXPECT_GE(here->second, 1) << name;
    }
    EXPECT_EQ(came.starts.at("m"), 1);
    EXPECT_EQ(came.ends.at("m"), 1);
    EXPECT_EQ(came.starts.at("kid"), came.ends.at("kid")) << "and so does what it has started";
  });
}

TEST(ExecutionTypes, SynchronousExpressRunsAtMostOnce) {
  cut_at_each_step(kExpress, "EXPRESS", true, [](const Came& came, const Came& whole) {
    for (const auto& [name, times] : came.begun) {
      // It has started a STANDARD one, which goes on with what was cut off in the midst.
      EXPECT_LE(times, name == "free#0" ? 2 : 1) << name;
    }
    EXPECT_LE(came.starts.contains("kid") ? came.starts.at("kid") : 0, 1);
    EXPECT_FALSE(came.starts.contains("m")) << "it is in no journal";
    EXPECT_LE(came.answers.size(), 1U);
    if (!came.answers.empty()) {
      EXPECT_NE(came.answers.front().find("SUCCEEDED"), std::string::npos) << came.answers.front();
      EXPECT_EQ(came.begun.size(), whole.begun.size());
    }
  });
}

TEST(ExecutionTypes, ASynchronousChildOfAStandardExecutionRunsAtMostOnce) {
  std::set<std::string> outputs;
  cut_at_each_step(kAsksOnce, "STANDARD", false, [&](const Came& came, const Came& /*whole*/) {
    for (const auto& [name, times] : came.begun) {
      EXPECT_LE(times, 1) << name;
    }
    EXPECT_EQ(came.ends.at("m"), 1);
    ASSERT_FALSE(came.answers.empty());
    const std::string& answer = came.answers.back();
    EXPECT_NE(answer.find("SUCCEEDED"), std::string::npos) << answer;
    outputs.insert(answer.substr(answer.find("\"output\"")));
  });
  EXPECT_EQ(outputs.size(), 2U) << "it has run, or it was interrupted";
}

}  // namespace
}  // namespace lockstep::service
