// The terminal behind standard error.
#pragma once

#include <optional>
#include <string>

#include "report/progress_frame.hpp"

namespace lockstep::cli {

/// Under `--ranks` the launcher owns the terminal, and rank 0 writes to it through mpirun's pipe: by this variable the
/// launcher says that there is one ("COLUMNS ROWS HOST PATH").
inline constexpr const char* kTerminalVariable = "LOCKSTEP_TERMINAL";

/// Where progress is drawn.
class Terminal {
 public:
  /// Nothing where standard error is no terminal, or one that cannot move its cursor (TERM=dumb).
  static std::optional<Terminal> find();
  /// As it is now.
  report::FrameSize size() const;
  /// For kTerminalVariable.
  std::string description() const;
  /// Unless NO_COLOR is set.
  static bool wants_colour();

 private:
  Terminal() = default;
  report::FrameSize first_;  // when it was found
  std::string path_;         // to ask it for its size; empty: standard error itself, or nobody can
  bool direct_ = false;
};

}  // namespace lockstep::cli
