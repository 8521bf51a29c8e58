// The one way to the screen.
#include <unistd.h>

#include <iostream>
#include <mutex>
#include <system_error>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/scarcity.hpp"

namespace lockstep::cli {

namespace {

std::mutex screen_mutex;
Screen* screen = nullptr;

}  // namespace

void set_screen(Screen* one) {
  const std::lock_guard lock(screen_mutex);
  screen = one;
}

void complain(const std::string& message) {
  std::string line;
  for (std::size_t at = 0; at <= message.size();) {
    const std::size_t end = std::min(message.find('\n', at), message.size());
    line += "lockstep: " + worker::printable(std::string_view(message).substr(at, end - at)) + "\n";
    at = end + 1;
  }
  const std::lock_guard lock(screen_mutex);
  if (screen != nullptr) {
    screen->write(line);
    return;
  }
  // One write, so that lines of several ranks don't mix.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) {
    // There is nobody left to tell.
  }
}

void complain_each(const std::vector<std::string>& messages) {
  for (const std::string& message : messages) {
    complain(message);
  }
}

Error error_of(const std::system_error& error) {
  return {ErrorKind::io, fmt::format("something has run out on this machine: {}: {}", error.what(),
                                     worker::explain_scarcity(error.code().value()))};
}

int end_output() {
  return std::cout.flush() ? kSucceeded : report({ErrorKind::io, "cannot write standard output"});
}

int report(const Error& error) {
  complain(error.message);
  return exit_status(error.kind);
}

}  // namespace lockstep::cli
