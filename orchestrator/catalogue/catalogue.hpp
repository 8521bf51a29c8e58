// What a house holds besides its live executions: state machines, activities, and the index of executions.
//
// As in the engine, deciding changes nothing and says what happened as an Event; apply() is the only code that changes
// the catalogue, live and in recovery.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "catalogue/execution_index.hpp"
#include "catalogue/machine.hpp"
#include "catalogue/record.hpp"
#include "catalogue/refusal.hpp"
#include "engine/event.hpp"
#include "journal/folded.hpp"

namespace lockstep::catalogue {

/// What a request comes to.
struct Change {
  std::optional<engine::EventBody> event;  ///< to be journalled and applied; nothing: it is as it was asked for already
  std::string arn;
  std::uint32_t revision = 0;  ///< of the machine, once the Event is applied; 0: it is no machine's

  /// The Event, at `now`. Requires that there is one.
  engine::Event at(Timestamp now) &&;
};

/// One thread.
class Catalogue final : public journal::Folded {
 public:
  explicit Catalogue(std::uint32_t largest_index = kLargestIndex) : executions_(largest_index) {}

  using Machines = std::map<std::string, Machine, std::less<>>;
  using Activities = std::map<std::string, Activity, std::less<>>;

  // Decides. A request that has led to an Event before (it names the same `request`) comes to the same answer again.

  /// CreateStateMachine: the same again is no change, anything else of that name is refused.
  Decision<Change> create(const CreateMachine& wanted) const;
  /// UpdateStateMachine: makes a revision, unless nothing is other than it was.
  Decision<Change> revise(const ReviseMachine& wanted) const;
  /// Creates the machine or, where it stands and is not so, revises it. Another type is refused. Settings of a machine
  /// that stands are left alone.
  Decision<Change> put(const CreateMachine& wanted) const;
  /// DeleteStateMachine: one that nobody knows is as good as gone.
  Decision<Change> remove_machine(const std::string& arn, const std::string& request = {}) const;
  Decision<Change> create_activity(const CreateActivity& wanted) const;
  Decision<Change> remove_activity(const std::string& arn, const std::string& request = {}) const;

  /// Whether an execution of that name can be started of the machine. Who has the name, if somebody has: starting it
  /// with the same input while it runs is no mistake, anything else is already_exists(). `free_before`: names of
  /// executions that were over by then are free again.
  Decision<std::optional<ExecutionEntry>> may_start(const std::string& machine_arn, const std::string& name,
                                                    Timestamp free_before = {INT64_MIN}) const;
  static Refusal already_exists(const ExecutionEntry& entry);
  /// The entry of a STANDARD execution by its ARN, or why there is none.
  Decision<ExecutionEntry> find_execution(std::string_view arn) const;

  /// Applies what has happened, in order. `seq`: the Event's number in the journal; what is not journalled is passed
  /// over.
  void apply(const engine::Event& event, SequenceNumber seq) override;
  /// The request has been answered and will not come again.
  void forget_request(const std::string& request) { answered_.erase(request); }

  /// By ARN. Null: there is none.
  const Machine* machine(std::string_view arn) const;
  const Activity* activity(std::string_view arn) const;
  const Machines& machines() const { return machines_; }
  const Activities& activities() const { return activities_; }
  const ExecutionIndex& executions() const { return executions_; }

  // For the journal: give it the catalogue as what is folded in beside the engine (journal::OpenOptions::folded).
  void start(journal::FileLayer& files, const std::string& folder) override;
  void begin_save(Timestamp expired) override;
  bool save(journal::Sink& sink) override;
  std::function<Result<void>()> end_save() override { return executions_.end_save(); }
  void saved(bool stands) override { executions_.saved(stands); }
  void load(journal::Source& source, const engine::Engine& engine) override;
  Result<void> loaded() override { return executions_.loaded(); }

 private:
  struct Answer {
    std::string arn;
    std::uint32_t revision = 0;
  };

  Decision<Change> revise(const Machine& machine, const ReviseMachine& wanted) const;
  const Answer* answered(const std::string& request) const;
  void keep(const std::string& request, const std::string& arn, std::uint32_t revision);
  void remove_idle();
  static void add_revision(Machine& machine, RevisionRecord record);
  void on(const engine::Event& event, const engine::MachineCreated& body);
  void on(const engine::Event& event, const engine::MachineRevised& body);
  void on(const engine::Event& event, const engine::MachineDeleted& body);
  void on(const engine::Event& event, const engine::ActivityCreated& body);
  void on(const engine::Event& event, const engine::ActivityDeleted& body);

  Machines machines_;
  std::size_t deleting_ = 0;  // of machines_
  Activities activities_;
  std::map<std::string, Answer> answered_;  // by request: dealt with, but perhaps not answered yet
  ExecutionIndex executions_;

  std::string saved_machine_;       // the last that is in the checkpoint that is taken, or was in one that is loaded
  bool saved_small_things_ = true;  // activities and answers are, too
};

}  // namespace lockstep::catalogue
