// One run from its folder to its end, as its owner: the journal opened and recovered, the loop, the result kept.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "integrations/jobs_file.hpp"
#include "journal/recovery.hpp"
#include "service/run_folder.hpp"
#include "service/service.hpp"

namespace lockstep::service {

/// A request, read and checked.
struct Plan {
  RunRequest request;
  asl::StateMachinePtr machine;
  Value input;
  integrations::JobsFile jobs;
};

/// Parses and checks what `request` holds; the names are for messages. Errors (invalid) may have several lines.
Result<Plan> make_plan(RunRequest request, const std::string& definition_name, const std::string& jobs_name);

struct SessionOptions {
  journal::Sync sync = journal::Sync::group;
  std::chrono::milliseconds grace{10'000};  ///< that tasks have to end, after a signal
  std::chrono::hours retain{90 * 24};       ///< how long the history of executions that are over is kept
  std::string software;                     ///< "lockstep 0.1.0", for the files' headers
  /// Told what is worth knowing, a line each. From any thread.
  std::function<void(const std::string&)> say;
  fleet::Waker* waker = nullptr;
  const StopRequest* stop = nullptr;
};

/// The line that a run prints, and its exit status (README).
Finished result_of(const engine::EndExecution& end);

/// One thread.
class Session {
 public:
  /// Opens the run's journal as its owner (`lease`) and brings back what it holds. The folder keeps `plan`'s request
  /// already. Errors (io): the journal is damaged, or cannot be written.
  static Result<std::unique_ptr<Session>> open(const RunFolder& folder, Plan plan, SessionOptions options,
                                               std::unique_ptr<journal::Lease> lease);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  const Plan& plan() const { return plan_; }
  /// Tells apart what this owner's workers write from what earlier ones wrote.
  journal::Epoch epoch() const { return run_->lease->epoch(); }
  /// What was found, for the banner.
  const journal::Recovered& recovered() const { return run_->recovered; }
  /// As it stands; null before it has started.
  const engine::Execution* execution() const;
  /// How the execution ended, if the journal says so. It is kept in the folder then.
  Result<std::optional<Finished>> ended();

  /// Makes run() go on with an execution that failed (services.md 5). An error (invalid) says why it can't.
  Result<void> redrive();

  /// Feeds the recorded Events to `observer`, from the first on, if they are still all there.
  Result<void> replay(Observer& observer);

  struct End {
    bool interrupted = false;
    Finished finished;  ///< unless interrupted
    std::uint64_t dispatched = 0;
  };
  /// Runs, or goes on, to the end or until a signal stops it; then what the run came to is durable, in a checkpoint
  /// where work is left, and the fleet has stopped.
  Result<End> run(fleet::Fleet& fleet, Observer* observer);

 private:
  Session(const RunFolder& folder, Plan plan, SessionOptions options);
  engine::StartExecution start() const;
  Result<Interruption> interruption();
  Result<bool> is_owner();

  RunFolder folder_;
  Plan plan_;
  SessionOptions options_;
  SystemClock clock_;
  integrations::Integrations integrations_;
  engine::Engine engine_;
  std::optional<journal::OpenRun> run_;  // after the engine: goes first
  std::optional<Mailbox> mailbox_;
  bool redrives_ = false;
};

}  // namespace lockstep::service
