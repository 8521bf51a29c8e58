// Rank 0's fleet and the workers' loops together, in virtual time, over a network that delays, holds up and cuts off.
#include "fleet/mpi_fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "fleet/fake_allocation.hpp"
#include "journal/test_disk.hpp"

namespace lockstep::fleet {
namespace {

using namespace std::chrono_literals;
using work::Outcome;
using work::OutcomeKind;
using Time = VirtualTime::Time;

/// Sees to it that no task runs twice at the same time, whatever its dispatches.
class Watch final : public TaskWatch {
 public:
  explicit Watch(const VirtualTime& time) : time_(time) {}

  void begins(const work::Task& task, const worker::Place& place) override {
    ++begins_[task.id.place()];
    last_begin_[place.rank] = time_.now();
    const auto [where, fresh] = running_.try_emplace(task.id.place(), place.rank);
    if (!fresh) {
      wrong.push_back(fmt::format("task {} begins on rank {} while it runs on rank {}", task.id.place(), place.rank,
                                  where->second));
    }
  }
  void is_over(const work::Task& task, const worker::Place& place) override {
    running_.erase(task.id.place());
    last_end_[place.rank] = time_.now();
  }

  int begins(std::uint64_t task) const { return begins_.contains(task) ? begins_.at(task) : 0; }
  std::size_t running() const { return running_.size(); }
  std::size_t running_on(std::uint32_t rank) const {
    return static_cast<std::size_t>(
        std::count_if(running_.begin(), running_.end(), [&](const auto& one) { return one.second == rank; }));
  }
  bool runs(std::uint64_t task) const { return running_.contains(task); }
  Time last_begin(std::uint32_t rank) const { return last_begin_.at(rank); }
  Time last_end(std::uint32_t rank) const { return last_end_.at(rank); }

  std::vector<std::string> wrong;

 private:
  const VirtualTime& time_;
  std::map<std::uint64_t, int> begins_;
  std::map<std::uint64_t, std::uint32_t> running_;
  std::map<std::uint32_t, Time> last_begin_;
  std::map<std::uint32_t, Time> last_end_;
};

enum Job : std::int32_t { kAgain, kOnce, kAdded };

class Ranks : public testing::Test {
 protected:
  Ranks() : watch_(time_), disk_(journal::make_disk()) {
    options_.files = disk_.get();
    options_.script = [this](const work::Task& task, DispatchRandom& random) {
      Act act;
      act.duration = duration_ ? duration_(task) : random.between(1ms, 300ms);
      act.result = task.input;
      return act;
    };
  }

  void TearDown() override { EXPECT_THAT(watch_.wrong, testing::IsEmpty()); }

  void start(std::vector<std::size_t> slots) {
    allocate(std::move(slots));
    open();
  }
  void allocate(std::vector<std::size_t> slots) {
    options_.slots = std::move(slots);
    allocation_.emplace(time_, processes_, watch_, options_);
  }
  void open() {
    FleetSettings settings;
    settings.jobs = std::vector<work::Job>{{}, {.interrupted = work::Interrupted::fail}};
    settings.run_folder = "run";
    settings.epoch = 1;
    settings.kill_after = 2s;
    settings.spool = true;
    fleet_ = allocation_->make_fleet(settings);
  }

  FakeNetwork& network() { return allocation_->network(); }
  FakeWorker& worker(int rank) { return allocation_->worker(rank); }

