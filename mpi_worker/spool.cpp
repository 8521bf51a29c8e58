#include "mpi_worker/spool.hpp"

#include <algorithm>
#include <system_error>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/scarcity.hpp"
#include "mpi_worker/spool_record.hpp"

namespace lockstep::worker {
namespace {

/// Small, and they stay so: what is settled goes with the segment that holds it.
constexpr journal::SegmentSize kSegment{2048, 128U << 10U};

/// Half of what a worker is given ahead (fleet/prefetch.hpp).
constexpr std::chrono::milliseconds kTick{10};

}  // namespace

std::unique_ptr<Spool> Spool::open(const RunSettings& settings, std::uint32_t rank, Notify notify, Machine& machine) {
  if (!settings.spool || settings.run_folder.empty()) {
    return nullptr;
  }
  return std::make_unique<Spool>(settings.run_folder, settings.epoch, rank, settings.sync, std::move(notify),
                                 machine.files(), machine.has_threads());
}

Spool::Spool(std::string run_folder, journal::Epoch epoch, std::uint32_t rank, journal::Sync sync, Notify notify,
             journal::FileLayer& files, bool threads)
    : run_folder_(std::move(run_folder)),
      folder_(spools_folder(run_folder_) + "/" + spool_name(rank, epoch)),
      epoch_(epoch),
      sync_(sync),
      notify_(std::move(notify)),
      files_(files),
      threads_(threads) {}

Spool::~Spool() = default;

Result<void> Spool::create() {
  const std::string spools = spools_folder(run_folder_);
  Result<void> done = files_.make_folder(spools);
  if (done) {
    done = files_.make_folder(folder_);
  }
  for (const std::string& parent : {run_folder_, spools}) {
    if (done && sync_ != journal::Sync::none) {
      done = files_.sync_folder(parent);
    }
  }
  if (!done) {
    return done;
  }
  journal::JournalOptions options;
  // Every record is committed at its commit(), which with Sync::every is no less: nothing is said of it before.
  options.sync = sync_ == journal::Sync::none ? journal::Sync::none : journal::Sync::group;
  options.on_durable = notify_;
  options.tick = kTick;
  options.first_segment = kSegment;
  options.largest_segment = kSegment;
  options.files = &files_;
  options.threads = threads_;
  options.now = [] { return worker::now().us; };
  journal::JournalStart start;
  start.folder = folder_;
  start.epoch = epoch_;
  try {
    journal_ = TRY(journal::DurableJournal::create(start, std::move(options)));
  } catch (const std::system_error& error) {
    return fail(ErrorKind::io, fmt::format("cannot start a thread: {}", explain_scarcity(error.code().value())));
  }
  segment_ = journal_->current_segment();
  return {};
}

void Spool::append(SpoolKind kind, const Outcome& outcome) {
  if (!journal_ && !failure_) {
    if (auto made = create(); !made) {
      failure_ = made.error();
    }
  }
  ++records_;
  if (!journal_) {
    return;
  }
  journal_->append([&](journal::Row& row, journal::Sink& sink) { encode_record(kind, outcome, row, sink); });
  note_sealed();
}

void Spool::started(const DispatchId& id, Timestamp time) {
  append(SpoolKind::begun, {.id = id, .started = time});
  // It is in the segment that is being filled, which may be a few ahead of the one that is being written.
  open_[id] = Open{segment_, UINT64_MAX};
}

void Spool::not_begun(const DispatchId& id, Timestamp time) {
  if (open_.erase(id) > 0) {
    append(SpoolKind::withdrawn, {.id = id, .ended = time});
  }
}

void Spool::over(const DispatchId& id) {
  ++outcomes_;
  open_.erase(id);
}

void Spool::ended(const Outcome& outcome, bool kept) {
  if (outcome.kind == OutcomeKind::interrupted && !outcome.begun) {
    not_begun(outcome.id, outcome.ended);
  }
  over(outcome.id);
  if (kept && work::is_outcome(outcome.kind)) {
    append(SpoolKind::ended, outcome);
  }
}

Result<void> Spool::commit() {
  if (failure_) {
    return tl::unexpected<Error>(*failure_);
  }
  if (!journal_) {
    return {};
  }
  Result<void> done = journal_->sync();
  note_sealed();
  if (done) {
    for (auto& [id, open] : open_) {
      open.last = std::min(open.last, segment_);
    }
  }
  return done;
}

std::uint64_t Spool::durable() {
  return journal_ ? journal_->durable() : 0;
}

std::uint64_t Spool::durable_now() const {
  return journal_ ? journal_->durable_now() : 0;
}

std::optional<Error> Spool::failure() const {
  return failure_ ? failure_ : journal_ ? journal_->failure() : std::nullopt;
}

/// Segments before the one that is written to are complete. What was recorded by now bounds what they hold.
void Spool::note_sealed() {
  const std::uint64_t current = journal_->current_segment();
  for (; segment_ < current; ++segment_) {
    sealed_.push_back({segment_, outcomes_});
  }
}

void Spool::acknowledged(std::uint64_t outcomes) {
  acknowledged_ = std::max(acknowledged_, std::min(outcomes, outcomes_));
  if (journal_) {
    note_sealed();
    remove_settled();
  }
}

void Spool::remove_settled() {
  const auto is_needed = [&](std::uint64_t segment) {
    return std::any_of(open_.begin(), open_.end(), [&](const auto& entry) {
      return entry.second.first <= segment && segment <= entry.second.last;
    });
  };
  std::erase_if(sealed_, [&](const Sealed& one) {
    if (one.outcomes > acknowledged_ || is_needed(one.segment)) {
      return false;
    }
    // One that cannot be deleted only takes up room.
    if (files_.remove(folder_ + "/" + journal::segment_name(one.segment))) {
      static_cast<void>(files_.remove(journal::text_path(folder_, one.segment)));
    }
    return true;
  });
}

}  // namespace lockstep::worker
