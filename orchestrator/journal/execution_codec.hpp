// An execution as bytes, for checkpoints. Every field of Execution, Strand, Children and Failure must be named here, or
// this does not compile.
#pragma once

#include <memory>

#include "engine/execution.hpp"
#include "journal/codec.hpp"

namespace lockstep::journal {

void encode_execution(const engine::Execution& execution, Sink& sink);

/// Null if the bytes are none; then `source` says why.
std::unique_ptr<engine::Execution> decode_execution(Source& source);

}  // namespace lockstep::journal
