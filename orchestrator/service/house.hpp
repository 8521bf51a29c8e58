// A run folder with its executions (design, wall 10), as its owner: the journal opened and recovered, requests taken
// in, the loop. `lockstep run` is a house of one execution.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "catalogue/catalogue.hpp"
#include "journal/recovery.hpp"
#include "map_run/buckets.hpp"
#include "service/desk.hpp"
#include "service/fleet_performer.hpp"
#include "service/loop.hpp"
#include "service/mailbox.hpp"
#include "service/nested_performer.hpp"
#include "service/plan.hpp"

namespace lockstep::service {

struct HouseOptions {
  journal::Sync sync = journal::Sync::group;
  std::chrono::milliseconds grace{10'000};  ///< that tasks have to end, after a signal
  /// After a signal there may be little time: a checkpoint is taken before anything is waited for, and another one at
  /// the end where something has changed.
  bool hurried = false;
  std::chrono::hours retain{90 * 24};  ///< how long the history of executions that are over is kept
  std::string software;                ///< "lockstep 0.1.0", for the files' headers
  /// Told what is worth knowing, a line each. From any thread.
  std::function<void(const std::string&)> say;
  fleet::Waker* waker = nullptr;
  const StopRequest* stop = nullptr;
  worker::Machine* machine = &worker::real_machine();
  std::optional<std::uint64_t> seed;  ///< of all randomness of the run; nothing: another one each time
  journal::SegmentSize first_segment = journal::kSmallestSegment;
  journal::SegmentSize largest_segment = journal::kLargestSegment;
  /// Told what the workers do, now and then. May be null.
  std::function<void(const fleet::Workload&, const engine::Engine&)> on_workload;
  /// What the last owner has said of that before it ended; nothing where it is not known.
  std::optional<fleet::Workload> last_workload;
};

/// One thread.
class House {
 public:
  /// Opens the folder's journal as its owner (`lease`) and brings back what it holds. `jobs`: what resources mean where
  /// a state machine has no jobs of its own. Errors (io): the journal is damaged, or cannot be written.
  static Result<std::unique_ptr<House>> open(const RunFolder& folder, const engine::Limits& limits,
                                             integrations::JobsFile jobs, HouseOptions options,
                                             std::unique_ptr<journal::Lease> lease);
  House(const House&) = delete;
  House& operator=(const House&) = delete;
  ~House();

  /// The execution of a house of one.
  static constexpr engine::ExecutionId kOnly{1};

  /// Tells apart what this owner's workers write from what earlier ones wrote.
  journal::Epoch epoch() const { return run_->lease->epoch(); }
  const engine::Limits& limits() const { return engine_.limits(); }
  /// What was found, for the banner.
  const journal::Recovered& recovered() const { return run_->recovered; }
  const catalogue::Catalogue& catalogue() const { return catalogue_; }
  /// Those that the fleet needs to know.
  const std::vector<integrations::Job>& jobs() const { return integrations_.jobs(); }
  /// As it stands; null before it has started, and once it is over and was told.
  const engine::Execution* execution(engine::ExecutionId id) const { return engine_.find(id); }
  /// How it ended, if the journal says so and it is not to be redriven.
  std::optional<engine::EndExecution> ended(engine::ExecutionId id) const;

  // Before run():
  /// Makes run() start what `plan` asks for, unless that has been started before.
  void start(const Plan& plan);
  /// Makes run() go on with an execution that failed (services.md 5), with the definition of `with` where that is
  /// given: then the folder keeps that instead. An error (invalid) says why it can't; nothing has changed then.
  Result<void> redrive(engine::ExecutionId id, const Plan* with = nullptr);
  /// Feeds the recorded Events of an execution to `observer`, from the first on, if they are still all there.
  Result<void> replay(engine::ExecutionId id, Observer& observer);

  /// What run() ends with, besides a signal.
  struct Goal {
    std::optional<engine::ExecutionId> execution;  ///< when this one is over, and all that it has started
    std::string request;  ///< when what this request starts is over, or it is refused; empty: none
  };
  struct End {
    bool interrupted = false;
    std::optional<engine::EndExecution> end;  ///< of the goal's execution
    std::optional<Refused> refused;           ///< the goal's request
    std::uint64_t dispatched = 0;
  };
  /// Whether an execution runs.
  bool has_open() const;
  /// Runs, or goes on with, all that is open, until the goal is reached or a signal stops it. Then what it came to is
  /// durable, in a checkpoint where work is left, and the fleet has stopped.
  Result<End> run(fleet::Fleet& fleet, Observer* observer, const Goal& goal);

 private:
  House(const RunFolder& folder, const engine::Limits& limits, integrations::JobsFile jobs, HouseOptions options);
  Result<LastWords> last_words(const std::vector<engine::DispatchTask>& open);
  Result<bool> is_owner();
  void on_stop();
  void take_checkpoint();

  Result<void> begin(FrontDesk& desk, Loop& loop);
  Result<void> redrive(FrontDesk& desk, Loop& loop);
  Result<void> keep_definition(engine::ExecutionId id);
  void forget_endings();
  tl::expected<Description, Refused> description_of(const std::string& arn);
  engine::ActivityServer server_of(const engine::Execution& execution, const asl::Resource& activity,
                                   fleet::Fleet& fleet);
  bool is_awaited(const std::string& request, const std::string& asker);
  const OwnJobs* own_jobs(engine::ExecutionId id, const asl::StateMachinePtr& machine, const std::string& machine_arn,
                          fleet::Fleet& fleet);
  Result<void> revive(const catalogue::ExecutionEntry& entry);

  RunFolder folder_;
  HouseOptions options_;
  MachineClock clock_;
  map_run::Buckets buckets_;
  integrations::Integrations integrations_;
  engine::Engine engine_;
  catalogue::Catalogue catalogue_;
  std::optional<journal::OpenRun> run_;  // after the engine: goes first
  std::optional<Mailbox> mailbox_;
  std::unordered_map<std::string, std::unique_ptr<OwnJobs>> own_jobs_;  // by text and folder
  struct WithJobs {
    engine::ExecutionId execution{};
    asl::StateMachinePtr machine;
    const OwnJobs* own = nullptr;
  };
  WithJobs last_with_jobs_;
  std::uint32_t jobs_in_fleet_ = 0;
  std::optional<Plan> plan_;  // to be started
  std::optional<engine::ExecutionId> to_redrive_;
  std::optional<std::string> definition_;          // with which that goes on
  Source definition_from_;                         // its file
  journal::SequenceNumber checkpointed_ = 0;       // the last Event of the checkpoint that take_checkpoint() took
  worker::Machine::Clock::time_point next_check_;  // of a lease that is not confirmed
};

}  // namespace lockstep::service
