#include "journal/test_disk.hpp"

#include <gtest/gtest.h>

#include "journal/event_reader.hpp"

namespace lockstep::journal {

std::unique_ptr<SimulatedDisk> make_disk(const SimulatedDisk::Flaws& flaws) {
  // The folder is there before the flaws begin to matter.
  SimulatedDisk sound;
  EXPECT_TRUE(sound.make_folder("run"));
  EXPECT_TRUE(sound.make_folder(kDiskFolder));
  EXPECT_TRUE(sound.sync_folder("."));
  EXPECT_TRUE(sound.sync_folder("run"));
  std::mt19937_64 random(0);
  auto disk = sound.crash(CrashPolicy::all, random);
  disk->set_flaws(flaws);
  return disk;
}

JournalOptions small_options(FileLayer& disk) {
  JournalOptions options;
  options.first_segment = {8, 2'048};
  options.largest_segment = {16, 4'096};
  options.origin = {"lockstep test", "host", ""};
  options.files = &disk;
  options.threads = false;
  return options;
}

Result<std::unique_ptr<TestRun>> start_run(SimulatedDisk& disk, const JournalOptions& options) {
  auto run = std::make_unique<TestRun>();
  run->recovered = TRY(recover(disk, kDiskFolder, run->engine));
  run->journal = TRY(go_on(kDiskFolder, run->recovered, run->recovered.last_epoch + 1, options));
  CheckpointOptions checkpoint;
  checkpoint.files = &disk;
  checkpoint.threads = false;
  checkpoint.software = "lockstep test";
  run->checkpointer = std::make_unique<Checkpointer>(*run->journal, run->recovered.checkpoint_number,
                                                     run->recovered.replayed_bytes, checkpoint);
  return run;
}

Result<std::vector<engine::Event>> read_all(const SimulatedDisk& disk) {
  ReadOptions options;
  options.files = &disk;
  auto reader = TRY(EventReader::open(kDiskFolder, options));
  std::vector<engine::Event> events;
  while (true) {
    auto next = TRY(reader.next());
    if (!next) {
      return events;
    }
    EXPECT_EQ(next->seq, events.size() + 1);
    events.push_back(std::move(next->event));
  }
}

}  // namespace lockstep::journal
