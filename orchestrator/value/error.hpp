// Expected failures are values: Result<T> is a T or an Error. Exceptions do not cross a room.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <type_traits>
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

/// What a Result that did not fail holds, moved out: half of TRY.
template <class R>
constexpr auto value_of(R&& result) {
  if constexpr (!std::is_void_v<typename std::remove_cvref_t<R>::value_type>) {
    return *std::forward<R>(result);
  }
}

}  // namespace lockstep

/// The value of a Result; where it failed, the function that says TRY returns its Error instead:
///
///     auto file = TRY(files.open(path));  // a File, moved out of the Result
///     TRY(file->sync());                  // nothing to keep
///
/// Stands alone or right of `=`, never inside a larger expression: what that has made by then would not be destroyed.
/// A statement expression, as GCC and Clang have it.
#define TRY(...)                                                              \
  __extension__({                                                             \
    auto result_ = (__VA_ARGS__);                                             \
    if (!result_) {                                                           \
      return ::tl::unexpected<::lockstep::Error>(std::move(result_).error()); \
    }                                                                         \
    ::lockstep::value_of(std::move(result_));                                 \
  })
