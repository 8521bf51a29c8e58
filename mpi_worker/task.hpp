// The pieces of work that a worker is given and answers for.
#pragma once

#include "work/outcome.hpp"
#include "work/task.hpp"

namespace lockstep::worker {

using work::BegunTask;
using work::DispatchId;
using work::DispatchIdHash;
using work::Outcome;
using work::OutcomeKind;
using work::Task;

}  // namespace lockstep::worker
