// What others ask of a run, and what they are answered; wherever it comes in (design, wall 11).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/input.hpp"
#include "value/error.hpp"

namespace lockstep::fleet {
class Waker;
}

namespace lockstep::service {

/// SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.
struct AnswerToken {
  using Kind = engine::AnswerTask::Kind;
  Kind kind = Kind::success;
  std::string token;
  Value output;  ///< success
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
/// Of the execution of this name or ARN; nothing: of the only one that is open.
struct Stop {
  std::optional<std::string> execution;
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
/// Likewise, but also of one that is over. What is not given stays as the execution has it.
struct Redrive {
  std::optional<std::string> execution;
  std::optional<std::string> definition = {};  ///< JSON text: its machine's from here on, and it goes on with that
  std::optional<std::string> jobs = {};        ///< likewise, text of a jobs.json
  std::string jobs_folder = {};                ///< absolute: to which its relative paths refer
  /// Of a Map Run's child: what its parent goes on with. Never from outside.
  asl::StateMachinePtr machine = nullptr;
  std::uint32_t revision = 0;
};
/// StartExecution, with the machine as it is to be; the same request makes the machine and starts it.
struct Start {
  std::string machine;                    ///< its name; where there is no definition, its name or ARN
  std::optional<std::string> definition;  ///< JSON text; nothing: the machine stands
  std::string type;                       ///< "STANDARD", "EXPRESS"; empty: the machine's, or STANDARD
  std::optional<std::string> jobs;        ///< text of a jobs.json of its own
  std::string jobs_folder;                ///< absolute: to which its relative paths refer
  std::string name;                       ///< of the execution; empty: one is made of the request's id
  Value input;
  bool wait = false;  ///< the answer is what it came to
  bool sync = false;  ///< likewise, but as StartSyncExecution: begun, and answered, at most once
  /// The task that waits for its end, and is answered twice: when it has begun, too. Never from outside.
  std::optional<work::DispatchId> parent = {};
};
/// Begins a child execution of a Map Run, or waits for it where the same request has begun it; answered twice, as Start
/// of a task is. Never from outside.
struct StartChild {
  engine::StartExecution start;  ///< without its id and request
  bool stands = false;           ///< it runs, and is only waited for
};
/// CreateActivity: one that stands already stays as it is.
struct CreateActivity {
  std::string name;
};
/// DeleteActivity, by name or ARN: what a worker has taken goes on.
struct DeleteActivity {
  std::string activity;
};
/// GetActivityTask, a long poll.
struct GetActivityTask {
  std::string activity;     ///< name or ARN
  std::string worker = {};  ///< its name, for history; empty: none
  std::string asker = {};   ///< the process that asks (journal::to_text); empty: not known
};
/// UpdateMapRun, of one that is at work: what is given takes effect at once.
struct UpdateMapRun {
  std::string map_run;                           ///< its ARN, or the UUID in it
  std::optional<std::uint32_t> max_concurrency;  ///< 0: no limit
  std::optional<std::int64_t> tolerated_count;
  std::optional<double> tolerated_percentage;
};
using Request = std::variant<AnswerToken, Stop, Redrive, Start, CreateActivity, DeleteActivity, GetActivityTask,
                             UpdateMapRun, StartChild>;

/// A request as a JSON object, and back. Errors (invalid): "InvalidMessage: …", "InvalidOutput: …".
std::string to_text(const Request& request);
Result<Request> request_of(const std::string& text);

/// It was done, and that is durable.
struct Accepted {};
/// It was not, and never will be: an error of the API's, or one of ours.
struct Refused {
  std::string error;
  std::string message;
};
struct Started {
  std::string execution_arn;
  Timestamp at;
  engine::ExecutionId id{};  ///< here
};
/// The end of an execution that was waited for.
struct Ended {
  std::string execution_arn;
  engine::EndExecution end;
};
struct ActivityMade {
  std::string arn;
  Timestamp created;
};
/// That the asker has it from now on is durable.
struct ActivityTask {
  std::string token;  ///< empty: no task came
  Value input;
  std::optional<std::int64_t> heartbeat_seconds;
};
using Reply = std::variant<Accepted, Refused, Started, Ended, ActivityMade, ActivityTask>;

/// Of a request that makes no sense: "InvalidMessage: …".
Refused refused_by(const Error& error);
/// What the engine's verdict comes to.
Reply reply_of(engine::Verdict verdict);
/// A line for people and commands: "accepted"; "TaskTimedOut: …"; a JSON object of the API's members.
std::string to_text(const Reply& reply);
inline constexpr std::string_view kAccepted = "accepted";

/// One that has come in. The same request has the same id, however often it comes.
struct Incoming {
  std::string id;
  Result<Request> request;  ///< an error (invalid): it makes no sense
};

/// Where requests come in. All calls from the loop's thread; none blocks.
class InputSource {
 public:
  virtual ~InputSource() = default;
  /// Called once before anything is taken: from then on `waker`, which outlives the source, is to be woken when
  /// something comes in, as far as that is noticed. From any thread.
  virtual void announce_to(const fleet::Waker& /*waker*/) {}
  /// Whether something is known to have come in since the last take(). Costs no system call: it is asked in each turn.
  virtual bool has_news() const { return false; }
  /// How long it may be left alone where it has no news.
  virtual std::chrono::milliseconds longest_rest() const = 0;
  /// New requests, in the order in which they came, at most a few thousand.
  virtual std::vector<Incoming> take() = 0;
  /// Whether the last take() could not read all that there is.
  virtual bool failed() const = 0;
  /// Whether the last take() left some for the next.
  virtual bool has_more() const = 0;
  /// What became of a request; what led to that is durable. Ids of other sources are ignored.
  virtual void reply(const std::string& id, const Reply& reply) = 0;
  /// The request is gone from here, durably, before it is dealt with: it is dealt with once at most. An error: it may
  /// come again. Ids of other sources are ignored.
  virtual Result<void> take_back(const std::string& id) = 0;
  /// Whether whoever made the request still waits for its answer, as far as that can be known; else it is gone from
  /// here. Ids of other sources: false.
  virtual bool is_awaited(const std::string& /*id*/) { return false; }
  /// Ids of requests that were answered and will never come again.
  virtual std::vector<std::string> settle() = 0;
  /// Whether a request that was taken in before, perhaps by another owner, may come again; asked when all that there is
  /// was taken in.
  virtual bool may_come_again(const std::string& id) = 0;
};

}  // namespace lockstep::service
