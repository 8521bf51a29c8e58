#include "service/desk.hpp"

#include <algorithm>
#include <random>

#include "asl/parser.hpp"
#include "catalogue/names.hpp"
#include "engine/definition_change.hpp"
#include "engine/snapshot.hpp"
#include "integrations/jobs_file.hpp"
#include "value/utf8.hpp"

namespace lockstep::service {

namespace {

constexpr std::string_view kNotOfThisType = "This operation is not supported by this type of state machine";

Refused refused(const catalogue::Refusal& refusal) {
  return {refusal.error, refusal.message};
}

bool runs(const engine::Execution& execution) {
  return execution.status == engine::Status::running;
}

}  // namespace

FrontDesk::FrontDesk(Parts parts) : parts_(std::move(parts)) {
  // What was started before a crash may be asked for once more: its request may still lie there.
  for (const engine::ExecutionId id : engine::Snapshot::executions(parts_.engine)) {
    for (const engine::RequestTaken& taken : *parts_.engine.find(id)->requests) {
      before_.emplace(taken.request, id);
    }
  }
}

std::optional<Reply> FrontDesk::handle(Incoming incoming, const TakeIn& take) {
  auto reply = incoming.request ? std::visit([&](auto& body) { return on(incoming.id, body, take); }, *incoming.request)
                                : std::optional<Reply>(refused_by(incoming.request.error()));
  if (reply && parts_.on_reply) {
    parts_.on_reply(incoming.id, *reply);
  }
  return reply;
}

std::optional<Reply> FrontDesk::on(const std::string& id, AnswerToken& answer, const TakeIn& take) {
  take(engine::AnswerTask{id, std::move(answer.token), answer.kind, std::move(answer.output), std::move(answer.error),
                          std::move(answer.cause)});
  return std::nullopt;
}

std::optional<Reply> FrontDesk::on(const std::string& id, Stop& stop, const TakeIn& take) {
  const auto execution = execution_for(id, stop.execution);
  if (!execution) {
    return refused(execution.error());
  }
  if (parts_.engine.find(*execution) == nullptr) {
    return Accepted();  // it is over, and everybody was told
  }
  take(engine::StopExecution{id, *execution, std::move(stop.error), std::move(stop.cause)});
  return std::nullopt;
}

std::optional<Reply> FrontDesk::on(const std::string& id, Redrive& redrive, const TakeIn& take) {
  const auto execution = execution_for(id, redrive.execution);
  if (!execution) {
    return refused(execution.error());
  }
  const bool was_forgotten = parts_.engine.find(*execution) == nullptr;
  if (was_forgotten) {
    const auto entry = parts_.catalogue.executions().find(*execution);
    if (!entry) {
      return refused(entry.error());
    }
    if (*entry) {
      if (const auto revived = parts_.revive(**entry); !revived) {
        return Refused{"InternalServerError", revived.error().message};
      }
      // It had been let go of because none of its requests can come again.
      const std::vector<engine::RequestTaken> old = *parts_.engine.find(*execution)->requests;
      for (const engine::RequestTaken& taken : old) {
        parts_.engine.forget_request(*execution, taken.request);
      }
    }
  }
  engine::RedriveExecution input{id, *execution};
  if (const engine::Execution* held = parts_.engine.find(*execution);
      held != nullptr && redrive.machine != nullptr && held->machine->text != redrive.machine->text) {
    input.machine = redrive.machine;
    input.revision = redrive.revision;
  }
  const auto refusal = redefine(id, redrive, input);
  if (!refusal) {
    take(std::move(input));
  }
  if (const engine::Execution* held = parts_.engine.find(*execution);
      held != nullptr && !runs(*held) && held->requests->empty() && was_forgotten) {
    parts_.engine.forget(*execution);  // it was brought back in vain
  }
  return refusal ? std::optional<Reply>(refused(*refusal)) : std::nullopt;
}

/// What the execution is to go on with: a revision of its machine, which is made unless the redrive will be refused.
std::optional<catalogue::Refusal> FrontDesk::redefine(const std::string& id, const Redrive& redrive,
                                                      engine::RedriveExecution& input) {
  const engine::Execution* execution = parts_.engine.find(input.id);
  if (execution == nullptr || (!redrive.definition && !redrive.jobs)) {
    return std::nullopt;
  }
  catalogue::CreateMachine wanted;
  wanted.name = execution->identity->machine().name;
  wanted.role_arn = kRole;
  wanted.definition = redrive.definition.value_or(execution->machine->text);
  wanted.request = id;
  const catalogue::Machine* stands = parts_.catalogue.machine(execution->identity->machine().arn);
  const catalogue::Revision* before = stands == nullptr ? nullptr : stands->revision(execution->origin.revision);
  if (redrive.jobs) {
    wanted.jobs = *redrive.jobs;
    wanted.jobs_folder = redrive.jobs_folder;
  } else if (before != nullptr) {
    wanted.jobs = *before->jobs;
    wanted.jobs_folder = before->jobs_folder;
  }
  const asl::ParsedDefinition parsed = asl::parse_definition(wanted.definition, {wanted.type});
  if (parsed.machine == nullptr) {
    return catalogue::Refusal{"InvalidDefinition", asl::invalid_definition_message(parsed.diagnostics)};
  }
  input.machine = parsed.machine;
  if (engine::may_redrive(*execution, parsed.machine.get(), parts_.engine.limits(), parts_.clock.now()).verdict ==
      engine::Verdict::accepted) {
    const auto change = carry_out(wanted, parsed.machine);
    if (!change) {
      return change.error();
    }
    input.machine = compiled(*parts_.catalogue.machine(change->arn), change->revision);
    input.revision = change->revision;
  }
  return std::nullopt;
}

/// The one that `name` (its name or ARN) means, or, without a name, the only one that runs; where `request` was dealt
/// with by an owner before, the one that it was about.
catalogue::Decision<engine::ExecutionId> FrontDesk::execution_for(const std::string& request,
                                                                  const std::optional<std::string>& name) const {
  if (const auto before = before_.find(request); before != before_.end()) {
    return before->second;
  }
  if (name) {
    if (const auto by_arn = parts_.catalogue.find_execution(*name)) {
      return by_arn->id;
    }
    for (const auto& [arn, machine] : parts_.catalogue.machines()) {
      const auto entry = parts_.catalogue.executions().find(arn, *name);
      if (!entry) {
        return catalogue::refuse(entry.error());
      }
      if (*entry) {
        return (*entry)->id;
      }
    }
  }
  if (const engine::Execution* main = !name && parts_.main ? parts_.engine.find(*parts_.main) : nullptr;
      main != nullptr && runs(*main)) {
    return main->id;
  }
  const bool is_arn = name && name->starts_with("arn:");
  std::optional<engine::ExecutionId> only;
  for (const engine::ExecutionId id : engine::Snapshot::executions(parts_.engine)) {
    const engine::Execution& execution = *parts_.engine.find(id);
    const bool is_meant =
        !name ? runs(execution) : (is_arn ? execution.identity->arn() : execution.identity->name()) == *name;
    if (!is_meant) {
      continue;
    }
    if (only) {
      return catalogue::refuse("ValidationException", "several executions are open: say which, with --execution NAME");
    }
    only = id;
  }
  if (!only) {
    return catalogue::refuse("ExecutionDoesNotExist", name ? fmt::format("Execution Does Not Exist: '{}'", *name)
                                                           : "Execution Does Not Exist: none is open");
  }
  return *only;
}

std::optional<Reply> FrontDesk::on(const std::string& id, Start& start, const TakeIn& take) {
  if (const auto before = before_.find(id); before != before_.end()) {
    starts_.insert(*before);
    return start.wait ? await_end(before->second, id, start.parent.has_value()) : started(before->second);
  }
  const auto machine = machine_for(id, start);
  if (!machine) {
    return refused(machine.error());
  }
  const bool express = (*machine)->type == asl::ExecutionType::express;
  if (start.sync && !express) {
    return Refused{"StateMachineTypeNotSupported", std::string(kNotOfThisType)};
  }
  if (compiled(**machine) == nullptr) {
    return Refused{"InvalidDefinition", fmt::format("this version of lockstep cannot run the definition of '{}', which "
                                                    "another one took; give the machine a new one",
                                                    (*machine)->name)};
  }
  if (start.parent && express && !start.sync) {
    return Refused{"StateMachineTypeNotSupported", std::string(kNotOfThisType)};
  }
  const std::string name = start.name.empty() ? id : start.name;
  if (!catalogue::is_valid_name(name)) {
    return Refused{"InvalidName", fmt::format("Invalid Name: '{}'", name)};
  }
  if (!express) {
    const auto holder = parts_.catalogue.may_start((*machine)->arn, name, names_free_before());
    if (!holder) {
      return refused(holder.error());
    }
    if (*holder) {
      const engine::Execution* running = parts_.engine.find((*holder)->id);
      if (running == nullptr || !runs(*running) || running->input != start.input) {
        return refused(catalogue::Catalogue::already_exists(**holder));
      }
      if (start.wait) {
        waiting_.emplace(running->id, Waiter{id, start.parent.has_value()});
      }
      starts_.emplace(id, running->id);
      take(engine::JoinExecution{id, running->id});
      return std::nullopt;
    }
  }
  if (start.sync) {
    if (const auto taken = parts_.take_back(id); !taken) {
      return Refused{"ServiceUnavailable", taken.error().message};
    }
  }
  engine::StartExecution input = start_of(**machine, name, std::move(start.input),
                                          start.sync ? engine::ExecutionType::express_sync
                                          : express  ? engine::ExecutionType::express
                                                     : engine::ExecutionType::standard);
  if (start.parent) {
    auto child = std::make_shared<engine::ChildOrigin>();
    child->parent = start.parent;
    input.origin.child = std::move(child);
  }
  if (start.wait || start.sync) {
    waiting_.emplace(input.id, Waiter{id, start.parent.has_value()});
  }
  if (!start.sync) {
    input.request = id;
    starts_.emplace(id, input.id);
  }
  const engine::ExecutionId begun = input.id;
  take(std::move(input));
  // Nothing of a synchronous one has to be durable before its task knows that it has begun.
  return start.sync && start.parent ? std::optional<Reply>(started(begun)) : std::nullopt;
}

std::optional<Reply> FrontDesk::on(const std::string& id, StartChild& child, const TakeIn& take) {
  if (const auto before = before_.find(id); before != before_.end()) {
    starts_.insert(*before);
    return await_end(before->second, id, true);
  }
  if (child.stands) {
    const auto stands = execution_for(id, child.start.identity->arn());
    if (!stands) {
      return refused(stands.error());
    }
    waiting_.emplace(*stands, Waiter{id, true});
    starts_.emplace(id, *stands);
    take(engine::JoinExecution{id, *stands});
    return std::nullopt;
  }
  child.start.id = next_id();
  child.start.request = id;
  waiting_.emplace(child.start.id, Waiter{id, true});
  starts_.emplace(id, child.start.id);
  take(std::move(child.start));
  return std::nullopt;
}

std::optional<Reply> FrontDesk::on(const std::string& id, const CreateActivity& create, const TakeIn& /*take*/) {
  const auto arn = put_activity(create.name, id);
  if (!arn) {
    return refused(arn.error());
  }
  const catalogue::Activity* made = parts_.catalogue.activity(*arn);  // it may have been removed since
  when_durable_.insert_or_assign(id, ActivityMade{*arn, made == nullptr ? parts_.clock.now() : made->created});
  parts_.answer_when_durable(id);
  return std::nullopt;
}

catalogue::Decision<std::string> FrontDesk::put_activity(const std::string& name, const std::string& request) {
  catalogue::CreateActivity wanted;
  wanted.name = name;
  wanted.request = request;
  auto change = parts_.catalogue.create_activity(wanted);
  if (!change) {
    return catalogue::refuse(change.error());
  }
  if (change->event) {
    const std::size_t most = parts_.engine.limits().activities;
    if (most != 0 && parts_.catalogue.activities().size() >= most) {
      return catalogue::refuse("ActivityLimitExceeded", fmt::format("there are {} activities: no more may be", most));
    }
    parts_.record(*std::move(change->event));
  }
  return std::move(change->arn);
}

std::optional<Reply> FrontDesk::on(const std::string& id, const DeleteActivity& remove, const TakeIn& /*take*/) {
  auto change = parts_.catalogue.remove_activity(catalogue::activity_arn_of(remove.activity), id);
  if (!change) {
    return refused(change.error());
  }
  if (change->event) {
    parts_.record(*std::move(change->event));
  }
  when_durable_.insert_or_assign(id, Accepted());
  parts_.answer_when_durable(id);
  return std::nullopt;
}

std::optional<Reply> FrontDesk::on(const std::string& id, const GetActivityTask& poll, const TakeIn& take) {
  if (auto task = taken_before(id)) {
    return *std::move(task);
  }
  const std::string arn = catalogue::activity_arn_of(poll.activity);
  if (parts_.catalogue.activity(arn) == nullptr) {
    return Refused{"ActivityDoesNotExist", fmt::format("Activity Does Not Exist: '{}'", arn)};
  }
  if (count_characters(poll.worker) > catalogue::kLongestName) {
    return Refused{"ValidationException",
                   fmt::format("1 validation error detected: Value '{}' at 'workerName' failed to satisfy constraint: "
                               "Member must have length less than or equal to {}",
                               poll.worker, catalogue::kLongestName)};
  }
  if (!parts_.activities.poll(id, arn, poll, take)) {
    return Refused{"ActivityWorkerLimitExceeded", fmt::format("Activity Worker Limit Exceeded: '{}'", arn)};
  }
  return std::nullopt;
}

std::optional<Reply> FrontDesk::on(const std::string& id, const UpdateMapRun& update, const TakeIn& take) {
  engine::ChangeMapRun change{id, {}, update.max_concurrency, update.tolerated_count, update.tolerated_percentage};
  if (const auto before = before_.find(id); before != before_.end()) {
    change.id.execution = before->second;
  } else if (const auto found = parts_.find_map_run ? parts_.find_map_run(update.map_run) : std::nullopt) {
    change.id = *found;
  } else {
    return Refused{"ResourceNotFound", fmt::format("no Map Run '{}' is at work", update.map_run)};
  }
  take(std::move(change));
  return std::nullopt;
}

/// What the request was given by an owner before, where its worker may still answer that.
std::optional<ActivityTask> FrontDesk::taken_before(const std::string& request) const {
  const auto before = before_.find(request);
  const engine::Execution* execution = before == before_.end() ? nullptr : parts_.engine.find(before->second);
  if (execution == nullptr) {
    return std::nullopt;
  }
  for (const engine::Strand& strand : execution->strands) {
    if (strand.phase == engine::Phase::callback && !strand.given_up && strand.call->note == Value::string(request)) {
      return ActivityTask{*strand.token, strand.call->parameters, strand.call->heartbeat_seconds};
    }
  }
  return std::nullopt;
}

/// Long polls whose time is over.
std::vector<Answered> FrontDesk::due() {
  std::vector<Answered> answered;
  for (std::string& request : parts_.activities.expired()) {
    answered.push_back({std::move(request), ActivityTask()});
  }
  return answered;
}

catalogue::Decision<const catalogue::Machine*> FrontDesk::machine_for(const std::string& id, const Start& start) {
  const catalogue::Machine* stands = parts_.catalogue.machine(start.machine);
  if (stands == nullptr) {
    stands = parts_.catalogue.machine(catalogue::machine_arn(start.machine));
  }
  if (!start.definition) {
    if (stands == nullptr) {
      return catalogue::refuse("StateMachineDoesNotExist",
                               fmt::format("State Machine Does Not Exist: '{}'", start.machine));
    }
    return stands;
  }
  catalogue::CreateMachine wanted;
  wanted.name = start.machine;
  const bool express =
      start.type.empty() ? stands != nullptr && stands->type == asl::ExecutionType::express : start.type == "EXPRESS";
  wanted.type = express ? asl::ExecutionType::express : asl::ExecutionType::standard;
  wanted.role_arn = kRole;
  wanted.definition = *start.definition;
  wanted.jobs = start.jobs.value_or("");
  wanted.jobs_folder = start.jobs_folder;
  wanted.request = id;
  return put(wanted);
}

catalogue::Decision<const catalogue::Machine*> FrontDesk::put(const catalogue::CreateMachine& wanted,
                                                              asl::StateMachinePtr checked) {
  const auto change = carry_out(wanted, std::move(checked));
  return change ? parts_.catalogue.machine(change->arn)
                : catalogue::Decision<const catalogue::Machine*>(catalogue::refuse(change.error()));
}

catalogue::Decision<catalogue::Change> FrontDesk::carry_out(const catalogue::CreateMachine& wanted,
                                                            asl::StateMachinePtr checked) {
  auto change = parts_.catalogue.put(wanted);
  if (change && change->event) {
    if (checked == nullptr) {
      const asl::ParsedDefinition parsed = asl::parse_definition(wanted.definition, {wanted.type});
      if (parsed.machine == nullptr) {
        return catalogue::refuse("InvalidDefinition", asl::invalid_definition_message(parsed.diagnostics));
      }
      checked = parsed.machine;
    }
    if (!wanted.jobs.empty()) {
      if (const auto jobs = integrations::parse_jobs(wanted.jobs, "jobs.json", wanted.jobs_folder); !jobs) {
        return catalogue::refuse("ValidationException", jobs.error().message);
      }
    }
    compiled_.insert_or_assign(change->arn, Compiled{change->revision, std::move(checked)});
    parts_.record(*std::exchange(change->event, std::nullopt));
  }
  return change;
}

asl::StateMachinePtr FrontDesk::compiled(const catalogue::Machine& machine, std::uint32_t revision) {
  const catalogue::Revision* wanted = machine.revision(revision);
  if (wanted == nullptr) {
    return nullptr;
  }
  Compiled& kept = compiled_[machine.arn];
  if (kept.machine == nullptr || kept.revision != wanted->number) {
    kept = {wanted->number, asl::parse_definition(*wanted->definition, {machine.type}).machine};
  }
  return kept.machine;
}

/// Executions that ended by then hold their names no longer.
Timestamp FrontDesk::names_free_before() const {
  const std::int64_t kept = parts_.engine.limits().name_time;
  return {kept == 0 ? INT64_MIN : parts_.clock.now().us - kept * kMicrosPerSecond};
}

engine::StartExecution FrontDesk::start_of(const catalogue::Machine& machine, const std::string& name, Value input,
                                           engine::ExecutionType type) {
  std::string arn;
  if (type != engine::ExecutionType::standard) {
    std::random_device random;
    arn = fmt::format("arn:aws:states:{}:express:{}:{}:{:08x}-{:08x}", catalogue::kRegionAndAccount, machine.name, name,
                      random(), random());
  }
  const catalogue::Revision& current = machine.current();
  const engine::MachineIdentity whose{machine.name, machine.arn, current.role_arn};
  engine::MachineIdentityPtr& shared = identities_[machine.arn];
  if (shared == nullptr || *shared != whose) {
    shared = std::make_shared<const engine::MachineIdentity>(whose);
  }
  auto identity = std::make_shared<const engine::Identity>(name, shared, arn);
  engine::StartExecution start{next_id(), std::move(identity), compiled(machine), std::move(input)};
  start.origin.type = type;
  start.origin.revision = current.number;
  return start;
}

Started FrontDesk::started(engine::ExecutionId id) const {
  const engine::Execution& execution = *parts_.engine.find(id);
  return {execution.identity->arn(), execution.started_at, id};
}

/// The answer to a request whose execution was started before; nothing: it runs, and the request will be answered when
/// it is over.
std::optional<Reply> FrontDesk::await_end(engine::ExecutionId id, const std::string& request, bool is_task) {
  const engine::Execution& execution = *parts_.engine.find(id);
  if (const auto ended = ended_.find(id); ended != ended_.end() && !runs(execution)) {
    return Ended{execution.identity->arn(), ended->second};
  }
  for (const engine::Event& event : parts_.endings) {
    // It may have been redriven since.
    if (event.execution == id && !runs(execution) && event.id == execution.last_event_id) {
      return Ended{execution.identity->arn(), engine::end_of(event)};
    }
  }
  waiting_.emplace(id, Waiter{request, is_task});
  return is_task ? std::optional<Reply>(started(id)) : std::nullopt;
}

/// Null: the request does not wait for its end.
const FrontDesk::Waiter* FrontDesk::waiter_of(engine::ExecutionId id, const std::string& request) const {
  const auto [first, last] = waiting_.equal_range(id);
  const auto found = std::find_if(first, last, [&](const auto& one) { return one.second.request == request; });
  return found == last ? nullptr : &found->second;
}

/// Synchronous executions leave no trace in the catalogue, which therefore knows nothing of their ids.
engine::ExecutionId FrontDesk::next_id() {
  const engine::ExecutionId id{std::max(next_, static_cast<std::uint64_t>(parts_.catalogue.executions().next()))};
  next_ = static_cast<std::uint64_t>(id) + 1;
  return id;
}

std::optional<Reply> FrontDesk::reply(const engine::AnswerRequest& verdict) {
  if (auto kept = when_durable_.extract(verdict.request)) {
    return std::move(kept.mapped());
  }
  if (auto task = parts_.activities.taken(verdict.request)) {
    return *std::move(task);
  }
  const auto start = starts_.find(verdict.request);
  const Waiter* waiter = start == starts_.end() ? nullptr : waiter_of(start->second, start->first);
  if (waiter != nullptr && !waiter->is_task && verdict.verdict == engine::Verdict::accepted) {
    return std::nullopt;
  }
  Reply reply = reply_of(verdict.verdict);
  if (auto* refused = std::get_if<Refused>(&reply); refused != nullptr && !verdict.cause.empty()) {
    refused->message = verdict.cause;
  } else if (refused == nullptr && start != starts_.end()) {
    reply = started(start->second);
  }
  if (parts_.on_reply) {
    parts_.on_reply(verdict.request, reply);
  }
  return reply;
}

bool FrontDesk::has_started(const std::string& request, engine::ExecutionId id) const {
  const auto start = starts_.find(request);
  return (start != starts_.end() && start->second == id) || waiter_of(id, request) != nullptr;
}

std::optional<engine::ExecutionId> FrontDesk::forget(const std::string& request) {
  starts_.erase(request);
  parts_.catalogue.forget_request(request);
  const auto before = before_.extract(request);
  if (before) {
    ended_.erase(before.mapped());
  }
  return before ? std::optional(before.mapped()) : std::nullopt;
}

std::vector<Answered> FrontDesk::on_end(const engine::Execution& execution, engine::EndExecution end) {
  if (parts_.on_end) {
    parts_.on_end(end);
  }
  std::vector<Answered> answered;
  const auto [first, last] = waiting_.equal_range(end.id);
  for (auto one = first; one != last; ++one) {
    answered.push_back({one->second.request, Ended{execution.identity->arn(), end}});
  }
  const auto may_ask_anew = [this](const engine::RequestTaken& taken) { return before_.contains(taken.request); };
  if (first == last && std::any_of(execution.requests->begin(), execution.requests->end(), may_ask_anew)) {
    ended_.insert_or_assign(end.id, end);
  } else {
    ended_.erase(end.id);
  }
  waiting_.erase(first, last);
  return answered;
}

}  // namespace lockstep::service
