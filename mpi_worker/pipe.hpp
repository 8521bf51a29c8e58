// Pipes to a process: ours do not block, and are read and written piece by piece.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "value/descriptor.hpp"

namespace lockstep::worker {

/// Gives `take` what is there, piece by piece, until it says false; a writer without end is left after a while, so that
/// it does not hold up the others. Closes a pipe that has ended.
template <class Take>
void read_pipe(Descriptor& from, Take take) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  thread_local std::array<char, std::size_t{64} << 10> block;
  for (std::size_t total = 0; from && total < kMost;) {
    const ssize_t size = read(from.get(), block.data(), block.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && errno == EAGAIN) {
      return;
    }
    if (size <= 0) {
      from.reset();
      return;
    }
    total += static_cast<std::size_t>(size);
    if (!take(std::string_view(block.data(), static_cast<std::size_t>(size)))) {
      return;
    }
  }
}

/// All of `text`, however long it takes, to one that may block: 0, or errno. `waits`: to one that does not block, too.
inline int write_all(int fd, std::string_view text, bool waits = false) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (waits && errno == EAGAIN) {
      pollfd room = {fd, POLLOUT, 0};
      poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

/// Takes from the front of `input` what the pipe holds now. Closes one that nobody reads, and drops the rest.
inline void write_pipe(Descriptor& to, std::string_view& input) {
  while (to && !input.empty()) {
    const ssize_t written = write(to.get(), input.data(), input.size());
    if (written >= 0) {
      input.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      input = {};
      to.reset();
    }
  }
}

}  // namespace lockstep::worker
