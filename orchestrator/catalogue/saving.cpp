// How the catalogue gets into checkpoints and back.
#include "catalogue/catalogue.hpp"
#include "catalogue/record.hpp"

namespace lockstep::catalogue {

void Catalogue::start(journal::FileLayer& files, const std::string& folder) {
  machines_.clear();
  deleting_ = 0;
  activities_.clear();
  answered_.clear();
  executions_.start(files, folder);
}

void Catalogue::begin_save(Timestamp expired) {
  saved_machine_.clear();
  saved_small_things_ = false;
  executions_.begin_save(expired);
}

bool Catalogue::save(journal::Sink& sink) {
  if (const auto next = machines_.upper_bound(saved_machine_); next != machines_.end()) {
    const Machine& machine = next->second;
    write_record(sink, Record::machine,
                 MachineRecord{machine.arn, machine.name, machine.type, machine.created, machine.deleting});
    for (const Revision& one : machine.revisions) {
      write_record(
          sink, Record::revision,
          RevisionRecord{
              one.number, {one.role_arn, *one.definition, *one.jobs, one.jobs_folder, one.settings}, one.created});
    }
    saved_machine_ = machine.arn;
    return true;
  }
  if (!saved_small_things_) {
    for (const auto& [arn, activity] : activities_) {
      write_record(sink, Record::activity, activity);
    }
    for (const auto& [request, answer] : answered_) {
      write_record(sink, Record::answer, AnswerRecord{request, answer.arn, answer.revision});
    }
    saved_small_things_ = true;
    return true;
  }
  return executions_.save(sink);
}

void Catalogue::load(journal::Source& source, const engine::Engine& engine) {
  Record kind{};
  source.get(kind);
  switch (kind) {
    case Record::machine: {
      const auto record = read_record<MachineRecord>(source);
      machines_[record.arn] = {record.arn, record.name, record.type, record.created, record.deleting, {}};
      deleting_ += record.deleting ? 1 : 0;
      saved_machine_ = record.arn;
      break;
    }
    case Record::revision: {
      auto record = read_record<RevisionRecord>(source);
      add_revision(machines_[saved_machine_], std::move(record));
      break;
    }
    case Record::activity: {
      auto activity = read_record<Activity>(source);
      std::string arn = activity.arn;
      activities_.insert_or_assign(std::move(arn), std::move(activity));
      break;
    }
    case Record::answer: {
      const auto record = read_record<AnswerRecord>(source);
      answered_[record.request] = {record.arn, record.revision};
      break;
    }
    default:
      if (!executions_.load(kind, source, engine)) {
        source.refuse("the catalogue has a record of a kind that this version does not know");
      }
  }
}

}  // namespace lockstep::catalogue
