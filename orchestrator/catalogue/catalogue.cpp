#include "catalogue/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "catalogue/names.hpp"
#include "value/builder.hpp"

namespace lockstep::catalogue {

namespace {

constexpr std::string_view kTags = "tags";

Refusal unknown_machine(std::string_view arn) {
  return {"StateMachineDoesNotExist", fmt::format("State Machine Does Not Exist: '{}'", arn)};
}
Refusal being_deleted(std::string_view arn) {
  return {"StateMachineDeleting", fmt::format("State Machine is being deleted: '{}'", arn)};
}
Refusal bad_name(std::string_view name) {
  return {"InvalidName", fmt::format("Invalid Name: '{}'", name)};
}

/// Whether two sets of settings are the same but for tags, which no repeated request is judged by.
bool same_settings(const Value& a, const Value& b) {
  const auto has_all = [](const Node& these, const Node& others) {
    for (std::size_t i = 0; i < these.size(); ++i) {
      const Member& member = these.member(i);
      const Node* other = others.find(member.key());
      if (member.key() != kTags && (other == nullptr || !equal(member.value(), *other))) {
        return false;
      }
    }
    return true;
  };
  return has_all(a.node(), b.node()) && has_all(b.node(), a.node());
}

/// `base` with the members of `newer` in place of its own.
Value merged(const Value& base, const Value& newer) {
  Builder builder;
  builder.begin_object();
  for (const Value* value : {&base, &newer}) {
    for (std::size_t i = 0; i < value->node().size(); ++i) {
      builder.key(value->node().member(i).key());
      builder.part(*value, value->node().member(i).node);
    }
  }
  builder.end_object();
  return builder.finish();
}

std::string_view to_string(asl::ExecutionType type) {
  return type == asl::ExecutionType::express ? "EXPRESS" : "STANDARD";
}

}  // namespace

engine::Event Change::at(Timestamp now) && {
  engine::Event made;
  made.time = now;
  made.body = std::move(*event);
  return made;
}

const Revision* Machine::revision(std::uint32_t number) const {
  if (number == 0) {
    return &current();
  }
  const auto found =
      std::find_if(revisions.begin(), revisions.end(), [&](const Revision& one) { return one.number == number; });
  return found == revisions.end() ? nullptr : &*found;
}

Decision<Change> Catalogue::create(const CreateMachine& wanted) const {
  if (const Answer* before = answered(wanted.request)) {
    return Change{std::nullopt, before->arn, before->revision};
  }
  if (!is_valid_name(wanted.name)) {
    return refuse(bad_name(wanted.name));
  }
  const std::string arn = machine_arn(wanted.name);
  const Machine* stands = machine(arn);
  if (stands == nullptr) {
    return Change{engine::MachineCreated{
                      arn, wanted.name, wanted.type,
                      std::make_shared<engine::MachineContent>(engine::MachineContent{
                          wanted.role_arn, wanted.definition, wanted.jobs, wanted.jobs_folder, wanted.settings}),
                      wanted.request},
                  arn, 1};
  }
  if (stands->deleting) {
    return refuse(being_deleted(arn));
  }
  const Revision& current = stands->current();
  if (stands->type != wanted.type || *current.definition != wanted.definition || *current.jobs != wanted.jobs ||
      current.jobs_folder != wanted.jobs_folder || !same_settings(current.settings, wanted.settings)) {
    return refuse("StateMachineAlreadyExists", fmt::format("State Machine Already Exists: '{}'", arn));
  }
  return Change{std::nullopt, arn, current.number};
}

Decision<Change> Catalogue::revise(const ReviseMachine& wanted) const {
  if (const Answer* before = answered(wanted.request)) {
    return Change{std::nullopt, before->arn, before->revision};
  }
  const Machine* stands = machine(wanted.arn);
  if (stands == nullptr) {
    return refuse(unknown_machine(wanted.arn));
  }
  if (stands->deleting) {
    return refuse(being_deleted(wanted.arn));
  }
  if (!wanted.definition && !wanted.role_arn && !wanted.settings && !wanted.jobs && !wanted.jobs_folder) {
    return refuse("MissingRequiredParameter",
                  "Either the definition, the role ARN, the LoggingConfiguration, or the "
                  "TracingConfiguration must be specified");
  }
  return revise(*stands, wanted);
}

Decision<Change> Catalogue::revise(const Machine& stands, const ReviseMachine& wanted) const {
  const Revision& current = stands.current();
  const engine::MachineContent before{current.role_arn, *current.definition, *current.jobs, current.jobs_folder,
                                      current.settings};
  engine::MachineContent content{wanted.role_arn.value_or(before.role_arn),
                                 wanted.definition.value_or(before.definition), wanted.jobs.value_or(before.jobs),
                                 wanted.jobs_folder.value_or(before.jobs_folder),
                                 wanted.settings ? merged(before.settings, *wanted.settings) : before.settings};
  if (content == before) {
    return Change{std::nullopt, stands.arn, current.number};
  }
  const std::uint32_t number = current.number + 1;
  return Change{engine::MachineRevised{stands.arn, number, std::make_shared<engine::MachineContent>(std::move(content)),
                                       wanted.request},
                stands.arn, number};
}

Decision<Change> Catalogue::put(const CreateMachine& wanted) const {
  const Machine* stands = machine(machine_arn(wanted.name));
  if (stands == nullptr || stands->deleting || answered(wanted.request) != nullptr) {
    return create(wanted);
  }
  if (stands->type != wanted.type) {
    return refuse(
        "StateMachineTypeNotSupported",
        fmt::format("state machine '{}' is {}, and its type cannot be changed", wanted.name, to_string(stands->type)));
  }
  ReviseMachine revision;
  revision.definition = wanted.definition;
  revision.jobs = wanted.jobs;
  revision.jobs_folder = wanted.jobs_folder;
  revision.request = wanted.request;
  return revise(*stands, revision);
}

Decision<Change> Catalogue::remove_machine(const std::string& arn, const std::string& request) const {
  const Machine* stands = machine(arn);
  if (stands == nullptr || stands->deleting || answered(request) != nullptr) {
    return Change{std::nullopt, arn, 0};
  }
  return Change{engine::MachineDeleted{arn, request}, arn, 0};
}

Decision<Change> Catalogue::create_activity(const CreateActivity& wanted) const {
  if (!is_valid_name(wanted.name)) {
    return refuse(bad_name(wanted.name));
  }
  const std::string arn = activity_arn(wanted.name);
  const Activity* stands = activity(arn);
  if (answered(wanted.request) != nullptr) {
    return Change{std::nullopt, arn, 0};
  }
  if (stands == nullptr) {
    return Change{engine::ActivityCreated{arn, wanted.name, wanted.settings, wanted.request}, arn, 0};
  }
  if (!same_settings(stands->settings, wanted.settings)) {
    return refuse("ActivityAlreadyExists", fmt::format("Activity Already Exists: '{}'", arn));
  }
  return Change{std::nullopt, arn, 0};
}

Decision<Change> Catalogue::remove_activity(const std::string& arn, const std::string& request) const {
  if (activity(arn) == nullptr || answered(request) != nullptr) {
    return Change{std::nullopt, arn, 0};
  }
  return Change{engine::ActivityDeleted{arn, request}, arn, 0};
}

Decision<std::optional<ExecutionEntry>> Catalogue::may_start(const std::string& arn, const std::string& name,
                                                             Timestamp free_before) const {
  const Machine* stands = machine(arn);
  if (stands == nullptr) {
    return refuse(unknown_machine(arn));
  }
  if (stands->deleting) {
    return refuse(being_deleted(arn));
  }
  if (!is_valid_name(name)) {
    return refuse(bad_name(name));
  }
  if (stands->type == asl::ExecutionType::express) {
    return std::nullopt;
  }
  auto holder = executions_.find(arn, name);
  if (holder && *holder && (*holder)->stopped && *(*holder)->stopped <= free_before) {
    return std::nullopt;
  }
  return holder;
}

Refusal Catalogue::already_exists(const ExecutionEntry& entry) {
  return {"ExecutionAlreadyExists",
          fmt::format("Execution Already Exists: '{}'", engine::execution_arn(entry.machine_arn, entry.name))};
}

Decision<ExecutionEntry> Catalogue::find_execution(std::string_view arn) const {
  const auto name = parse_execution_arn(arn);
  if (!name) {
    return refuse("InvalidArn", not_an_execution(arn));
  }
  auto found = executions_.find(name->machine_arn, name->name);
  if (!found) {
    return refuse(std::move(found.error()));
  }
  if (!*found) {
    return refuse("ExecutionDoesNotExist", fmt::format("Execution Does Not Exist: '{}'", arn));
  }
  return std::move(**found);
}

void Catalogue::apply(const engine::Event& event, SequenceNumber seq) {
  if (!event.journalled) {
    return;  // it would not come back
  }
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (engine::kIsOfHouse<Body>) {
          on(event, body);
        }
      },
      event.body);
  executions_.apply(event, seq);
  if (deleting_ != 0) {
    remove_idle();
  }
}

