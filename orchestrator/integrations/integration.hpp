// What a Task's Resource and its parameters come to: the job that runs, its input, and the form of its result.
//
// Sources: services.md 1.1, aws-behaviour.md 15 to 18.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "integrations/job.hpp"
#include "value/value.hpp"

namespace lockstep::integrations {

/// How a job's result becomes the task's.
struct Wrapping {
  enum class Form : std::uint8_t { bare, lambda_invoke };
  Form form = Form::bare;
  std::string executed_version;  ///< lambda_invoke: "$LATEST" or the qualifier
  bool with_log = false;         ///< lambda_invoke: "LogType": "Tail" was asked for
};

struct Resolved {
  JobId job = JobId::none;
  Value input;
  Wrapping wrapping;
};

/// The task fails at once, without a job.
struct Failure {
  std::string error;
  std::string cause;
};

/// The id under which AWS would have known the request for a dispatch (execution, visit, count). Its text is asked for
/// only where a result or a cause shows it.
struct RequestId {
  std::uint64_t execution = 0;
  std::uint64_t visit = 0;
  std::uint32_t count = 0;
  /// In the form of a UUID, always the same for the same numbers.
  std::string text() const;
};

/// A resource that a machine uses, for the check before anything runs.
struct ResourceUse {
  std::string resource;
  std::optional<std::string> function_name;  ///< lambda:invoke: its FunctionName, where that is a constant
};

/// The run's job table with its rules. Immutable; any thread.
class Integrations {
 public:
  explicit Integrations(std::vector<Job> jobs);

  /// What `resource` with `parameters` (the task's effective input) comes to. A pure function, so it can be asked again
  /// after a restart. `request_id` goes into the cause of a failure, as AWS has it there.
  tl::expected<Resolved, Failure> resolve(std::string_view resource, const Value& parameters,
                                          const RequestId& request_id) const;

  /// The priority of the job that resolve() would find; 0 where it finds none. Cheap where no job has one.
  std::int32_t priority(std::string_view resource, const Value& parameters) const;

  /// The names of those resources that nothing maps, each once, in order. A lambda:invoke counts by its function; where
  /// that is computed it cannot be checked and is left out.
  std::vector<std::string> unmapped(const std::vector<ResourceUse>& uses) const;

  /// The jobs that those resources come to, each once: what is known of them before anything runs.
  std::vector<JobId> used(const std::vector<ResourceUse>& uses) const;

  /// By JobId.
  const std::vector<Job>& jobs() const { return jobs_; }

 private:
  std::optional<JobId> find(std::string_view resource) const;
  std::optional<JobId> find_function(std::string_view function) const;
  std::optional<JobId> find_used(const ResourceUse& use) const;
  tl::expected<Resolved, Failure> resolve_invoke(std::string_view resource, const Value& parameters,
                                                 const RequestId& request_id) const;

  std::vector<Job> jobs_;
  bool has_priorities_;
};

/// The task's result: `result` as it is, or within what `wrapping` says.
Value wrap_result(const Wrapping& wrapping, const Value& result, const RequestId& request_id);

/// The task's cause: a function's error object is its own text where its ARN is the Resource, but comes back compact
/// from lambda:invoke, which reads and writes it.
std::string wrap_cause(const Wrapping& wrapping, std::string cause);

}  // namespace lockstep::integrations
