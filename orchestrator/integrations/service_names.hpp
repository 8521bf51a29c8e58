// What AWS calls its services in errors and causes (services.md 1, "error names" and "cause").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "asl/resource.hpp"

namespace lockstep::integrations {

/// Of which service an integration or an SDK call is, in AWS's spellings.
struct ServiceName {
  std::string error;          ///< before the dot of an error's name: "SQS", and "Sqs" of an SDK call
  std::string cause;          ///< within a cause: "AmazonSQS", and "Sqs"
  bool is_optimized = false;  ///< an integration, not an SDK call: causes have another form
};

/// Requires an integration or an SDK call.
ServiceName service_name(const asl::Resource& resource);

/// The name that AWS gives to an error of the service that a job calls `error`: NoSuchKey is S3.NoSuchKeyException. One
/// with a dot is a whole name already, as all of States and of Lockstep are.
std::string service_error(const ServiceName& service, std::string_view error);

/// AWS's cause where the service has refused a call: its message, and what AWS says of the call. `code`: the error's
/// name without the service's.
std::string refusal_cause(const ServiceName& service, std::string_view message, std::string_view code,
                          std::int64_t status, std::string_view request_id);

/// AWS's cause for what a job fails with: the message that a job's error object `cause` has, with what AWS says of the
/// call. Anything else, and a message in which that stands already, is given as it is.
std::string service_cause(const ServiceName& service, std::string_view error, std::string cause,
                          std::string_view request_id);

}  // namespace lockstep::integrations
