#include "mpi_worker/builtin.hpp"

#include <ctime>

namespace lockstep::worker {
namespace {

/// {"Error", "Cause"}: both may be left out.
void run_fail(const Value& input, Outcome& outcome) {
  outcome.kind = OutcomeKind::failed;
  outcome.error = "States.TaskFailed";
  if (!input.node().is_object()) {
    return;
  }
  if (const Node* error = input.node().find("Error"); error != nullptr && error->is_string()) {
    outcome.error = error->as_string();
  }
  if (const Node* cause = input.node().find("Cause"); cause != nullptr && cause->is_string()) {
    outcome.cause = cause->as_string();
  }
}

}  // namespace

Timestamp now() {
  timespec time = {};
  clock_gettime(CLOCK_REALTIME, &time);
  return {time.tv_sec * kMicrosPerSecond + time.tv_nsec / 1000};
}

bool run_at_once(const work::Job& job, const Task& task, Outcome& outcome) {
  if (job.kind != work::JobKind::builtin || job.builtin == work::Builtin::sleep) {
    return false;
  }
  outcome.id = task.id;
  outcome.kind = OutcomeKind::succeeded;
  outcome.started = now();
  outcome.ended = outcome.started;
  switch (job.builtin) {
    case work::Builtin::echo:
      outcome.result = task.input;
      break;
    case work::Builtin::fail:
      run_fail(task.input, outcome);
      break;
    case work::Builtin::noop:
    case work::Builtin::sleep:
      break;
  }
  return true;
}

tl::expected<std::chrono::microseconds, std::string> sleep_duration(const Value& input) {
  const Node* seconds = input.node().is_object() ? input.node().find("seconds") : &input.node();
  if (seconds == nullptr || !seconds->is_number() || !(seconds->as_double() >= 0)) {
    return tl::unexpected(std::string("sleep needs a number of seconds from 0, or {\"seconds\": number}"));
  }
  constexpr double kLongest = 100.0 * 365 * 86400;
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(seconds->as_double(), kLongest) * 1e6));
}

}  // namespace lockstep::worker
