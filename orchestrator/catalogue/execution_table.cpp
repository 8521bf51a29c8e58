#include "catalogue/execution_table.hpp"

#include <algorithm>

#include "value/random.hpp"

namespace lockstep::catalogue {

namespace {

std::uint64_t hash_of(const Held& held) {
  return name_hash(held.identity->machine().arn, held.identity->name());
}

}  // namespace

std::uint64_t name_hash(std::string_view machine_arn, std::string_view name) {
  return text_hash(name, text_hash("\n", text_hash(machine_arn)));
}

ExecutionEntry to_entry(engine::ExecutionId id, const Held& held) {
  ExecutionEntry entry;
  entry.id = id;
  entry.machine_arn = held.identity->machine().arn;
  entry.name = held.identity->name();
  entry.started = held.started;
  entry.status = held.status;
  if (held.status != engine::Status::running) {
    entry.stopped = held.stopped;
  }
  entry.first = held.first;
  entry.last = held.last;
  entry.revision = held.revision;
  entry.redrive_count = held.redrive_count;
  return entry;
}

Held to_held(const ExecutionEntry& entry) {
  Held held;
  auto machine = std::make_shared<engine::MachineIdentity>();
  machine->arn = entry.machine_arn;
  held.identity = std::make_shared<engine::Identity>(entry.name, std::move(machine));
  held.started = entry.started;
  held.stopped = entry.stopped.value_or(Timestamp());
  held.first = entry.first;
  held.last = entry.last;
  held.revision = entry.revision;
  held.redrive_count = entry.redrive_count;
  held.status = entry.status;
  return held;
}

void ExecutionTable::insert(const Place& place, Held held) {
  take(place.id);
  machines_[place.id] = place.machine;
  names_.emplace(hash_of(held), place.id);
  rows_.emplace(place, std::move(held));
}

std::optional<std::pair<Place, Held>> ExecutionTable::take(engine::ExecutionId id) {
  const auto found = machines_.find(id);
  if (found == machines_.end()) {
    return std::nullopt;
  }
  auto node = rows_.extract({found->second, id});
  const auto [first, last] = names_.equal_range(hash_of(node.mapped()));
  names_.erase(std::find_if(first, last, [&](const auto& named) { return named.second == id; }));
  machines_.erase(found);
  return std::pair(node.key(), std::move(node.mapped()));
}

const ExecutionTable::Rows::value_type* ExecutionTable::find(engine::ExecutionId id) const {
  const auto found = machines_.find(id);
  return found == machines_.end() ? nullptr : &*rows_.find({found->second, id});
}

Held* ExecutionTable::held(engine::ExecutionId id) {
  const auto found = machines_.find(id);
  return found == machines_.end() ? nullptr : &rows_.find({found->second, id})->second;
}

const ExecutionTable::Rows::value_type* ExecutionTable::find(std::string_view machine_arn,
                                                             std::string_view name) const {
  const Rows::value_type* newest = nullptr;
  const auto [first, last] = names_.equal_range(name_hash(machine_arn, name));
  for (auto it = first; it != last; ++it) {
    const auto* row = find(it->second);
    const engine::Identity& identity = *row->second.identity;
    if (identity.name() == name && identity.machine().arn == machine_arn &&
        (newest == nullptr || newest->first.id < row->first.id)) {
      newest = row;
    }
  }
  return newest;
}

}  // namespace lockstep::catalogue
