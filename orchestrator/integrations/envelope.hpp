// How what a job came to is what the task came to: in the form in which AWS's services answer and fail.
#pragma once

#include <optional>

#include "integrations/integration.hpp"
#include "work/outcome.hpp"

namespace lockstep::integrations {

struct Wrapped {
  work::Outcome outcome;
  /// What the call that submitted the job has answered; nothing where that is the outcome's result.
  std::optional<Value> submitted;
};

/// The same for the same outcome. One that says itself that it is the service's answer (an http:invoke's StatusCode, a
/// submitJob's JobId) is taken as that.
Wrapped wrap(const Wrapping& wrapping, work::Outcome outcome);

}  // namespace lockstep::integrations