  work::DispatchId dispatch(std::uint64_t task, Job job = kAgain) {
    work::Task one;
    const work::DispatchId id = work::DispatchId::at(work::ExecutionId{1}, task, 1);
    one.id = id;
    one.job = static_cast<work::JobId>(job);
    one.spooled = spooled_;
    one.input = Value::from_text(std::to_string(task)).value();
    fleet_->dispatch(std::move(one));
    return id;
  }
  /// Hands over tasks as the fleet has room, as the service does, until `time` has passed or all have ended.
  void run(std::chrono::milliseconds time) {
    const Time end = time_.now() + time;
    while (time_.now() < end && (!queue_.empty() || ended_ < dispatched_)) {
      while (!queue_.empty() && fleet_->room() > 0) {
        dispatch(queue_.front(), job_);
        ++dispatched_;
        queue_.pop_front();
      }
      look(20ms);
    }
  }
  void look(std::chrono::milliseconds limit) {
    std::vector<Outcome> outcomes;
    fleet_->wait(limit, waker_, outcomes);
    for (Outcome& outcome : outcomes) {
      ++ended_;
      fleet_->settled(outcome.usage.rank);
      const std::uint64_t task = outcome.id.place();
      expect(!watch_.runs(task), "still runs", task);
      expect(outcomes_.try_emplace(task, std::move(outcome)).second, "ends twice", task);
    }
  }
  void expect(bool good, std::string_view what, std::uint64_t task) {
    if (!good) {
      watch_.wrong.push_back(fmt::format("task {} {}", task, what));
    }
  }
  void queue(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t task = first; task < first + count; ++task) {
      queue_.push_back(task);
    }
  }
  void expect_all_succeeded(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t task = first; task < first + count; ++task) {
      ASSERT_TRUE(outcomes_.contains(task)) << "task " << task << " never ended";
      const Outcome& outcome = outcomes_.at(task);
      EXPECT_EQ(outcome.kind, OutcomeKind::succeeded) << outcome.error << ": " << outcome.cause;
      EXPECT_EQ(outcome.result.to_text(), std::to_string(task));
    }
  }

  VirtualTime time_;
  ProcessTable processes_;
  Watch watch_;
  std::unique_ptr<journal::SimulatedDisk> disk_;
  FakeAllocation::Options options_;
  std::function<std::chrono::microseconds(const work::Task&)> duration_;
  std::optional<FakeAllocation> allocation_;
  std::unique_ptr<MpiFleet> fleet_;
  Waker waker_;
  Job job_ = kAgain;
  bool spooled_ = true;
  std::deque<std::uint64_t> queue_;
  std::size_t dispatched_ = 0;
  std::size_t ended_ = 0;
  std::map<std::uint64_t, Outcome> outcomes_;
};

TEST_F(Ranks, DoTheirTasksAndSayGoodbye) {
  start({2, 1, 4});
  EXPECT_EQ(fleet_->slots(), 7U);
  queue(1, 100);
  run(60s);
  expect_all_succeeded(1, 100);
  fleet_->stop();
  EXPECT_TRUE(fleet_->all_ended());
  EXPECT_EQ(worker(1).status(), 0);
  EXPECT_EQ(fleet_->dropped(), 0U);
}

TEST_F(Ranks, HearOfAJobBeforeTheFirstTaskThatNeedsIt) {
  start({1, 1});
  queue(1, 20);
  run(60s);
  job_ = kAdded;
  queue(21, 1);
  run(60s);
  EXPECT_EQ(outcomes_.at(21).error, "States.Runtime") << "nobody has heard of it";
  fleet_->add_jobs({{.interrupted = work::Interrupted::fail}});
  queue(22, 20);
  run(60s);
  expect_all_succeeded(1, 20);
  expect_all_succeeded(22, 20);
}

TEST_F(Ranks, ThatHearNonsenseGoOn) {
  duration_ = [](const work::Task&) { return 1s; };
  start({1});
  queue(1, 6);
  run(500ms);
  worker::Batch batch(worker::MessageType::tasks);
  batch.add(work::Task());
  const std::string tasks = batch.take(0);
  for (const std::string& message : {std::string(), std::string("\x7fnonsense"), tasks.substr(0, tasks.size() - 1),
                                     worker::encode_setup({}), worker::encode_hello({})}) {
    ASSERT_TRUE(network().channel(0).send(1, message));
  }
  run(100s);
  expect_all_succeeded(1, 6);
  EXPECT_FALSE(worker(1).is_over());
}

TEST_F(Ranks, AreTakenInLate) {
  duration_ = [](const work::Task&) { return 1s; };
  allocate({1, 1});
  network().hold(2, 0);
  const Time begin = time_.now();
  open();
  EXPECT_GE(time_.now() - begin, 10s) << "ranks start together: they are waited for";
  EXPECT_EQ(fleet_->describe(), "1 worker rank on 1 host, 2 slots");
  queue(1, 10);
  run(1500ms);
  network().release(2, 0);
  run(60s);
  EXPECT_EQ(fleet_->describe(), "2 worker ranks on 2 hosts, 2 slots");
  expect_all_succeeded(1, 10);
  EXPECT_LT(time_.now() - begin, 10s + 7s);
}

