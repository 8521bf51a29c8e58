#include "mpi_worker/plugin.hpp"

#include <dlfcn.h>

#include <ctime>
#include <mutex>

#include "mpi_worker/lockstep_plugin.h"
#include "mpi_worker/printable.hpp"
#include "value/utf8.hpp"

namespace lockstep::worker {
namespace {

/// Behind lockstep_call::lockstep.
struct Ongoing {
  const PluginHooks& hooks;
  std::mutex mutex;
  PluginAnswer answer;
};

Ongoing& of(const lockstep_call* call) {
  return *static_cast<Ongoing*>(call->lockstep);
}

extern "C" {

static int is_cancelled(const lockstep_call* call) {
  return of(call).hooks.cancelled.load(std::memory_order_relaxed) ? 1 : 0;
}

static void beat(const lockstep_call* call) {
  of(call).hooks.beat();
}

static void log(const lockstep_call* call, const char* text, std::size_t size) {
  of(call).hooks.log({text, size});
}

static void succeed(const lockstep_call* call, const char* json, std::size_t size) {
  Ongoing& ongoing = of(call);
  const std::lock_guard lock(ongoing.mutex);
  ongoing.answer = {};
  ongoing.answer.json.assign(json, size);
}

static void fail_task(const lockstep_call* call, const char* error, const char* cause) {
  Ongoing& ongoing = of(call);
  const std::lock_guard lock(ongoing.mutex);
  ongoing.answer = {};
  ongoing.answer.failed = true;
  ongoing.answer.error = error != nullptr && *error != '\0' ? as_utf8(error) : "States.TaskFailed";
  ongoing.answer.cause = cause != nullptr ? as_utf8(cause) : "";
}
}

std::chrono::nanoseconds thread_time() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::int64_t deadline_of(const Task& task) {
  if (!task.timeout) {
    return 0;
  }
  const auto end = std::chrono::system_clock::now() + *task.timeout;
  return std::chrono::duration_cast<std::chrono::microseconds>(end.time_since_epoch()).count();
}

void check_result(PluginAnswer& answer) {
  if (answer.failed) {
    return;
  }
  if (answer.json.empty()) {
    answer.json = "null";
  }
  JsonProblem problem;
  if (!check_json(answer.json, problem)) {
    answer.failed = true;
    answer.error = "Lockstep.BadOutput";
    answer.cause = fmt::format("the plugin's result is not JSON: line {}, column {}: {}; it begins: {}", problem.line,
                               problem.column, excerpt(problem.message, 400), excerpt(answer.json, 80));
  }
}

}  // namespace

Result<Plugin> Plugin::load(const std::string& path) {
  const auto refuse = [](std::string text) { return lockstep::fail(ErrorKind::invalid, printable(text)); };
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    const std::string text = reason != nullptr ? reason : "no reason is given";
    // The loader mostly names the file itself.
    return refuse(text.find(path) != std::string::npos ? fmt::format("plugin {}", text)
                                                       : fmt::format("plugin {}: {}", path, text));
  }
  const auto version = reinterpret_cast<std::uint32_t (*)()>(dlsym(library, "lockstep_plugin_version"));
  const auto call = reinterpret_cast<Call>(dlsym(library, "lockstep_plugin_call"));
  if (version == nullptr || call == nullptr) {
    return refuse(fmt::format("plugin {}: does not export {}", path,
                              version == nullptr ? "lockstep_plugin_version" : "lockstep_plugin_call"));
  }
  if (const std::uint32_t built = version(); built < 1 || built > LOCKSTEP_PLUGIN_VERSION) {
    return refuse(fmt::format("plugin {}: is built for version {} of lockstep_plugin.h; this Lockstep takes 1 to {}",
                              path, built, LOCKSTEP_PLUGIN_VERSION));
  }
  return Plugin(call);
}

PluginAnswer call_plugin(const Plugin& plugin, const Task& task, const std::string& task_folder,
                         const PluginPlace& place, const PluginHooks& hooks) {
  Ongoing ongoing{hooks, {}, {}};
  const std::string input = task.input.to_text();
  lockstep_call call = {};
  call.version = LOCKSTEP_PLUGIN_VERSION;
  call.attempt = task.attempt;
  call.input = input.c_str();
  call.input_size = input.size();
  call.resource = place.resource.c_str();
  call.run_id = place.run_id.c_str();
  call.run_dir = place.run_folder.c_str();
  call.execution = task.execution_name.c_str();
  call.state = task.state_name.c_str();
  call.task_dir = task_folder.c_str();
  call.task_token = task.task_token.c_str();
  call.host = place.host.c_str();
  call.item_index = task.item_index;
  call.deadline = deadline_of(task);
  call.heartbeat = task.heartbeat ? task.heartbeat->count() : 0;
  call.rank = place.rank;
  call.lockstep = &ongoing;
  call.is_cancelled = is_cancelled;
  call.beat = beat;
  call.log = log;
  call.succeed = succeed;
  call.fail = fail_task;
  const auto before = thread_time();
  try {
    plugin.call(call);
  } catch (const std::exception& exception) {
    fail_task(&call, nullptr, fmt::format("an exception left the plugin: {}", exception.what()).c_str());
  } catch (...) {
    fail_task(&call, nullptr, "an exception left the plugin");
  }
  PluginAnswer answer = std::move(ongoing.answer);
  answer.cpu = std::chrono::duration_cast<std::chrono::microseconds>(thread_time() - before);
  check_result(answer);
  return answer;
}

void conclude_plugin(PluginAnswer answer, std::size_t output_limit, Outcome& outcome) {
  outcome.usage.cpu_us = answer.cpu.count();
  outcome.usage.max_rss_kib = answer.max_rss_kib;
  if (answer.failed) {
    outcome.kind = OutcomeKind::failed;
    outcome.error = std::move(answer.error);
    outcome.cause = std::move(answer.cause);
  } else if (answer.json.size() > output_limit) {
    outcome.kind = OutcomeKind::failed;
    outcome.error = "States.DataLimitExceeded";
    outcome.cause = fmt::format("the plugin's result is larger than {} bytes", output_limit);
  } else {
    outcome.kind = OutcomeKind::succeeded;
    answer.json.erase(answer.json.find_last_not_of(" \t\r\n") + 1);
    answer.json.erase(0, answer.json.find_first_not_of(" \t\r\n"));
    outcome.result = Value::from_checked_text(std::move(answer.json));
  }
}

}  // namespace lockstep::worker
