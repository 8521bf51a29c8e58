// What jobs.json describes is what a worker runs.
#pragma once

#include "work/ids.hpp"
#include "work/job.hpp"

namespace lockstep::integrations {

using work::Builtin;
using work::DispatchId;
using work::Interrupted;
using work::Job;
using work::JobId;
using work::JobKind;
using work::Runtime;
using work::StdoutMode;
using work::WorkingDirectory;

}  // namespace lockstep::integrations