TEST_F(Ranks, ThatMissRank0StartNothingThenKillThenEndAndOnlyThenTheirTasksGoOn) {
  duration_ = [](const work::Task& task) -> std::chrono::microseconds { return task.id.place() <= 6 ? 60s : 1s; };
  start({2, 2});
  const Time begin = time_.now();
  for (std::uint64_t task = 1; task <= 8; ++task) {
    dispatch(task);  // each rank gets two that take long, and more that wait
  }
  look(100ms);
  network().cut_off(1);
  const Time cut = time_.now();
  const auto silent_for = [&](Time time) { return time - cut; };
  while (fleet_->slots() == 4 && time_.now() < begin + 60s) {
    look(20ms);
    if (watch_.running_on(1) > 0) {
      EXPECT_LT(silent_for(time_.now()), 20s + 2s);
    }
  }
  // Rank 0 has given it up.
  EXPECT_GT(silent_for(time_.now()), 30s);
  EXPECT_LT(silent_for(time_.now()), 33s);
  EXPECT_TRUE(worker(1).is_over());
  EXPECT_EQ(worker(1).status(), 1);
  EXPECT_EQ(watch_.running_on(1), 0U);
  EXPECT_GT(silent_for(watch_.last_end(1)), 18s);
  dispatched_ = 8;
  run(400s);
  expect_all_succeeded(1, 8);
}

TEST_F(Ranks, ThatMissRank0StartNothingOfWhatTheyHold) {
  duration_ = [](const work::Task& task) -> std::chrono::microseconds {
    return task.id.place() <= 200 ? 1ms : 12s;  // short ones first: so that tasks are handed over ahead
  };
  start({1, 1});
  queue(1, 200);
  run(60s);
  queue(201, 6);
  run(100ms);
  ASSERT_GT(watch_.running(), 0U);
  network().cut_off(1);
  network().cut_off(2);
  const Time cut = time_.now();
  run(25s);
  for (const std::uint32_t rank : {1U, 2U}) {
    EXPECT_LE(watch_.last_begin(rank) - cut, 10s) << "on rank " << rank;
  }
  EXPECT_EQ(watch_.running(), 0U);
}

TEST_F(Ranks, ThatWereStoppedForTooLongStartNothingWhenTheyGoOn) {
  duration_ = [](const work::Task&) { return 5s; };
  start({1, 1});
  queue(1, 20);
  run(1s);
  worker(1).freeze();
  run(40s);
  const int before = watch_.begins(1);
  worker(1).thaw();
  time_.run_for(1ms);
  EXPECT_TRUE(worker(1).is_over());
  EXPECT_EQ(watch_.begins(1), before);
  run(400s);
  expect_all_succeeded(1, 20);
}

TEST_F(Ranks, ThatSendButDoNotHearAreGivenUpOnceTheyAreGone) {
  duration_ = [](const work::Task&) { return 100s; };
  start({1, 1});
  queue(1, 2);
  run(1s);
  network().cut(0, 1);  // its own messages and beats go on to arrive
  run(400s);
  expect_all_succeeded(1, 2);
  EXPECT_TRUE(worker(1).is_over());
}

TEST_F(Ranks, ThatHearButCannotSendEndWhenRank0HasGivenThemUp) {
  duration_ = [](const work::Task&) { return 100s; };
  start({1, 1});
  queue(1, 2);
  run(1s);
  network().cut(1, 0);  // rank 0's beats arrive, but answer nothing new
  run(400s);
  expect_all_succeeded(1, 2);
  EXPECT_TRUE(worker(1).is_over());
}

TEST_F(Ranks, WhoseOutcomesComeTooLateAreNotListenedTo) {
  duration_ = [](const work::Task& task) -> std::chrono::microseconds { return task.id.place() == 1 ? 5s : 100ms; };
  start({1, 1});
  queue(1, 2);
  run(1s);
  network().hold(1, 0);
  run(60s);  // it has run task 1 to its end, but rank 0 hears nothing
  expect_all_succeeded(1, 2);
  network().release(1, 0);
  look(1s);
  EXPECT_EQ(outcomes_.size(), 2U);
  EXPECT_EQ(watch_.begins(1), 1) << "its spool says how it ended";
}

