// A plugin's library, and one call of it (lockstep_plugin.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "mpi_worker/task.hpp"
#include "value/error.hpp"

struct lockstep_call;

namespace lockstep::worker {

/// The functions of a library. It stays loaded as long as the process lives: a call may outlast whoever made it.
class Plugin {
 public:
  /// Loads the library, which runs its constructors. The error (invalid) says what is wrong with it, path included.
  static Result<Plugin> load(const std::string& path);
  void call(const lockstep_call& one) const { call_(&one); }

 private:
  using Call = void (*)(const lockstep_call*);
  explicit Plugin(Call function) : call_(function) {}
  Call call_;
};

/// What a call is told beyond its task.
struct PluginPlace {
  std::string resource;
  std::string run_id;
  std::string run_folder;
  std::string host;
  std::uint32_t rank = 0;
};

/// How a call reaches those who wait for it. Called from any thread.
struct PluginHooks {
  const std::atomic<bool>& cancelled;
  std::function<void()> beat;
  std::function<void(std::string_view)> log;
};

/// What came of a call. The result is checked.
struct PluginAnswer {
  bool failed = false;
  std::string json;  ///< of a success
  std::string error, cause;
  std::chrono::microseconds cpu{0};  ///< of the calling thread
  std::int64_t max_rss_kib = 0;      ///< 0: not known
};

/// Calls the plugin on this thread. `task_folder` may be empty. An exception that leaves the plugin fails the task.
PluginAnswer call_plugin(const Plugin& plugin, const Task& task, const std::string& task_folder,
                         const PluginPlace& place, const PluginHooks& hooks);

/// Fills kind, result, error, cause and what was used.
void conclude_plugin(PluginAnswer answer, std::size_t output_limit, Outcome& outcome);

}  // namespace lockstep::worker
