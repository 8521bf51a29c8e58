// A run's journal on a simulated disk, for tests: write, crash, read back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "journal/checkpoint.hpp"
#include "journal/durable_journal.hpp"
#include "journal/recovery.hpp"
#include "journal/simulated_disk.hpp"

namespace lockstep::journal {

/// The journal's folder on the simulated disk.
inline const std::string kDiskFolder = "run/journal";

/// One disk with the folder made durable.
std::unique_ptr<SimulatedDisk> make_disk(const SimulatedDisk::Flaws& flaws = {});

/// Segments so small that a test fills several; no threads, so that the same calls give the same operations.
JournalOptions small_options(FileLayer& disk);

/// A process that owns the journal: recovered, and writing.
struct TestRun {
  engine::Engine engine{engine::Limits::hpc()};
  Recovered recovered;
  std::unique_ptr<DurableJournal> journal;
  std::unique_ptr<Checkpointer> checkpointer;
};
/// Recovers, and begins a new segment.
Result<std::unique_ptr<TestRun>> start_run(SimulatedDisk& disk, const JournalOptions& options);

/// All Events on the disk, in order from 1.
Result<std::vector<engine::Event>> read_all(const SimulatedDisk& disk);

}  // namespace lockstep::journal