TEST_F(Ranks, KeepNoEndThatNobodyWantsKept) {
  duration_ = [](const work::Task& task) -> std::chrono::microseconds { return task.id.place() == 1 ? 5s : 100ms; };
  spooled_ = false;
  start({1, 1});
  queue(1, 2);
  run(1s);
  network().hold(1, 0);
  run(60s);
  expect_all_succeeded(1, 2);
  EXPECT_EQ(watch_.begins(1), 2);
}

TEST_F(Ranks, ThatCanBeSeenAreGivenUpAsSoonAsTheyAreGone) {
  options_.one_host = true;
  duration_ = [](const work::Task&) { return 2s; };
  start({1, 1});
  queue(1, 2);
  run(1s);
  worker(2).kill();
  const Time killed = time_.now();
  run(60s);
  expect_all_succeeded(1, 2);
  EXPECT_LT(time_.now() - killed, 5s);
}

TEST_F(Ranks, ThatDieLeaveTasksThatMustNotBeginTwice) {
  job_ = kOnce;
  duration_ = [](const work::Task&) { return 10s; };
  start({2, 2});
  queue(1, 4);
  run(1s);
  ASSERT_EQ(watch_.running(), 4U);
  const std::size_t there = watch_.running_on(1);
  worker(1).kill();
  run(100s);
  std::size_t interrupted = 0;
  for (std::uint64_t task = 1; task <= 4; ++task) {
    EXPECT_EQ(watch_.begins(task), 1);
    interrupted += outcomes_.at(task).error == work::kTaskInterrupted ? 1 : 0;
  }
  EXPECT_EQ(interrupted, there);
}

TEST_F(Ranks, ThatWereLostThreeTimesOverEndTheTask) {
  duration_ = [](const work::Task&) { return 10s; };
  start({1, 1, 1, 1});
  queue(1, 1);
  for (int losses = 0; losses < 3; ++losses) {
    run(1s);
    for (int rank = 1; rank <= 4; ++rank) {
      if (watch_.running_on(static_cast<std::uint32_t>(rank)) > 0) {
        worker(rank).kill();
      }
    }
    run(33s);
  }
  ASSERT_TRUE(outcomes_.contains(1));
  EXPECT_EQ(outcomes_.at(1).error, "Lockstep.WorkerLost");
  EXPECT_EQ(watch_.begins(1), 3);
}

TEST_F(Ranks, ThatHaveNothingToDoGetWhatOthersHoldAhead) {
  duration_ = [](const work::Task& task) -> std::chrono::microseconds {
    return task.id.place() <= 100 ? 1ms : task.id.place() == 101 ? 5s : 100ms;
  };
  start({1, 1});
  queue(1, 100);
  run(60s);
  queue(101, 20);
  const Time begin = time_.now();
  run(60s);
  expect_all_succeeded(1, 120);
  EXPECT_LT(time_.now() - begin, 5s + 200ms) << "nothing waited behind the long one";
  for (std::uint64_t task = 1; task <= 120; ++task) {
    EXPECT_EQ(watch_.begins(task), 1);
  }
}

TEST_F(Ranks, ThatTalkNonsenseGetNothingMore) {
  duration_ = [](const work::Task&) { return 1s; };
  start({1, 1});
  queue(1, 6);
  run(500ms);
  ASSERT_TRUE(network().channel(1).send(0, "\x7fnonsense"));
  run(100s);
  expect_all_succeeded(1, 6);
  EXPECT_EQ(fleet_->dropped(), 1U);
  EXPECT_TRUE(worker(1).is_over());
}

