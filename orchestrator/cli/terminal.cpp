#include "cli/terminal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "mpi_worker/cores.hpp"
#include "value/descriptor.hpp"

namespace lockstep::cli {

namespace {

std::optional<report::FrameSize> ask(int fd) {
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return std::nullopt;
  }
  return report::FrameSize{size.ws_col, size.ws_row};
}

}  // namespace

std::optional<Terminal> Terminal::find() {
  const char* kind = std::getenv("TERM");
  if (kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb") {
    return std::nullopt;
  }
  Terminal terminal;
  if (isatty(STDERR_FILENO) != 0) {
    terminal.direct_ = true;
    terminal.first_ = ask(STDERR_FILENO).value_or(report::FrameSize());
    const char* path = ttyname(STDERR_FILENO);
    terminal.path_ = path != nullptr ? path : "-";
    return terminal;
  }
  const char* told = std::getenv(kTerminalVariable);
  std::string host;
  std::istringstream words(told != nullptr ? told : "");
  if (!(words >> terminal.first_.columns >> terminal.first_.rows >> host >> terminal.path_)) {
    return std::nullopt;
  }
  if (host != worker::host_name()) {
    terminal.path_.clear();
  }
  return terminal;
}

report::FrameSize Terminal::size() const {
  if (direct_) {
    return ask(STDERR_FILENO).value_or(first_);
  }
  if (path_.empty()) {
    return first_;
  }
  const Descriptor terminal(open(path_.c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  return terminal ? ask(terminal.get()).value_or(first_) : first_;
}

std::string Terminal::description() const {
  return fmt::format("{} {} {} {}", first_.columns, first_.rows, worker::host_name(), path_);
}

bool Terminal::wants_colour() {
  const char* value = std::getenv("NO_COLOR");
  return value == nullptr || *value == '\0';
}

}  // namespace lockstep::cli
