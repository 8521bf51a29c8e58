#include "fleet/relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "mpi_worker/pipe.hpp"

namespace lockstep::fleet {

Relay::Relay() {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return;
  }
  read_end_ = Descriptor(ends[0]);
  write_end_ = Descriptor(ends[1]);
  fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
  finish();
}

int Relay::finish() {
  close_write_end();
  stop_.wake();
  if (thread_.joinable()) {
    thread_.join();
  }
  return failure_;
}

/// False: there will be no more.
bool Relay::copy() {
  std::array<char, 1 << 16> block;
  while (true) {
    const ssize_t size = read(read_end_.get(), block.data(), block.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      return size < 0 && errno == EAGAIN;
    }
    if (failure_ == 0) {
      failure_ = worker::write_all(STDOUT_FILENO, {block.data(), static_cast<std::size_t>(size)}, true);
    }
  }
}

void Relay::run() {
  // Somebody may have inherited the other end: its end is not waited for once we are told to stop.
  while (true) {
    pollfd fds[2] = {{read_end_.get(), POLLIN, 0}, {stop_.descriptor(), POLLIN, 0}};
    poll(fds, 2, -1);
    if (!copy() || fds[1].revents != 0) {
      return;
    }
  }
}

}  // namespace lockstep::fleet
