// Where requests are dealt with: it knows the house's state machines and executions by name, and so what a request
// means (design, walls 10 and 11).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "catalogue/catalogue.hpp"
#include "engine/engine.hpp"
#include "journal/event_reader.hpp"
#include "service/activity_performer.hpp"
#include "service/clock.hpp"
#include "service/loop.hpp"

namespace lockstep::service {

/// In whose name machines run that nobody named a role for.
inline constexpr std::string_view kRole = "arn:aws:iam::123456789012:role/lockstep";

/// One thread. Borrows everything it works with.
class FrontDesk final : public Desk {
 public:
  struct Parts {
    engine::Engine& engine;
    catalogue::Catalogue& catalogue;
    const Clock& clock;
    /// The last Events of executions that the engine holds and that are over.
    const std::vector<engine::Event>& endings;
    /// Journals what happened to the catalogue, which knows it when this returns.
    std::function<void(engine::EventBody)> record;
    /// Brings an execution that is over back into the engine, from its Events.
    std::function<Result<void>(const catalogue::ExecutionEntry&)> revive;
    /// Makes reply() be asked for this request once all that has happened is durable.
    std::function<void(const std::string& request)> answer_when_durable;
    ActivityPerformer& activities;
    /// Makes sure that a request is not taken in again after a crash, before it is dealt with.
    std::function<Result<void>(const std::string& id)> take_back;
    /// That is meant where a request does not say which execution, as long as it runs; nothing: the only one that runs.
    std::optional<engine::ExecutionId> main = std::nullopt;
    /// Told what requests came to, and of each execution that is over. May be null.
    std::function<void(const std::string& id, const Reply&)> on_reply = nullptr;
    std::function<void(const engine::EndExecution&)> on_end = nullptr;
    /// The Map Run at work that this ARN, or UUID, means. Null: there are none.
    std::function<std::optional<work::DispatchId>(const std::string&)> find_map_run = nullptr;
  };
  explicit FrontDesk(Parts parts);

  std::optional<Reply> handle(Incoming incoming, const TakeIn& take) override;
  std::optional<Reply> reply(const engine::AnswerRequest& verdict) override;
  std::vector<Answered> due() override;
  std::vector<Answered> on_end(const engine::Execution& execution, engine::EndExecution end) override;
  std::optional<engine::ExecutionId> forget(const std::string& request) override;

  /// Makes the machine what `wanted` says. `checked`: its definition, where it was compiled before.
  catalogue::Decision<const catalogue::Machine*> put(const catalogue::CreateMachine& wanted,
                                                     asl::StateMachinePtr checked = nullptr);
  /// Makes the activity, unless it stands; its ARN.
  catalogue::Decision<std::string> put_activity(const std::string& name, const std::string& request = {});
  /// An execution of the machine as it is now, under that name; names are the caller's affair.
  engine::StartExecution start_of(const catalogue::Machine& machine, const std::string& name, Value input,
                                  engine::ExecutionType type);
  /// Whether the request has started that execution; known until the request will not come again.
  bool has_started(const std::string& request, engine::ExecutionId id) const;
  /// A revision of a machine; 0: the current one. Null where there is none of that number.
  asl::StateMachinePtr compiled(const catalogue::Machine& machine, std::uint32_t revision = 0);

 private:
  std::optional<Reply> on(const std::string& id, AnswerToken& answer, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, Stop& stop, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, Redrive& redrive, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, Start& start, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, StartChild& child, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, const CreateActivity& create, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, const DeleteActivity& remove, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, const GetActivityTask& poll, const TakeIn& take);
  std::optional<Reply> on(const std::string& id, const UpdateMapRun& update, const TakeIn& take);
  std::optional<ActivityTask> taken_before(const std::string& request) const;
  std::optional<catalogue::Refusal> redefine(const std::string& id, const Redrive& redrive,
                                             engine::RedriveExecution& input);
  catalogue::Decision<catalogue::Change> carry_out(const catalogue::CreateMachine& wanted,
                                                   asl::StateMachinePtr checked);
  catalogue::Decision<const catalogue::Machine*> machine_for(const std::string& id, const Start& start);
  catalogue::Decision<engine::ExecutionId> execution_for(const std::string& request,
                                                         const std::optional<std::string>& name) const;
  struct Waiter {
    std::string request;
    bool is_task = false;  ///< whose task wants to know when it has begun, too
  };
  const Waiter* waiter_of(engine::ExecutionId id, const std::string& request) const;
  Timestamp names_free_before() const;
  engine::ExecutionId next_id();
  Started started(engine::ExecutionId id) const;
  std::optional<Reply> await_end(engine::ExecutionId id, const std::string& request, bool is_task);

  Parts parts_;
  std::unordered_map<std::string, engine::ExecutionId> before_;          // by request: dealt with by an owner before
  std::unordered_map<std::string, engine::ExecutionId> starts_;          // by request, until it will not come again
  std::unordered_multimap<engine::ExecutionId, Waiter> waiting_;         // for its end
  std::unordered_map<engine::ExecutionId, engine::EndExecution> ended_;  // before whoever wants to know asked anew
  std::unordered_map<std::string, Reply> when_durable_;                  // by request
  std::uint64_t next_ = 0;  // no execution has had this id, nor a greater one; 0: none was given here
  struct Compiled {
    std::uint32_t revision = 0;
    asl::StateMachinePtr machine;
  };
  std::unordered_map<std::string, Compiled> compiled_;  // by ARN, the revision that was asked for last
  std::unordered_map<std::string, engine::MachineIdentityPtr> identities_;  // by ARN, what its executions share
};

}  // namespace lockstep::service
