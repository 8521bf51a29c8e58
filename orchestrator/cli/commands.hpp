// The subcommands: each takes what follows its name on the command line and returns an exit status (exit_status.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep::cli {

using Arguments = std::vector<std::string>;

int run_command(const Arguments& arguments);
int resume_command(const Arguments& arguments);
int redrive_command(const Arguments& arguments);
int stop_command(const Arguments& arguments);
/// `name`: send-task-success, send-task-failure or send-task-heartbeat.
int send_task_command(const std::string& name, const Arguments& arguments);
int validate_command(const Arguments& arguments);
int query_command(const Arguments& arguments);
int status_command(const Arguments& arguments);
int history_command(const Arguments& arguments);
int export_command(const Arguments& arguments);
int fsck_command(const Arguments& arguments);
int logs_command(const Arguments& arguments);

/// Prints `lockstep: MESSAGE` to stderr, a line for each of the message's. Any thread.
void complain(const std::string& message);

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