// The same Event may be applied to what it was applied to before, if all later ones are, too: what it sets is set anew.

void Catalogue::add_revision(Machine& machine, RevisionRecord record) {
  auto& revisions = machine.revisions;
  while (!revisions.empty() && revisions.back().number >= record.number) {
    revisions.pop_back();
  }
  const auto share = [&](std::string& text, std::shared_ptr<const std::string> Revision::*of) {
    const bool is_same = !revisions.empty() && *(revisions.back().*of) == text;
    return is_same ? revisions.back().*of : std::make_shared<const std::string>(std::move(text));
  };
  Revision revision;
  revision.number = record.number;
  revision.definition = share(record.content.definition, &Revision::definition);
  revision.jobs = share(record.content.jobs, &Revision::jobs);
  revision.jobs_folder = std::move(record.content.jobs_folder);
  revision.role_arn = std::move(record.content.role_arn);
  revision.settings = std::move(record.content.settings);
  revision.created = record.created;
  revisions.push_back(std::move(revision));
}

void Catalogue::on(const engine::Event& event, const engine::MachineCreated& body) {
  Machine machine;
  machine.arn = body.arn;
  machine.name = body.name;
  machine.type = body.type;
  machine.created = event.time;
  add_revision(machine, {1, *body.content, event.time});
  Machine& stands = machines_[body.arn];
  deleting_ -= stands.deleting ? 1 : 0;
  stands = std::move(machine);
  keep(body.request, body.arn, 1);
}

