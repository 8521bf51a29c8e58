// Keeps RUN/state.json up to date (report/run_state.hpp) while this process owns the run: on a thread of its own, so
// that a slow disk holds up nobody.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "fleet/fleet.hpp"
#include "report/run_state.hpp"

namespace lockstep::cli {

class StateWriter {
 public:
  /// `before`: what the last owner has said. `end`: of the allocation.
  StateWriter(std::string run_folder, journal::Epoch epoch, const std::optional<report::RunState>& before,
              std::optional<Timestamp> end);
  ~StateWriter();

  /// Takes over what is worth knowing; the file follows. One thread. Cheap.
  void take(const fleet::Workload& workload);
  /// The last word. Idempotent.
  void stop();

 private:
  void run();

  const std::string run_folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  report::RunState state_;  // the next one to be written
  bool is_new_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace lockstep::cli