TEST_F(Ranks, LetACancelledTaskEndOnce) {
  duration_ = [](const work::Task&) { return 10s; };
  start({1});
  for (std::uint64_t task = 1; task <= 3; ++task) {
    dispatch(task);
  }
  look(100ms);
  for (std::uint64_t task = 1; task <= 3; ++task) {
    fleet_->cancel(work::DispatchId::at(work::ExecutionId{1}, task, 1));
  }
  dispatched_ = 3;
  run(60s);
  EXPECT_EQ(outcomes_.size(), 3U);
  EXPECT_EQ(watch_.running(), 0U);
  for (const auto& [task, outcome] : outcomes_) {
    EXPECT_EQ(outcome.kind, OutcomeKind::cancelled);
  }
}

/// Anything may happen to the ranks, but never to the last of them.
class Storm final : public Ranks {
 public:
  enum class Lie : std::uint8_t { none, handed_on_early, never_killed };

  /// What goes wrong; empty: nothing.
  std::string play(std::uint64_t seed, Lie lie = Lie::none) {
    std::mt19937_64 random(seed);
    const int workers = 2 + static_cast<int>(random() % 5);
    std::vector<std::size_t> slots;
    for (int rank = 1; rank <= workers; ++rank) {
      slots.push_back(1 + random() % 4);
    }
    options_.seed = seed;
    options_.one_host = random() % 4 == 0;
    if (lie == Lie::handed_on_early) {
      options_.patience.lost = 8s;
    } else if (lie == Lie::never_killed) {
      options_.patience.kill_tasks = options_.patience.kill_hung = options_.patience.end = 1h;
    }
    const bool are_short = random() % 2 == 0;
    job_ = std::array{kAgain, kOnce, kAdded}[random() % 3];
    spooled_ = seed % 4 != 0;
    duration_ = [are_short, seed](const work::Task& task) {
      DispatchRandom own(seed, task.id);
      return are_short ? own.between(100us, 20ms) : own.between(1ms, 60s);
    };
    start(slots);
    fleet_->add_jobs({{.interrupted = work::Interrupted::fail}});
    const std::uint64_t tasks = are_short ? 20 + random() % 200 : 10 + random() % 20;
    queue(1, tasks);
    std::set<std::uint64_t> cancelled;
    std::vector<int> hit;
    for (int turn = 0; turn < 200 && (!queue_.empty() || ended_ < dispatched_); ++turn) {
      run(std::chrono::milliseconds(random() % (are_short ? 30 : 4'000)));
      if (random() % 3 != 0) {
        continue;
      }
      const int rank = 1 + static_cast<int>(random() % static_cast<unsigned>(workers));
      if (random() % 8 == 0) {
        const std::uint64_t task = 1 + random() % tasks;
        fleet_->cancel(work::DispatchId::at(work::ExecutionId{1}, task, 1));
        cancelled.insert(task);
      } else if (rank != workers) {
        befall(rank, random);
      }
    }
    run(3'600s);
    for (std::uint64_t task = 1; task <= tasks; ++task) {
      if (!outcomes_.contains(task)) {
        return fmt::format("task {} of {} never ended", task, tasks);
      }
      const Outcome& outcome = outcomes_.at(task);
      const bool lost = outcome.error == "Lockstep.WorkerLost" || outcome.error == work::kTaskInterrupted;
      expect(outcome.kind == OutcomeKind::succeeded || lost ||
                 (outcome.kind == OutcomeKind::cancelled && cancelled.contains(task)),
             "ended as it should not: " + outcome.error, task);
      expect(watch_.begins(task) <= (job_ == kAgain ? 3 : 1), "began too often", task);
    }
    fleet_->stop();
    return watch_.wrong.empty() ? "" : watch_.wrong.front();
  }

 private:
  void TestBody() override {}
  void befall(int rank, std::mt19937_64& random) {
    switch (random() % 8) {
      case 0:
        worker(rank).kill();
        break;
      case 1:
        network().cut_off(rank);
        break;
      case 2:
        network().cut(0, rank);
        break;
      case 3:
        network().cut(rank, 0);
        break;
      case 4:
        network().hold(0, rank);
        break;
      case 5:
        network().hold(rank, 0);
        break;
      case 6:
        worker(rank).freeze();
        time_.after(std::chrono::milliseconds(random() % 60'000), [this, rank] { worker(rank).thaw(); });
        break;
      default:
        network().release(0, rank);
        network().release(rank, 0);
    }
  }
};

TEST_F(Ranks, BeginNothingMoreWhileTheRunIsBeingStopped) {
  duration_ = [](const work::Task& task) -> std::chrono::microseconds { return task.id.place() <= 200 ? 1ms : 3s; };
  start({1, 1});
  queue(1, 200);
  run(60s);
  queue(201, 20);  // some run, some are ahead on their ranks, some wait here
  run(100ms);
  ASSERT_EQ(watch_.running(), 2U);
  for (std::uint64_t task = 221; task <= 240; ++task) {
    dispatch(task);
  }
  fleet_->drain();
  EXPECT_EQ(fleet_->room(), 0U);
  const Time begin = time_.now();
  while (outcomes_.size() < 238 && time_.now() < begin + 1s) {
    look(20ms);
  }
  EXPECT_EQ(outcomes_.size(), 238U) << "all but those that run are known at once";
  while (outcomes_.size() < 240 && time_.now() < begin + 10s) {
    look(20ms);
  }
  int unbegun = 0;
  for (std::uint64_t task = 201; task <= 240; ++task) {
    const Outcome& outcome = outcomes_.at(task);
    if (outcome.kind == OutcomeKind::interrupted) {
      EXPECT_FALSE(outcome.begun);
      EXPECT_EQ(watch_.begins(task), 0);
      ++unbegun;
    } else {
      EXPECT_EQ(outcome.kind, OutcomeKind::succeeded);
    }
  }
  EXPECT_EQ(unbegun, 38);
}

TEST_F(Ranks, ThatAreToldToEndGiveTheirTasksBackAfterARest) {
  options_.script = [](const work::Task& task, DispatchRandom&) {
    Act act;
    act.duration = 100ms;
    act.kind = task.cut_off ? OutcomeKind::succeeded : OutcomeKind::interrupted;
    act.result = task.input;
    return act;
  };
  start({1, 1});
  dispatch(1);
  const Time begin = time_.now();
  while (outcomes_.empty() && time_.now() < begin + 10s) {
    look(20ms);
  }
  expect_all_succeeded(1, 1);
  EXPECT_EQ(watch_.begins(1), 2);
  EXPECT_GE(time_.now() - begin, 2s) << "rank 0 may be told to end, too";
  dispatch(2, kOnce);
  while (outcomes_.size() < 2 && time_.now() < begin + 10s) {
    look(20ms);
  }
  EXPECT_EQ(outcomes_.at(2).error, "Lockstep.TaskInterrupted");
  EXPECT_EQ(watch_.begins(2), 1);
}

TEST_F(Ranks, GiveBackWhatIsCutOffWhileTheRunIsBeingStopped) {
  options_.script = [](const work::Task& task, DispatchRandom&) {
    Act act;
    act.duration = 100ms;
    act.kind = OutcomeKind::interrupted;
    act.result = task.input;
    return act;
  };
  start({1, 1});
  dispatch(1);
  dispatch(2, kOnce);
  look(50ms);
  fleet_->drain();
  const Time begin = time_.now();
  while (outcomes_.size() < 2 && time_.now() < begin + 10s) {
    look(20ms);
  }
  for (const std::uint64_t task : {1U, 2U}) {
    EXPECT_EQ(outcomes_.at(task).kind, OutcomeKind::interrupted) << "a resumed run tells";
    EXPECT_TRUE(outcomes_.at(task).begun);
    EXPECT_EQ(watch_.begins(task), 1);
  }
  EXPECT_LT(time_.now() - begin, 1s);
}

TEST_F(Ranks, ThatCanBeginNoTaskSwallowNone) {
  int tries = 0;
  options_.refuses = [&](const work::Task&, const worker::Place& place, std::size_t) -> std::string {
    tries += place.rank == 2 ? 1 : 0;
    return place.rank == 2 ? "no descriptor" : "";
  };
  start({4, 16, 4});
  queue(1, 200);
  run(60s);
  expect_all_succeeded(1, 200);
  EXPECT_GE(tries, 4);
  EXPECT_LE(tries, 20) << "it is asked less and less often";
  EXPECT_FALSE(fleet_->failure());
  const std::vector<std::string>& said = allocation_->rank_0().said();
  ASSERT_THAT(said, testing::SizeIs(2));
  EXPECT_EQ(said[0], "rank 2 on there-2 cannot begin more than 0 tasks at a time now: no descriptor");
  EXPECT_EQ(said[1],
            "rank 2 on there-2 begins no task while others do: it is set aside, and tried again every 60 s: "
            "no descriptor");
}

TEST_F(Ranks, AreGivenAsManyTasksAsTheyCanBegin) {
  int tries = 0;
  options_.refuses = [&](const work::Task&, const worker::Place& place, std::size_t running) -> std::string {
    const bool full = place.rank == 1 && running >= 3;
    tries += full ? 1 : 0;
    return full ? "no process" : "";
  };
  duration_ = [](const work::Task&) { return 1s; };
  start({16});
  queue(1, 90);
  run(36s);
  expect_all_succeeded(1, 90);
  EXPECT_LE(tries, 30);
}

TEST_F(Ranks, AreAskedAgainWhenTheyAreWell) {
  bool well = false;
  options_.refuses = [&](const work::Task&, const worker::Place& place, std::size_t) -> std::string {
    return place.rank == 1 && !well ? "no inode" : "";
  };
  duration_ = [](const work::Task&) { return 1s; };
  start({8, 1});
  queue(1, 30);
  run(40s);
  expect_all_succeeded(1, 30);
  well = true;
  queue(31, 400);
  run(130s);
  expect_all_succeeded(31, 400);
  EXPECT_EQ(allocation_->rank_0().said().back(), "rank 1 on there-1 begins tasks again");
}

TEST_F(Ranks, OfWhichNoneCanBeginATaskStopTheRun) {
  int tries = 0;
  bool well = true;
  options_.refuses = [&](const work::Task&, const worker::Place&, std::size_t) -> std::string {
    tries += well ? 0 : 1;
    return well ? "" : "no memory";
  };
  start({4, 4, 4});
  queue(1, 50);
  run(60s);
  expect_all_succeeded(1, 50);
  well = false;
  const Time begin = time_.now();
  queue(51, 20);
  run(29s);
  EXPECT_FALSE(fleet_->failure()) << "it may pass";
  while (!fleet_->failure() && time_.now() < begin + 60s) {
    run(100ms);
  }
  ASSERT_TRUE(fleet_->failure());
  EXPECT_EQ(fleet_->failure()->kind, ErrorKind::io);
  EXPECT_THAT(fleet_->failure()->message,
              testing::AllOf(testing::HasSubstr("no task can begin any more"), testing::HasSubstr("no memory"),
                             testing::HasSubstr("lockstep resume --dir run")));
  EXPECT_LE(tries, 200);
  EXPECT_EQ(outcomes_.size(), 50U) << "nothing has come of the others";
  well = true;
  run(60s);
  expect_all_succeeded(51, 20);
  EXPECT_FALSE(fleet_->failure()) << "who does not stop goes on";
}

TEST_F(Ranks, GoOnWithoutATaskThatCanBeginNowhere) {
  int tries = 0;
  options_.refuses = [&](const work::Task& task, const worker::Place&, std::size_t) -> std::string {
    tries += task.id.place() == 7 ? 1 : 0;
    return task.id.place() == 7 ? "its folder cannot be made" : "";
  };
  duration_ = [](const work::Task&) { return 100ms; };
  start({1, 1, 1, 1});
  queue(1, 1000);
  const Time begin = time_.now();
  run(45s);
  EXPECT_EQ(outcomes_.size(), 999U) << "they take 25 s on four slots that are always busy";
  EXPECT_LE(tries, 40);
  while (!fleet_->failure() && time_.now() < begin + 120s) {
    run(1s);
  }
  EXPECT_TRUE(fleet_->failure()) << "nothing else is left to be done";
  fleet_->drain();
  look(20ms);
  EXPECT_FALSE(outcomes_.at(7).begun);
  EXPECT_EQ(outcomes_.at(7).kind, OutcomeKind::interrupted);
}

TEST_F(Ranks, DoNotCountATaskThatCouldNotBeginAsBegun) {
  bool refused = false;
  options_.refuses = [&](const work::Task&, const worker::Place& place, std::size_t) -> std::string {
    refused = refused || place.rank == 1;
    return place.rank == 1 ? "no descriptor" : "";
  };
  duration_ = [](const work::Task&) { return 1s; };
  start({1, 1});
  queue(1, 8);
  job_ = kOnce;
  run(2s);
  ASSERT_TRUE(refused);
  worker(1).kill();
  run(60s);
  expect_all_succeeded(1, 8);
}

TEST_F(Ranks, ThatAreLostAllAtOnceCostATaskOneTry) {
  duration_ = [](const work::Task&) { return 10s; };
  start({1, 1, 1, 1});
  queue(1, 4);
  run(1s);
  for (int rank = 1; rank <= 3; ++rank) {
    network().cut_off(rank);
  }
  run(120s);
  expect_all_succeeded(1, 4);
  for (std::uint64_t task = 1; task <= 4; ++task) {
    EXPECT_LE(watch_.begins(task), 2);
  }
}

TEST_F(Ranks, GetNothingWhileTheGateIsShut) {
  bool open = false;
  start({1, 1});
  fleet_->set_gate([&] { return open; });
  queue(1, 2);
  run(2s);
  EXPECT_EQ(watch_.begins(1) + watch_.begins(2), 0);
  open = true;
  run(10s);
  expect_all_succeeded(1, 2);
}

/// Their tasks are processes of their own, and would go on.
TEST_F(Ranks, ThatAreStoppedElsewhereForGoodLoseTheirTasksBeforeOthersGetThem) {
  duration_ = [](const work::Task&) { return 100s; };
  start({1, 1});
  queue(1, 2);
  run(100ms);
  ASSERT_EQ(watch_.running(), 2U);
  worker(1).freeze();
  run(30s);
  EXPECT_EQ(watch_.running(), 1U);
  run(300s);
  expect_all_succeeded(1, 2);
  EXPECT_EQ(watch_.begins(1) + watch_.begins(2), 3);
}

TEST_F(Ranks, EndTheirTasksWhereRank0MayOwnTheRunNoMore) {
  duration_ = [](const work::Task&) { return 100s; };
  bool is_owner = true;
  start({2, 1});
  fleet_->set_gate([&] { return is_owner; });
  queue(1, 3);
  run(100ms);
  ASSERT_EQ(watch_.running(), 3U);
  is_owner = false;
  run(15s);
  EXPECT_EQ(watch_.running(), 3U) << "it may only be in doubt";
  run(9s);
  EXPECT_EQ(watch_.running(), 0U) << "though rank 0 says nothing";
  EXPECT_TRUE(outcomes_.empty()) << "they go out again";
  is_owner = true;
  run(200s);
  expect_all_succeeded(1, 3);
}

TEST_F(Ranks, AreKilledByAnOwnerThatHasLostTheRun) {
  duration_ = [](const work::Task&) { return 100s; };
  start({2, 1});
  queue(1, 3);
  run(100ms);
  ASSERT_EQ(watch_.running(), 3U);
  const Time begin = time_.now();
  fleet_->kill();
  fleet_->stop();
  EXPECT_EQ(watch_.running(), 0U);
  EXPECT_LT(time_.now() - begin, 2s) << "kill_after is for tasks that may end in peace";
  EXPECT_TRUE(fleet_->all_ended());
}

TEST(Storms, LeaveOneOutcomeOfEachDispatchAndNothingThatRunsTwiceAtOnce) {
  const char* chosen = std::getenv("LOCKSTEP_SEED");
  const std::uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const std::uint64_t count = chosen != nullptr ? 1 : std::getenv("LOCKSTEP_LONG") != nullptr ? 20'000 : 60;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    ASSERT_EQ(Storm().play(seed), "") << "with LOCKSTEP_SEED=" << seed;
  }
}

/// Without what each of these takes away, the storm would not matter.
TEST(Storms, FindOutWhoLies) {
  for (const Storm::Lie lie : {Storm::Lie::handed_on_early, Storm::Lie::never_killed}) {
    int wrong = 0;
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
      wrong += Storm().play(seed, lie).empty() ? 0 : 1;
    }
    EXPECT_GT(wrong, 3);
  }
}

}  // namespace
}  // namespace lockstep::fleet
