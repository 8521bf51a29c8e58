// A run as it goes on, counted from its Events as they happen: what progress lines, bars and the summary show. Costs a
// few increments for an Event, formats nothing, and its memory is bounded by the definition and what is failing.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/engine.hpp"
#include "report/work.hpp"

namespace lockstep::report {

/// A Map's items, over all its visits that go on at the same time. Of a Distributed Map those of children that are over
/// count as started.
struct MapCounts {
  std::uint32_t live = 0;  ///< visits
  std::uint64_t total = 0;
  bool is_read = false;  ///< a reader brings them: how many there are is not known before the end, and `total` is 0
  std::uint64_t started = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t aborted = 0;  ///< given up because another failed

  std::uint64_t done() const { return ok + failed + aborted; }
  std::uint64_t open() const { return started > done() ? started - done() : 0; }
};

/// Where something happened. `item`: index in the innermost Map around it.
struct Place {
  asl::StateId state = asl::StateId::none;
  std::optional<std::uint32_t> item;
};

struct SlowTask {
  std::int64_t us = 0;
  Place place;
  std::uint32_t rank = 0;
};

/// Failures that nothing retried, of one error and one kind of cause.
struct FailureKind {
  std::string error;
  std::string cause;  ///< the first line of the first
  std::string end;    ///< of the last line of its cause, where it has several: mostly the end of stderr
  std::uint64_t count = 0;
  std::uint64_t caught = 0;  ///< of those
  Place first;
  Timestamp time;
};

/// Error and cause on one line, with the cause's last line where it has several.
std::string failure_text(std::string_view error, std::string_view cause);

/// What is worth a line of a log.
struct Notice {
  enum class Kind : std::uint8_t {
    entered,  ///< the top machine has entered a state
    left,     ///< it has left one that had work to do: `since`, and the counts of a Map
    failed,   ///< an attempt has failed: `text` is error and cause, `then` what follows
    waiting,  ///< a task waits for `text`: the answer to its token, a worker of its activity
    missed    ///< `count` of them were left out before this: `text` names what
  };
  Kind kind = Kind::entered;
  Timestamp time;
  Place place;
  std::string text;
  std::string then;
  Timestamp since;
  std::uint64_t count = 0;
  std::optional<MapCounts> map;
};

/// One thread.
class RunCounts {
 public:
  /// Follows one execution from its ExecutionStarted on.
  RunCounts() = default;
  /// Follows one that goes on: counts what is live in it. It may be null: then it has yet to start.
  void resume(const engine::Execution* execution);

  /// From now on each iteration that fails gets its notice, however many there are: a log is searched for them.
  void tell_every_item() { every_item_ = true; }

  void on_event(const engine::Event& event, const engine::Engine& engine);
  /// Of a child of one of its Map Runs, or of theirs: what its tasks came to, and why it failed.
  void on_child_event(const engine::Event& event, const engine::Engine& engine);
  /// How many tasks workers have begun, and which, as far as it is known; from time to time. Until it is said, all that
  /// were dispatched count as running.
  void on_workload(std::uint64_t running, const std::vector<work::BegunTask>& begun, const engine::Engine& engine);
  /// Before the engine takes the outcome, of its own task or of such a child's.
  void on_task(const work::Outcome& task, const engine::Engine& engine);

  /// Null before the start.
  const asl::StateMachine* machine() const { return machine_.get(); }
  engine::Status status() const { return status_; }
  /// The error of an execution that has failed, or error and cause of one that was aborted, one line; else empty.
  const std::string& end_text() const { return end_text_; }
  /// Of an execution that did not succeed: a task may do better when it is tried again, or something from outside ended
  /// it. False: an expression or a Fail state, which a redrive would only meet again.
  bool may_be_redriven() const { return ended_by_job_; }
  /// Where in failures() that is which ended the execution, where it was told, and is the only one of its kind.
  std::optional<std::size_t> told_at_end() const;
  /// "Survey/Measure[17]"
  std::string name(const Place& place) const;

  /// By StateId: strands that are in the state, and since when there is any.
  const std::vector<std::uint64_t>& in_state() const { return in_state_; }
  Timestamp busy_since(asl::StateId state) const { return busy_since_[index(state)]; }
  const MapCounts& map(asl::StateId state) const { return maps_[index(state)]; }
  /// By StateId: of the strands in a Task or Wait state; of a Map or Parallel, of all below it and itself.
  std::vector<Work> work() const;
  Work all_work() const;
  /// Tasks that run now.
  std::uint64_t tasks_running() const;

