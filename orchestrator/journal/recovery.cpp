#include "journal/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "journal/journal_folder.hpp"

namespace lockstep::journal {

namespace {

/// The newest checkpoint that is good, in the engine; nothing if there is none.
std::optional<LoadedCheckpoint> load_newest(FileLayer& files, const std::string& folder, const JournalFolder& listed,
                                            engine::Engine& engine, std::vector<std::string>& warnings) {
  for (auto it = listed.checkpoints.rbegin(); it != listed.checkpoints.rend(); ++it) {
    auto loaded = load_checkpoint(files, folder, it->second, engine);
    if (loaded) {
      return std::move(*loaded);
    }
    warnings.push_back(loaded.error().message + "; going on from what is older");
  }
  return std::nullopt;
}

/// After kill -9 what was read may stand in memory only. Nothing may be built on it before it is durable.
Result<void> make_durable(FileLayer& files, const std::string& folder, const JournalFolder& listed) {
  for (const auto& [number, place] : listed.segments) {
    if (place.archived) {
      continue;
    }
    const auto file = files.open_to_write(place.path);
    if (!file) {
      return tl::unexpected<Error>(file.error());
    }
    if (const auto done = (*file)->sync(); !done) {
      return done;
    }
  }
  for (const std::string_view part : {kArchiveFolder, kBlobFolder}) {
    const std::string path = fmt::format("{}/{}", folder, part);
    if (files.exists(path)) {
      if (const auto done = files.sync_folder(path); !done) {
        return done;
      }
    }
  }
  return files.sync_folder(folder);
}

/// Applies what is not in the checkpoint. `endings`: the last Events of executions that ended in what was read.
Result<void> replay(FileLayer& files, const std::string& folder, const std::optional<LoadedCheckpoint>& checkpoint,
                    engine::Engine& engine, Recovered& recovered,
                    std::map<engine::ExecutionId, engine::Event>& endings) {
  ReadOptions options;
  options.files = &files;
  options.from = checkpoint ? checkpoint->first_seq + 1 : 1;
  auto reader = EventReader::open(folder, options);
  if (!reader) {
    return tl::unexpected<Error>(reader.error());
  }
  while (true) {
    auto next = reader->next();
    if (!next) {
      return tl::unexpected<Error>(next.error());
    }
    if (!*next) {
      break;
    }
    const engine::Event& event = (*next)->event;
    ++recovered.replayed;
    if (is_ending(event.body)) {
      endings.insert_or_assign(event.execution, event);
    }
    if (checkpoint) {
      const auto as_of = checkpoint->as_of.find(event.execution);
      if (as_of != checkpoint->as_of.end() && (*next)->seq <= as_of->second) {
        continue;  // folded in: applying it twice would corrupt the execution
      }
    }
    engine.apply(event);
  }
  recovered.tail = reader->tail();
  recovered.replayed_bytes = recovered.tail.bytes;
  const SequenceNumber last = recovered.tail.next_seq - 1;
  if (checkpoint && last < checkpoint->last_seq) {
    return fail(ErrorKind::io, fmt::format("{} has a hole: it ends with event {}, and the checkpoint holds event {}",
                                           folder, last, checkpoint->last_seq));
  }
  return {};
}

/// Executions that were over when the checkpoint was taken have their last Events before it.
Result<void> find_older_endings(FileLayer& files, const std::string& folder, std::vector<engine::ExecutionId>& missing,
                                std::map<engine::ExecutionId, engine::Event>& endings) {
  ReadOptions options;
  options.files = &files;
  options.from = 0;
  auto reader = EventReader::open(folder, options);
  while (reader && !missing.empty()) {
    auto next = reader->next();
    if (!next) {
      return tl::unexpected<Error>(next.error());
    }
    if (!*next) {
      return {};
    }
    engine::Event& event = (*next)->event;
    if (is_ending(event.body) && std::erase(missing, event.execution) != 0) {
      const engine::ExecutionId id = event.execution;
      endings.insert_or_assign(id, std::move(event));
    }
  }
  return reader ? Result<void>() : tl::unexpected<Error>(reader.error());
}

Result<void> take_stock(FileLayer& files, const std::string& folder, const engine::Engine& engine,
                        std::map<engine::ExecutionId, engine::Event>& endings, Recovered& recovered) {
  std::vector<engine::ExecutionId> ended;
  std::vector<engine::ExecutionId> missing;
  for (const engine::ExecutionId id : engine::Snapshot::executions(engine)) {
    const engine::Execution& execution = *engine.find(id);
    if (execution.status != engine::Status::running) {
      ended.push_back(id);
      if (!endings.contains(id)) {
        missing.push_back(id);
      }
      continue;
    }
    recovered.running.push_back(id);
    for (const engine::OpenTask& task : engine::open_tasks(execution)) {
      recovered.tasks.push_back({id, execution.identity != nullptr ? execution.identity->name : "",
                                 execution.machine->state(task.state).name, task});
    }
  }
  if (!missing.empty()) {
    if (const auto done = find_older_endings(files, folder, missing, endings); !done) {
      return done;
    }
  }
  for (const engine::ExecutionId id : ended) {
    if (const auto found = endings.find(id); found != endings.end()) {
      recovered.endings.push_back(std::move(found->second));
    }
  }
  return {};
}

}  // namespace

std::string journal_folder(const std::string& run_folder) {
  return fmt::format("{}/{}", run_folder, kJournalFolder);
}

Result<Recovered> recover(FileLayer& files, const std::string& folder, engine::Engine& engine) {
  Recovered recovered;
  auto listed = list_journal(files, folder);
  if (!listed) {
    return tl::unexpected<Error>(listed.error());
  }
  for (const std::string& temporary : listed->temporaries) {
    if (const auto done = files.remove(temporary); !done) {
      return tl::unexpected<Error>(done.error());
    }
  }
  if (listed->segments.empty() && listed->checkpoints.empty()) {
    return recovered;
  }
  recovered.is_new = false;
  if (!listed->checkpoints.empty()) {
    recovered.checkpoint_number = listed->checkpoints.rbegin()->first;
  }
  const auto checkpoint = load_newest(files, folder, *listed, engine, recovered.warnings);
  if (checkpoint) {
    recovered.checkpoint_seq = checkpoint->first_seq;
    recovered.last_epoch = checkpoint->epoch;
  }
  if (!listed->segments.empty()) {
    const auto header = read_header(files, listed->segments.rbegin()->second.path);
    if (!header) {
      return tl::unexpected<Error>(header.error());
    }
    recovered.last_epoch = std::max(recovered.last_epoch, header->epoch);
  }
  std::map<engine::ExecutionId, engine::Event> endings;
  if (const auto done = replay(files, folder, checkpoint, engine, recovered, endings); !done) {
    return tl::unexpected<Error>(done.error());
  }
  if (const auto done = make_durable(files, folder, *listed); !done) {
    return tl::unexpected<Error>(done.error());
  }
  if (const auto done = take_stock(files, folder, engine, endings, recovered); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return recovered;
}

OpenRun::~OpenRun() {
  checkpointer.reset();
  journal.reset();
  lease.reset();
}

Result<OpenRun> open_run(const std::string& folder, engine::Engine& engine, OpenOptions options,
                         std::unique_ptr<Lease> held) {
  OpenRun run;
  FileLayer& files = *options.journal.files;
  const std::string journal = journal_folder(folder);
  if (!files.exists(journal)) {
    auto made = files.make_folder(journal);
    if (made) {
      made = files.sync_folder(folder);
    }
    if (!made) {
      return fail(ErrorKind::occupied, made.error().message);
    }
  }
  Result<std::unique_ptr<Lease>> lease = std::move(held);
  if (*lease == nullptr) {
    lease = Lease::acquire(folder, 0, options.lease);
  }
  if (!lease) {
    return tl::unexpected<Error>(lease.error());
  }
  run.lease = std::move(*lease);
  auto recovered = recover(files, journal, engine);
  if (!recovered) {
    return tl::unexpected<Error>(recovered.error());
  }
  run.recovered = std::move(*recovered);
  if (run.recovered.last_epoch >= run.lease->epoch()) {
    // The lease was lost; the journal knows better.
    run.lease.reset();
    lease = Lease::acquire(folder, run.recovered.last_epoch, options.lease);
    if (!lease) {
      return tl::unexpected<Error>(lease.error());
    }
    run.lease = std::move(*lease);
  }
  const auto check_owner = [raw = run.lease.get()] { return raw->check(); };
  JournalStart start;
  start.folder = journal;
  start.epoch = run.lease->epoch();
  start.first_segment_number = run.recovered.tail.last_segment + 1;
  start.next_seq = run.recovered.tail.next_seq;
  start.previous_crc = run.recovered.tail.previous_crc;
  options.journal.check_owner = check_owner;
  options.checkpoint.check_owner = check_owner;
  options.checkpoint.now = options.journal.now;
  options.checkpoint.files = options.journal.files;
  options.checkpoint.software = options.journal.origin.software;
  auto created = DurableJournal::create(start, options.journal);
  if (!created) {
    return tl::unexpected<Error>(created.error());
  }
  run.journal = std::move(*created);
  run.checkpointer = std::make_unique<Checkpointer>(*run.journal, run.recovered.checkpoint_number,
                                                    run.recovered.replayed_bytes, options.checkpoint);
  return run;
}

}  // namespace lockstep::journal
