#include "catalogue/execution_index.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep::catalogue {

namespace {

// Ids from here on are computed, for a Map Run's children; those have no entry.
constexpr std::uint64_t kFirstChild = std::uint64_t{1} << 63;

}  // namespace

void ExecutionIndex::start(journal::FileLayer& files, const std::string& folder) {
  *this = ExecutionIndex(largest_file_);
  layer_ = &files;
  folder_ = folder;
}

void ExecutionIndex::apply(const engine::Event& event, SequenceNumber seq) {
  using engine::Status;
  if (const auto* started = std::get_if<engine::ExecutionStarted>(&event.body)) {
    start(event, *started, seq);
  } else if (const auto* redriven = std::get_if<engine::ExecutionRedriven>(&event.body)) {
    redrive(event, *redriven, seq);
  } else if (std::holds_alternative<engine::ExecutionSucceeded>(event.body)) {
    end(event, Status::succeeded, seq);
  } else if (std::holds_alternative<engine::ExecutionFailed>(event.body)) {
    end(event, Status::failed, seq);
  } else if (std::holds_alternative<engine::ExecutionTimedOut>(event.body)) {
    end(event, Status::timed_out, seq);
  } else if (std::holds_alternative<engine::ExecutionAborted>(event.body)) {
    end(event, Status::aborted, seq);
  }
}

void ExecutionIndex::start(const engine::Event& event, const engine::ExecutionStarted& body, SequenceNumber seq) {
  const auto number = static_cast<std::uint64_t>(event.execution);
  if (number >= kFirstChild) {
    return;
  }
  next_ = std::max(next_, number + 1);
  drop(event.execution);  // it is there where what a checkpoint holds already is applied again
  if (body.origin.type != engine::ExecutionType::standard) {
    run_express(event.execution, body.identity->machine().arn);
    return;
  }
  Held held;
  held.identity = body.identity;
  held.started = event.time;
  held.first = seq;
  held.revision = body.origin.revision;
  run({number_of(body.identity->machine().arn), event.execution}, std::move(held));
}

void ExecutionIndex::run(const Place& place, Held held) {
  ++machines_[place.machine].running;
  running_.insert(place, std::move(held));
}

void ExecutionIndex::run_express(engine::ExecutionId id, const std::string& machine_arn) {
  const MachineNumber machine = number_of(machine_arn);
  express_[id] = machine;
  ++machines_[machine].running;
}

/// Forgets what is in memory of an execution.
void ExecutionIndex::drop(engine::ExecutionId id) {
  if (const auto express = express_.find(id); express != express_.end()) {
    --machines_[express->second].running;
    express_.erase(express);
  }
  if (const auto row = running_.take(id)) {
    --machines_[row->first.machine].running;
  }
  ended_.take(id);
}

void ExecutionIndex::end(const engine::Event& event, engine::Status status, SequenceNumber seq) {
  if (const auto express = express_.find(event.execution); express != express_.end()) {
    --machines_[express->second].running;
    express_.erase(express);
    return;
  }
  auto row = running_.take(event.execution);
  if (row) {
    --machines_[row->first.machine].running;
  } else if (row = ended_.take(event.execution); !row) {
    return;
  }
  row->second.status = status;
  row->second.stopped = event.time;
  row->second.last = seq;
  ended_.insert(row->first, std::move(row->second));
}

void ExecutionIndex::redrive(const engine::Event& event, const engine::ExecutionRedriven& body, SequenceNumber seq) {
  const engine::ExecutionId id = event.execution;
  Held* held = running_.held(id);  // where it is applied again
  if (held == nullptr) {
    if (auto row = ended_.take(id)) {
      run(row->first, std::move(row->second));
    } else if (const auto* flushed = flushing_ == nullptr ? nullptr : flushing_->find(id); flushed != nullptr) {
      run(flushed->first, flushed->second);
    } else {
      const auto entry = find(id);
      if (!entry) {
        problem_ = Error{ErrorKind::io, entry.error().message};
      }
      if (!entry || !*entry) {
        return;
      }
      run({number_of((*entry)->machine_arn), id}, to_held(**entry));
    }
    held = running_.held(id);
  }
  held->status = engine::Status::running;
  held->stopped = {};
  held->last = 0;
  held->redrive_count = body.count;
  held->revision = body.machine != nullptr ? body.revision : held->revision;
  redriven_[id] = seq;
}

