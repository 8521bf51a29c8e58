// What a runner waits for: its tasks' descriptors, their times, and one descriptor besides.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include <cerrno>
#include <span>

#include "mpi_worker/exec_runner.hpp"

namespace lockstep::worker {

namespace {

/// What epoll says of the descriptor that wait() listens to besides; a slot's number is smaller.
constexpr std::uint64_t kOther = UINT64_MAX;

/// epoll_wait() to the nanosecond.
int wait_for_events(int epoll, std::span<epoll_event> events, std::chrono::nanoseconds limit) {
  const auto most = static_cast<int>(events.size());
  if (limit <= std::chrono::nanoseconds(0)) {
    return epoll_wait(epoll, events.data(), most, 0);
  }
  timespec spec = {static_cast<time_t>(limit.count() / 1'000'000'000),
                   static_cast<long>(limit.count() % 1'000'000'000)};
#ifdef SYS_epoll_pwait2
  const auto count =
      static_cast<int>(syscall(SYS_epoll_pwait2, epoll, events.data(), most, &spec, nullptr, std::size_t{0}));
  if (count >= 0 || errno != ENOSYS) {
    return count;
  }
#endif
  // Before Linux 5.11.
  pollfd fd = {epoll, POLLIN, 0};
  ppoll(&fd, 1, &spec, nullptr);
  return epoll_wait(epoll, events.data(), most, 0);
}

}  // namespace

void Runner::set_timer(std::uint32_t index, Clock::time_point time) {
  Slot& slot = slots_[index];
  if (slot.timer == time) {
    return;
  }
  if (slot.timer != Clock::time_point::max()) {
    timers_.erase({slot.timer, index});
  }
  slot.timer = time;
  if (time != Clock::time_point::max()) {
    timers_.emplace(time, index);
  }
}

/// Makes epoll and the timers agree with what the slot waits for. Each event is told once: a child that another thread
/// has just started holds all our descriptors until it runs its program, and those that we have closed meanwhile would
/// keep us busy until then.
void Runner::watch(std::uint32_t index) {
  Slot& slot = slots_[index];
  Clock::time_point next = Clock::time_point::max();
  if (slot.sleep) {
    next = slot.sleep->end;
  }
  if (slot.process) {
    const Running& process = *slot.process;
    const int wanted[kEvents] = {process.in(), process.out(), process.err(), process.beat(), process.ended()};
    for (std::uint32_t kind = 0; kind < kEvents; ++kind) {
      epoll_event event = {};
      event.events = EPOLLONESHOT | (kind == kIn ? EPOLLOUT : EPOLLIN);
      event.data.u64 = std::uint64_t{index} << 3U | kind;
      const bool told = std::exchange(slot.told[kind], false);
      if (wanted[kind] == slot.watched[kind]) {
        if (told && wanted[kind] >= 0) {
          epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, wanted[kind], &event);
        }
        continue;
      }
      // A closed descriptor has left epoll by itself; the one of a process that has ended stays open, and so does the
      // input of a stream. A keeper's is known from its last program, mostly.
      if ((kind == kEnded || (kind == kIn && process.keeps_in())) && wanted[kind] < 0) {
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, slot.watched[kind], nullptr);
      } else if (kind == kEnded && epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, wanted[kind], &event) == 0) {
        // It tells of this slot now.
      } else if (wanted[kind] >= 0) {
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wanted[kind], &event);
      }
      slot.watched[kind] = wanted[kind];
    }
    next = process.next_time();
  }
  set_timer(index, next);
}

/// From now on epoll tells of `other`, too.
void Runner::listen_to(int other) {
  if (other == other_ || !has_epoll()) {
    return;
  }
  if (other_ >= 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, other_, nullptr);
  }
  other_ = other;
  if (other >= 0) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = kOther;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, other, &event);
  }
}

/// Waits for events at most so long; true: what we listen to besides is readable.
bool Runner::handle_events(std::chrono::nanoseconds limit, std::vector<Outcome>& outcomes) {
  std::array<epoll_event, 64> events;
  bool other = false;
  const int count = wait_for_events(epoll_.get(), events, limit);
  const Clock::time_point time = count > 0 ? Clock::now() : Clock::time_point();
  for (int i = 0; i < count; ++i) {
    const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
    if (data == kOther) {
      other = true;
      continue;
    }
    const auto index = static_cast<std::uint32_t>(data >> 3U);
    slots_[index].told[data & 7U] = true;
    // The slot may have changed hands since; reading and writing find nothing to do then.
    Running* process = slots_[index].process.get();
    if (process == nullptr) {
      continue;
    }
    switch (data & 7U) {
      case kIn:
        process->on_writable();
        break;
      case kOut:
        process->on_out(time);
        break;
      case kErr:
        process->on_err(time);
        break;
      case kBeat:
        process->on_beat(time);
        break;
      default:
        process->on_ended(time);
        break;
    }
    settle(index, outcomes);
  }
  return other;
}

void Runner::handle_timers(std::vector<Outcome>& outcomes) {
  if (timers_.empty()) {
    return;
  }
  const Clock::time_point time = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= time) {
    const std::uint32_t index = timers_.begin()->second;
    set_timer(index, Clock::time_point::max());
    if (slots_[index].process) {
      slots_[index].process->on_time(time);
    }
    settle(index, outcomes);
  }
}

bool Runner::wait(std::chrono::microseconds limit, int other, std::vector<Outcome>& outcomes) {
  const std::size_t before = outcomes.size();
  listen_to(other);
  give_ready(outcomes);
  start_waiting(outcomes);
  std::chrono::nanoseconds time = outcomes.size() > before ? std::chrono::nanoseconds(0) : limit;
  if (const Clock::time_point next = next_time(); next != Clock::time_point::max()) {
    const Clock::time_point now = Clock::now();
    time = std::clamp<std::chrono::nanoseconds>(next - std::min(next, now), std::chrono::nanoseconds(0), time);
  }
  if (!epoll_) {
    // Nothing runs: there is only `other` to wait for.
    pollfd fd = {other, POLLIN, 0};
    const timespec spec = {time / std::chrono::seconds(1), (time % std::chrono::seconds(1)).count()};
    return ppoll(&fd, 1, &spec, nullptr) > 0;
  }
  const bool told = handle_events(time, outcomes);
  handle_timers(outcomes);
  handle_doubts(outcomes);
  return told;
}

}  // namespace lockstep::worker
