#include "journal/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "journal/bring_back.hpp"
#include "journal/journal_folder.hpp"

namespace lockstep::journal {

namespace {

/// An owner that did not see what stood there may have begun anew beside it: where a live segment stands, no segment
/// after it, nor its own archive, is an earlier owner's, and none before it a later one's.
Result<void> check_for_one_history(const FileLayer& files, const std::string& folder, const JournalFolder& listed) {
  const auto agree = [&](const std::string& first, const std::string& second, bool is_twin) -> Result<void> {
    const auto before = read_header(files, first);
    const auto after = read_header(files, second);
    // Whoever reads one that is damaged says so.
    if (!before || !after || (is_twin ? before->epoch == after->epoch : before->epoch <= after->epoch)) {
      return {};
    }
    return fail(ErrorKind::io, fmt::format("{} holds two histories: {} (owner {}) and {} (owner {}) do not belong "
                                           "together; move what is wrong elsewhere",
                                           folder, first, before->epoch, second, after->epoch));
  };
  for (auto it = listed.segments.begin(); it != listed.segments.end(); ++it) {
    if (it->second.archived) {
      continue;
    }
    Result<void> one;
    if (const auto twin = listed.twins.find(it->first); twin != listed.twins.end()) {
      one = agree(it->second.path, twin->second, true);
    }
    if (one && it != listed.segments.begin()) {
      one = agree(std::prev(it)->second.path, it->second.path, false);
    }
    if (one && std::next(it) != listed.segments.end()) {
      one = agree(it->second.path, std::next(it)->second.path, false);
    }
    if (!one) {
      return one;
    }
  }
  return {};
}

/// Names may stand in memory only, as the last owner was killed before it had synced them. Segments before the last one
/// were synced before the next began, checkpoints and archives before they got their names.
Result<void> make_durable(FileLayer& files, const std::string& folder, const JournalFolder& listed,
                          const SegmentContents& last) {
  const auto text = listed.texts.find(last.header.number);
  if (last.header.sync == Sync::none && text != listed.texts.end()) {
    const auto file = files.open_to_write(text->second);
    const auto done = file ? (*file)->sync() : tl::unexpected<Error>(file.error());
    if (!done) {
      return done;
    }
  }
  for (const std::string_view part : {kArchiveFolder, kTextFolder, kBlobFolder, kIndexFolder}) {
    const std::string path = fmt::format("{}/{}", folder, part);
    const auto stands = TRY(files.exists(path));
    if (stands) {
      if (const auto done = files.sync_folder(path); !done) {
        return done;
      }
    }
  }
  return files.sync_folder(folder);
}

/// Whether it is known that all of the last segment reached the disk. Of a journal that does not sync nothing is.
bool is_proven(const SegmentContents& last, const std::optional<LoadedCheckpoint>& checkpoint) {
  return last.rows.empty() || last.header.kind == FileKind::archive ||
         (checkpoint && last.header.sync != Sync::none && checkpoint->last_seq >= last.rows.back().seq);
}

/// Executions that were over when the checkpoint was taken have their last Events before it.
Result<void> find_older_endings(FileLayer& files, const std::string& folder, std::vector<engine::ExecutionId>& missing,
                                std::map<engine::ExecutionId, engine::Event>& endings) {
  ReadOptions options;
  options.files = &files;
  options.from = 0;
  auto reader = EventReader::open(folder, options);
  while (reader && !missing.empty()) {
    auto next = TRY(reader->next());
    if (!next) {
      return {};
    }
    engine::Event& event = next->event;
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
      recovered.tasks.push_back({id, execution.identity != nullptr ? execution.identity->name() : "",
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

Result<Recovered> recover(FileLayer& files, const std::string& folder, engine::Engine& engine, Folded* folded) {
  Recovered recovered;
  if (folded != nullptr) {
    folded->start(files, folder);
  }
  auto listed = TRY(list_journal(files, folder));
  for (const std::string& temporary : listed.temporaries) {
    TRY(files.remove(temporary));
  }
  if (listed.segments.empty() && listed.checkpoints.empty()) {
    return recovered;
  }
  recovered.is_new = false;
  TRY(check_for_one_history(files, folder, listed));
  if (!listed.checkpoints.empty()) {
    recovered.checkpoint_number = listed.checkpoints.rbegin()->first;
  }
  auto back = TRY(bring_back(files, folder, engine, folded));
  recovered.warnings = std::move(back.warnings);
  recovered.folded_anew = std::move(back.folded_anew);
  if (back.checkpoint) {
    recovered.checkpoint_seq = back.checkpoint->first_seq;
    recovered.last_epoch = back.checkpoint->epoch;
  }
  recovered.replayed = back.replayed;
  recovered.tail = back.tail;
  recovered.replayed_bytes = recovered.tail.bytes;
  recovered.doubtful = std::move(back.last);
  if (!listed.segments.empty()) {
    const auto header = TRY(read_header(files, listed.segments.rbegin()->second.path));
    recovered.last_epoch = std::max(recovered.last_epoch, header.epoch);
  }
  TRY(make_durable(files, folder, listed, recovered.doubtful));
  if (is_proven(recovered.doubtful, back.checkpoint)) {
    recovered.doubtful = {};
  }
  TRY(take_stock(files, folder, engine, back.endings, recovered));
  return recovered;
}

Result<std::unique_ptr<DurableJournal>> go_on(const std::string& folder, Recovered& recovered, Epoch epoch,
                                              JournalOptions options) {
  JournalStart start;
  start.folder = folder;
  start.epoch = epoch;
  start.first_segment_number = recovered.tail.last_segment + 1;
  start.next_seq = recovered.tail.next_seq;
  start.previous_crc = recovered.tail.previous_crc;
  return DurableJournal::create(start, std::move(options), std::exchange(recovered.doubtful, {}));
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
  const auto stands = files.exists(journal);
  auto made = files.make_folder(journal);  // or looks whose it is
  if (made && stands && !*stands) {
    made = files.sync_folder(folder);
  }
  if (!stands || !made) {
    return fail(ErrorKind::occupied, stands ? made.error().message : stands.error().message);
  }
  Result<std::unique_ptr<Lease>> lease = std::move(held);
  if (*lease == nullptr) {
    lease = Lease::acquire(folder, 0, options.lease);
  }
  if (!lease) {
    return tl::unexpected<Error>(lease.error());
  }
  run.lease = std::move(*lease);
  run.recovered = TRY(recover(files, journal, engine, options.folded));
  if (run.recovered.is_new && run.lease->has_journal()) {
    return fail(ErrorKind::io,
                fmt::format("{} is empty, but {}/lease says that a journal was begun: bring back what is missing, or "
                            "start anew with --fresh",
                            journal, folder));
  }
  if (run.recovered.last_epoch >= run.lease->epoch()) {
    // The lease was lost; the journal knows better.
    const LeaseOptions as_before = run.lease->options();
    run.lease.reset();
    lease = Lease::acquire(folder, run.recovered.last_epoch, as_before);
    if (!lease) {
      return tl::unexpected<Error>(lease.error());
    }
    run.lease = std::move(*lease);
  }
  const auto check_owner = [raw = run.lease.get()] { return raw->check(); };
  options.journal.check_owner = check_owner;
  options.checkpoint.check_owner = check_owner;
  options.checkpoint.now = options.journal.now;
  options.checkpoint.files = options.journal.files;
  options.checkpoint.software = options.journal.origin.software;
  options.checkpoint.folded = options.folded;
  run.journal = TRY(go_on(journal, run.recovered, run.lease->epoch(), options.journal));
  run.lease->set_has_journal();
  run.checkpointer = std::make_unique<Checkpointer>(*run.journal, run.recovered.checkpoint_number,
                                                    run.recovered.replayed_bytes, options.checkpoint);
  return run;
}

}  // namespace lockstep::journal