MachineNumber ExecutionIndex::number_of(const std::string& arn) {
  const auto [at, is_new] = numbers_.try_emplace(arn, static_cast<MachineNumber>(machines_.size()));
  if (is_new) {
    machines_.push_back({arn});
  }
  return at->second;
}

std::size_t ExecutionIndex::running(std::string_view machine_arn) const {
  const auto machine = numbers_.find(machine_arn);
  return machine == numbers_.end() ? 0 : machines_[machine->second].running;
}

/// Whether an entry that ends with `last` says how it was before a redrive.
bool ExecutionIndex::is_stale(engine::ExecutionId id, SequenceNumber last) const {
  const auto redriven = redriven_.find(id);
  return redriven != redriven_.end() && last < redriven->second;
}

const ExecutionTable::Rows::value_type* ExecutionIndex::find_held(engine::ExecutionId id) const {
  for (const ExecutionTable* table : {&running_, &ended_, flushing_.get()}) {
    if (const auto* row = table == nullptr ? nullptr : table->find(id)) {
      return row;
    }
  }
  return nullptr;
}

Decision<std::optional<ExecutionEntry>> ExecutionIndex::find(engine::ExecutionId id) const {
  if (const auto* row = find_held(id)) {
    return to_entry(id, row->second);
  }
  for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
    const auto row = (*file)->find(id);
    if (!row) {
      return refuse(row.error());
    }
    if (*row && !is_stale(id, (*row)->last)) {
      auto entry = (*file)->entry(**row);
      return entry ? Decision<std::optional<ExecutionEntry>>(std::move(*entry)) : refuse(entry.error());
    }
  }
  return std::nullopt;
}

Decision<std::optional<ExecutionEntry>> ExecutionIndex::find(std::string_view machine_arn,
                                                             std::string_view name) const {
  for (const ExecutionTable* table : {&running_, &ended_, flushing_.get()}) {
    if (const auto* row = table == nullptr ? nullptr : table->find(machine_arn, name)) {
      return to_entry(row->first.id, row->second);
    }
  }
  for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
    const auto rows = (*file)->find(machine_arn, name);
    if (!rows) {
      return refuse(rows.error());
    }
    const auto newest = std::max_element(
        rows->begin(), rows->end(), [](const IndexRow& a, const IndexRow& b) { return a.execution < b.execution; });
    if (newest != rows->end() && !is_stale(engine::ExecutionId{newest->execution}, newest->last)) {
      auto entry = (*file)->entry(*newest);
      return entry ? Decision<std::optional<ExecutionEntry>>(std::move(*entry)) : refuse(entry.error());
    }
  }
  return std::nullopt;
}

Decision<std::optional<ExecutionEntry>> ExecutionIndex::find_named(std::string_view name) const {
  std::optional<ExecutionEntry> newest;
  for (const std::string& machine : machines()) {
    auto found = find(machine, name);
    if (!found) {
      return found;
    }
    if (*found && (!newest || (*found)->id > newest->id)) {
      newest = std::move(*found);
    }
  }
  return newest;
}

std::set<std::string, std::less<>> ExecutionIndex::machines() const {
  std::set<std::string, std::less<>> arns;
  for (const OfMachine& machine : machines_) {
    arns.insert(machine.arn);
  }
  for (const auto& file : files_) {
    for (const IndexFile::Group& group : file->groups()) {
      arns.insert(file->machine(group));
    }
  }
  return arns;
}

Decision<std::map<engine::Status, std::uint64_t>> ExecutionIndex::counts() const {
  std::map<engine::Status, std::uint64_t> counts;
  for (const ExecutionTable* table : {&running_, &ended_, flushing_.get()}) {
    if (table == nullptr) {
      continue;
    }
    for (const auto& [place, held] : table->rows()) {
      const bool is_over = held.status != engine::Status::running;
      counts[held.status] += is_over && is_stale(place.id, held.last) ? 0 : 1;
    }
  }
  for (const auto& file : files_) {
    for (const IndexFile::Group& group : file->groups()) {
      counts[static_cast<engine::Status>(group.status)] += group.count;
    }
    for (const auto& [id, seq] : redriven_) {
      const auto row = file->find(id);
      if (!row) {
        return refuse(row.error());
      }
      if (*row && is_stale(id, (*row)->last)) {
        --counts[static_cast<engine::Status>((*row)->status)];
      }
    }
  }
  std::erase_if(counts, [](const auto& count) { return count.second == 0; });
  return counts;
}

}  // namespace lockstep::catalogue
