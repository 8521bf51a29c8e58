// What stands in checkpoints of a catalogue: records, each with its kind in front. FORMAT.md, "Checkpoints".
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "catalogue/execution_entry.hpp"
#include "catalogue/machine.hpp"
#include "journal/codec.hpp"
#include "value/members.hpp"

namespace lockstep::catalogue {

/// A record's kind is for ever; a new one takes the next number.
enum class Record : std::uint32_t {
  machine = 1,
  revision = 2,
  activity = 3,
  answer = 4,
  execution = 5,
  express = 6,
  index = 7
};

struct MachineRecord {
  std::string arn;
  std::string name;
  asl::ExecutionType type = asl::ExecutionType::standard;
  Timestamp created;
  bool deleting = false;
};
/// Of the machine whose record came last.
struct RevisionRecord {
  std::uint32_t number = 1;
  engine::MachineContent content;
  Timestamp created;
};
struct AnswerRecord {
  std::string request;
  std::string arn;
  std::uint32_t revision = 0;
};
/// An EXPRESS execution that runs.
struct ExpressRecord {
  engine::ExecutionId id{};
  std::string machine_arn;
};
struct IndexRecord {
  std::uint64_t next = 1;
  std::uint64_t next_file = 1;
  std::vector<std::uint64_t> files;
  std::vector<std::uint64_t> files_before;  ///< that the checkpoint before names
  std::vector<std::uint64_t> redriven;      ///< executions
  std::vector<std::uint64_t> redriven_at;   ///< the Events by which these were, likewise
};

// All fields, in the order in which they are written. A new one goes to the end.
inline auto fields(MachineRecord& it) {
  return tied<5>(it);
}
inline auto fields(RevisionRecord& it) {
  auto& [number, content, created] = it;
  auto& [role_arn, definition, jobs, jobs_folder, settings] = content;
  return std::tie(number, definition, jobs, jobs_folder, role_arn, settings, created);
}
inline auto fields(Activity& it) {
  return tied<4>(it);
}
inline auto fields(AnswerRecord& it) {
  return tied<3>(it);
}
inline auto fields(ExecutionEntry& it) {
  auto& [id, machine_arn, name, started, stopped, status, first, last, revision, redrive_count] = it;
  return std::tie(id, machine_arn, name, started, stopped, status, first, last, revision, redrive_count);
}
inline auto fields(ExpressRecord& it) {
  return tied<2>(it);
}
inline auto fields(IndexRecord& it) {
  return tied<6>(it);
}

template <class T>
void write_record(journal::Sink& sink, Record kind, T record) {
  sink.put(kind);
  sink.put_all(fields(record));
}

template <class T>
T read_record(journal::Source& source) {
  T record;
  source.get_all(fields(record));
  return record;
}

}  // namespace lockstep::catalogue
