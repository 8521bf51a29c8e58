// Expected failures are values: Result<T> is a T or an Error. Exceptions do not cross a room.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace lockstep {

/// What kind of trouble an Error is; cli/exit_status.hpp gives each its exit status.
enum class ErrorKind {
  usage,        ///< the command line is wrong
  invalid,      ///< a definition, an input or jobs.json is wrong, or a resource is mapped by nothing
  unavailable,  ///< no worker is left
  occupied,     ///< the run folder is somebody else's, or cannot be made
  io,           ///< something cannot be read or written, or is damaged
  interrupted,  ///< stopped with work left
  internal      ///< a mistake of our own
};

/// One failure: its kind and one line, without a full stop, that names what was being done, to what, and what went
/// wrong.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

/// Shorthand for returning a failure: `return fail(ErrorKind::io, fmt::format(…))`.
inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

}  // namespace lockstep
