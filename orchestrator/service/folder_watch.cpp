#include "service/folder_watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "mpi_worker/blocked_signals.hpp"

namespace lockstep::service {

std::unique_ptr<FolderWatch> FolderWatch::start(const std::string& folder, std::string suffix,
                                                const fleet::Waker& waker) {
  Descriptor events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events || ::inotify_add_watch(events.get(), folder.c_str(), IN_MOVED_TO | IN_ONLYDIR) < 0) {
    return nullptr;
  }
  const worker::BlockedSignals blocked;
  try {
    std::unique_ptr<FolderWatch> watch(new FolderWatch(std::move(events), std::move(suffix), waker));
    watch->thread_ = std::thread([self = watch.get()] { self->run(); });
    return watch;
  } catch (const std::system_error&) {
    return nullptr;
  }
}

FolderWatch::~FolderWatch() {
  stop_.wake();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void FolderWatch::run() {
  while (true) {
    pollfd fds[2] = {{events_.get(), POLLIN, 0}, {stop_.descriptor(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) {
      return;
    }
    if (fds[0].revents != 0 && !read_events()) {
      alive_.store(false, std::memory_order_relaxed);
      return;
    }
  }
}

/// False: no more will come.
bool FolderWatch::read_events() {
  alignas(inotify_event) std::array<char, 1 << 14> buffer;
  bool any = false;
  bool alive = true;
  while (alive) {
    const ssize_t size = ::read(events_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      alive = size < 0 && errno == EAGAIN;
      break;
    }
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(at);
      const std::string_view name(event.len == 0 ? "" : event.name);
      any = any || name.ends_with(suffix_) || (event.mask & IN_Q_OVERFLOW) != 0;
      alive = alive && (event.mask & IN_IGNORED) == 0;
      at += sizeof event + event.len;
    }
  }
  if (any && !news_.exchange(true, std::memory_order_acq_rel)) {
    waker_.wake();
  }
  return alive;
}

}  // namespace lockstep::service
