// Tasks that call Step Functions itself: `states:startExecution` and `aws-sdk:sfn:*` (services.md 1.4). What is asked
// of the house, and the form of what comes back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/execution.hpp"
#include "integrations/integration.hpp"
#include "service/request.hpp"

namespace lockstep::service {

/// Whether the house itself does what the resource asks for, where nothing else does.
bool is_nested_call(const asl::Resource& resource);

/// Whether the call's task lasts as long as the execution that it starts.
bool waits_for_end(const asl::Resource& resource);

/// What an execution looks like from outside.
struct Description {
  std::string execution_arn;
  std::string machine_arn;
  std::string name;
  engine::Status status = engine::Status::running;
  Timestamp started;
  std::optional<Timestamp> stopped;
  Value input;
  std::optional<engine::EndExecution> end;  ///< where it is over
};
/// One that the engine holds; `end`: where it is over.
Description describe(const engine::Execution& execution, std::optional<engine::EndExecution> end);

/// A call, read: `arn` of the execution to be described, or the request that it comes to.
struct NestedCall {
  std::optional<std::string> describe;
  Request request;
};
/// `name`: of an execution that the call gives none. A failure, as AWS refuses such parameters.
tl::expected<NestedCall, integrations::Failure> nested_call(const engine::DispatchTask& dispatch,
                                                            const std::string& name);

/// What a refusal is to the task, by AWS's name for it.
integrations::Failure failure_of(const asl::Resource& resource, const Refused& refused, const std::string& request_id);

// Results. What is begun, not waited for:
Value start_result(const asl::Resource& resource, const Started& started, const std::string& request_id);
/// What a child came to that was waited for, and what `describeExecution` and `startSyncExecution` say.
Value description_result(const asl::Resource& resource, const Description& description);
/// Of a call whose answer says nothing: `{}`; of `stopExecution` when.
Value done_result(const asl::Resource& resource, Timestamp now);

}  // namespace lockstep::service
