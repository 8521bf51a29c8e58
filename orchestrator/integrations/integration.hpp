// What a Task's Resource and its parameters come to: the job that runs, its input, and the form of its result.
//
// Sources: services.md 1.1, aws-behaviour.md 15 to 18.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asl/resource.hpp"
#include "integrations/job.hpp"
#include "integrations/service_names.hpp"
#include "value/value.hpp"

namespace lockstep::integrations {

/// How what a job came to becomes what its task came to (envelope.hpp).
struct Wrapping {
  enum class Form : std::uint8_t {
    bare,
    lambda_invoke,
    service,  ///< of an integration or an SDK call: its errors are called as AWS calls them
    batch,    ///< batch:submitJob
    http      ///< http:invoke
  };
  Form form = Form::bare;
  std::string executed_version;   ///< lambda_invoke: "$LATEST" or the qualifier
  bool with_log = false;          ///< lambda_invoke: "LogType": "Tail" was asked for
  ServiceName service;            ///< service, batch
  Value parameters;               ///< batch: the task's
  bool is_sync = false;           ///< batch: the task waits for the job
  bool is_attempt_limit = false;  ///< batch: Resolved::attempt_seconds is what limits the task's time
};

struct Resolved {
  JobId job = JobId::none;
  Value input;
  Wrapping wrapping;
  std::vector<std::string> environment;         ///< "NAME=value", of this task alone
  std::optional<std::int64_t> attempt_seconds;  ///< how long the job may run, by its parameters
};

/// The task fails at once, without a job.
struct Failure {
  std::string error;
  std::string cause;
};

/// A resource that a machine uses, for the check before anything runs.
struct ResourceUse {
  const asl::Resource& resource;
  const std::string& state;  ///< that uses it
};

/// A resource that nothing maps.
struct Unmapped {
  std::string name;  ///< for messages
  std::string text;  ///< that a pattern would have to match: the function of a lambda:invoke, else the resource
  std::vector<std::string> states;
};

/// The run's job table with its rules. Immutable; any thread.
class Integrations {
 public:
  explicit Integrations(std::vector<Job> jobs);

  /// What `resource` with `parameters` (the task's effective input) comes to. A pure function, so it can be asked again
  /// after a restart. the request id of `dispatch` goes into the cause of a failure, as AWS has it there.
  tl::expected<Resolved, Failure> resolve(const asl::Resource& resource, const Value& parameters,
                                          const DispatchId& dispatch) const;

  /// Whether a job is mapped to `resource`. A lambda:invoke always is somebody's affair: its function may be computed.
  bool maps(const asl::Resource& resource) const { return resource.is_lambda_invoke() || find_used(resource); }

  /// The priority of the job that resolve() would find; 0 where it finds none. Cheap where no job has one.
  std::int32_t priority(const asl::Resource& resource, const Value& parameters) const;

  /// Those resources that nothing maps, each once, in order. A lambda:invoke counts by its function; where that is
  /// computed it cannot be checked and is left out.
  std::vector<Unmapped> unmapped(const std::vector<ResourceUse>& uses) const;

  /// The jobs that those resources come to, each once: what is known of them before anything runs.
  std::vector<JobId> used(const std::vector<ResourceUse>& uses) const;

  /// By JobId.
  const std::vector<Job>& jobs() const { return jobs_; }

 private:
  std::optional<JobId> find(std::string_view resource) const;
  std::optional<JobId> find(const asl::Resource& resource) const;
  std::optional<JobId> find_function(std::string_view function) const;
  std::optional<JobId> find_used(const asl::Resource& resource) const;
  tl::expected<Resolved, Failure> resolve_invoke(const asl::Resource& resource, const Value& parameters,
                                                 const DispatchId& dispatch) const;

  std::vector<Job> jobs_;
  bool has_priorities_;
};

}  // namespace lockstep::integrations