void Catalogue::on(const engine::Event& event, const engine::MachineRevised& body) {
  const auto found = machines_.find(body.arn);
  if (found == machines_.end()) {
    return;
  }
  add_revision(found->second, {body.revision, *body.content, event.time});
  keep(body.request, body.arn, body.revision);
}

void Catalogue::on(const engine::Event& /*event*/, const engine::MachineDeleted& body) {
  const auto found = machines_.find(body.arn);
  if (found != machines_.end() && !found->second.deleting) {
    found->second.deleting = true;
    ++deleting_;
  }
  keep(body.request, body.arn, 0);
}

void Catalogue::on(const engine::Event& event, const engine::ActivityCreated& body) {
  activities_.insert_or_assign(body.arn, Activity{body.arn, body.name, body.settings, event.time});
  keep(body.request, body.arn, 0);
}

void Catalogue::on(const engine::Event& /*event*/, const engine::ActivityDeleted& body) {
  activities_.erase(body.arn);
  keep(body.request, body.arn, 0);
}

void Catalogue::remove_idle() {
  deleting_ -= std::erase_if(
      machines_, [&](const auto& named) { return named.second.deleting && executions_.running(named.first) == 0; });
}

const Machine* Catalogue::machine(std::string_view arn) const {
  const auto found = machines_.find(arn);
  return found == machines_.end() ? nullptr : &found->second;
}

const Activity* Catalogue::activity(std::string_view arn) const {
  const auto found = activities_.find(arn);
  return found == activities_.end() ? nullptr : &found->second;
}

const Catalogue::Answer* Catalogue::answered(const std::string& request) const {
  const auto found = answered_.find(request);
  return request.empty() || found == answered_.end() ? nullptr : &found->second;
}

void Catalogue::keep(const std::string& request, const std::string& arn, std::uint32_t revision) {
  if (!request.empty()) {
    answered_[request] = {arn, revision};
  }
}

}  // namespace lockstep::catalogue
