// Exit statuses (README, "Exit status"): one place that gives each kind of failure its number.
#pragma once

#include "value/error.hpp"

namespace lockstep::cli {

inline constexpr int kSucceeded = 0;
inline constexpr int kFailed = 1;  // the execution FAILED, TIMED_OUT or was ABORTED
inline constexpr int kUsage = 2;
inline constexpr int kInvalid = 65;      // bad definition or input, or a resource that nothing maps
inline constexpr int kUnavailable = 69;  // no worker left
inline constexpr int kInternal = 70;     // a mistake of our own
inline constexpr int kOccupied = 73;     // the run folder is somebody else's, or cannot be made
inline constexpr int kIo = 74;           // something cannot be read or written, or is damaged
inline constexpr int kInterrupted = 75;  // stopped with work left: run me again

constexpr int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return kUsage;
    case ErrorKind::invalid:
      return kInvalid;
    case ErrorKind::unavailable:
      return kUnavailable;
    case ErrorKind::occupied:
      return kOccupied;
    case ErrorKind::io:
      return kIo;
    case ErrorKind::interrupted:
      return kInterrupted;
    case ErrorKind::internal:
      return kInternal;
  }
  return kInternal;
}

}  // namespace lockstep::cli