  std::uint64_t tasks_ok() const { return tasks_ok_; }
  std::uint64_t tasks_failed() const { return tasks_failed_; }
  std::uint64_t retries() const { return retries_; }
  /// Of all tasks that came back from workers.
  std::uint64_t tasks_done() const { return tasks_done_; }
  std::chrono::microseconds busy() const { return busy_; }
  std::chrono::microseconds cpu() const { return cpu_; }
  std::int64_t max_rss_kib() const { return max_rss_kib_; }
  /// The longest first, at most five.
  const std::vector<SlowTask>& slowest() const { return slowest_; }
  /// In the order in which they first came up; those beyond the most that are kept only as a number.
  const std::vector<FailureKind>& failures() const { return failures_; }
  std::uint64_t failures_not_kept() const { return failures_not_kept_; }

  /// What there is to tell since the last call, in order. Rare enough to be read, whatever happens.
  std::deque<Notice> take_notices();

 private:
  /// So many notices at once, and then one every few seconds.
  struct Allowance {
    const char* what;
    double left = kMostAtOnce;
    Timestamp at;
    std::uint64_t missed = 0;

    /// Whether one more would still be read.
    bool take(Timestamp time);
  };
  struct Failing {
    Place place;
    Timestamp time;
    std::string error, cause;
    bool of_job = false;    // a task's, or that of a child which is
    bool by_child = false;  // of a Map or Parallel
  };

  /// A strand that has work to do, but none for a worker.
  struct Off {
    asl::StateId state = asl::StateId::none;
    std::uint64_t Work::*kind = nullptr;
  };

  static std::size_t index(asl::StateId state) { return static_cast<std::size_t>(state); }
  void begin(asl::StateMachinePtr machine, Timestamp time);
  void enter(const engine::Event& event);
  void leave(const engine::Event& event);
  void end_visit(asl::StateId state);
  void follow_off(const engine::Event& event, const engine::Engine& engine);
  void put_off(engine::StrandId strand, Off off);
  void end(const engine::Event& event, engine::Status status);
  MapCounts* owner_of(asl::StateId state);
  static void count_items(MapCounts& map, engine::ChildFate fate, std::uint64_t items);
  void begin_failure(const engine::Event& event, const engine::Engine& engine, std::string_view error,
                     std::string_view cause);
  void begin_failure_of_parent(const engine::Event& event, const engine::ChildFailed& child, bool of_job,
                               const engine::Engine& engine);
  void end_failure(const engine::Event& event, std::string then, bool caught);
  Place place_of_child(const engine::Event& event, const engine::Engine& engine) const;
  std::optional<std::size_t> count_failure(const Failing& failing, bool caught);
  void tell(Notice notice, Allowance& allowance);
  void tell_missed(Timestamp time, Allowance& allowance);

  asl::StateMachinePtr machine_;
  std::vector<std::string> names_;  // by StateId
  engine::Status status_ = engine::Status::running;
  std::uint64_t counted_until_ = 0;  // events that a resume() has counted already
  std::string end_text_;
  std::vector<std::uint64_t> in_state_;
  std::vector<Timestamp> busy_since_;
  std::vector<MapCounts> maps_;
  std::unordered_map<engine::StrandId, Off> off_;
  std::vector<Work> off_work_;            // by StateId: of off_
  std::optional<std::uint64_t> running_;  // tasks, when it was last said
  std::vector<std::uint64_t> begun_in_;   // by StateId: those of them that were known one by one
  std::uint64_t in_tasks_ = 0, tasks_ok_ = 0, tasks_failed_ = 0, retries_ = 0, tasks_done_ = 0;
  std::chrono::microseconds busy_{0}, cpu_{0};
  std::int64_t max_rss_kib_ = 0;
  std::vector<SlowTask> slowest_;
  std::pair<engine::StrandId, std::optional<std::uint32_t>> last_failed_{engine::StrandId::none, std::nullopt};
  std::int64_t last_failed_us_ = 0;
  bool every_item_ = false;
  bool ended_by_job_ = false;
  std::optional<std::size_t> last_told_;  // of failures_: the last that nothing caught, where it was told
  std::unordered_map<engine::StrandId, Failing> failing_;  // what follows is yet to come
  std::vector<FailureKind> failures_;
  std::map<std::string, std::size_t, std::less<>> failure_kinds_;
  std::uint64_t failures_not_kept_ = 0;
  std::deque<Notice> notices_;
  Allowance of_changes_{.what = "more state change"};
  Allowance of_failures_{.what = "more failure"};

  static constexpr double kMostAtOnce = 12;
  static constexpr std::size_t kMostKept = 20'000;
};

}  // namespace lockstep::report
