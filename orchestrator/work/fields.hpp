// What travels of a task and lasts of an outcome: the fields of each, in the order in which they are written. One list
// serves the wire and the spool, both ways. A field that is not named here does not compile.
#pragma once

#include <concepts>
#include <tuple>
#include <type_traits>

#include "value/members.hpp"
#include "work/job.hpp"
#include "work/outcome.hpp"
#include "work/task.hpp"

namespace lockstep::work {

/// T, or T that is not to be changed.
template <class T, class Of>
concept Fielded = std::same_as<std::remove_const_t<T>, Of>;

template <Fielded<DispatchId> T>
auto fields(T& id) {
  return tied<4>(id);
}

template <Fielded<BegunTask> T>
auto fields(T& begun) {
  auto& [id, started, rank] = begun;
  return std::tuple_cat(fields(id), std::tie(started, rank));
}

template <Fielded<Task> T>
auto fields(T& task) {
  auto& [id, job, input, timeout, heartbeat, execution_name, state_name, item_index, attempt, token, environment,
         cut_off, spooled, refused] = task;
  static_cast<void>(refused);  // it does not travel
  return std::tuple_cat(fields(id), std::tie(job, timeout, heartbeat, item_index, attempt, cut_off, spooled,
                                             execution_name, state_name, token, environment, input));
}

template <Fielded<Outcome> T>
auto fields(T& outcome) {
  auto& [id, kind, result, error, cause, started, ended, usage, begun, unbegun] = outcome;
  auto& [cpu_us, max_rss_kib, rank] = usage;
  static_cast<void>(unbegun);  // likewise
  return std::tuple_cat(fields(id),
                        std::tie(kind, started, ended, cpu_us, max_rss_kib, rank, begun, error, cause, result));
}

template <Fielded<Job> T>
auto fields(T& job) {
  auto& [resource, kind, argv, shell, environment, modules, container, image, options, builtin, stdout_mode, cwd,
         directory, interrupted, priority, folder] = job;
  return std::tie(resource, kind, argv, shell, environment, modules, container, image, options, builtin, stdout_mode,
                  cwd, directory, interrupted, priority, folder);
}

/// The greatest word of an enum whose words are all known; of an id, the greatest number.
template <class E>
inline constexpr E kLast = static_cast<E>(~std::underlying_type_t<E>{0});
template <>
inline constexpr OutcomeKind kLast<OutcomeKind> = OutcomeKind::interrupted;
template <>
inline constexpr JobKind kLast<JobKind> = JobKind::plugin;
template <>
inline constexpr Runtime kLast<Runtime> = Runtime::podman;
template <>
inline constexpr Builtin kLast<Builtin> = Builtin::fail;
template <>
inline constexpr StdoutMode kLast<StdoutMode> = StdoutMode::log;
template <>
inline constexpr WorkingDirectory kLast<WorkingDirectory> = WorkingDirectory::named;
template <>
inline constexpr Interrupted kLast<Interrupted> = Interrupted::fail;

}  // namespace lockstep::work
