// The subcommands, a file each: what they are called, what their help says, and what carries them out.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "value/error.hpp"

namespace lockstep::cli {

using Arguments = std::vector<std::string>;

/// A command's help, its manual page and its completion are made of this and of its own table of options.
struct Command {
  struct Example {
    const char* line;
    const char* does;
  };
  const char* name;
  const char* summary;      ///< for the list of commands
  const char* synopsis;     ///< what follows the name
  const char* description;  ///< sentences; a line feed ends a paragraph
  std::array<Example, 2> examples;
  /// Takes what follows the name and returns an exit status (exit_status.hpp).
  int (*run)(const Command& command, const Arguments& arguments);
};

extern const Command kRun, kResume, kRedrive, kServe, kStart, kStop, kSendTaskSuccess, kSendTaskFailure,
    kSendTaskHeartbeat, kCreateActivity, kDeleteActivity, kListActivities, kDescribeActivity, kActivityWorker,
    kValidate, kTest, kQuery, kStatus, kExplain, kHistory, kExport, kLogs, kRuns, kList, kDescribe, kMapRun, kClean,
    kFsck, kHelp;

/// All of them, in the order in which help lists them.
std::span<const Command* const> commands();

/// Prints `lockstep: MESSAGE` to stderr, a line for each of the message's. Any thread.
void complain(const std::string& message);
/// Each of them.
void complain_each(const std::vector<std::string>& messages);
/// Complains of it; its exit status.
int report(const Error& error);
/// Where something was told already and all that is left is the exit status.
inline int report(int status) {
  return status;
}
/// Flushes standard output: the exit status of a command that has written all there.
int end_output();
/// Of what no code expects to fail: a thread or a descriptor that cannot be had.
Error error_of(const std::system_error& error);

/// Whoever draws on standard error: other lines have to go through it.
class Screen {
 public:
  virtual ~Screen() = default;
  /// Whole lines. Any thread.
  virtual void write(std::string_view lines) = 0;
};
/// While there is one, complain() writes there. Borrowed; null: to standard error.
void set_screen(Screen* screen);

}  // namespace lockstep::cli

/// TRY (value/error.hpp) for a function that returns an exit status: where the Result failed, it has complained and
/// returns.
#define TRY_OR_TELL(...)                                          \
  __extension__({                                                 \
    auto result_ = (__VA_ARGS__);                                 \
    if (!result_) {                                               \
      return ::lockstep::cli::report(std::move(result_).error()); \
    }                                                             \
    ::lockstep::value_of(std::move(result_));                     \
  })
