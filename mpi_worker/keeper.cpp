#include "mpi_worker/keeper.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "mpi_worker/pipe.hpp"

namespace lockstep::worker {
namespace {

/// A program that has not been started by then, because the machine stood still or was suspended, is not started: what
/// was true when it was ordered may be true no more.
constexpr std::chrono::nanoseconds kStartTime = std::chrono::seconds(5);
/// For the end of what was killed.
constexpr std::chrono::milliseconds kEndTime{5000};

/// A file in memory; its descriptor, or nothing (errno).
Descriptor file_of(std::string_view text) {
  Descriptor file(memfd_create("lockstep", MFD_CLOEXEC));
  if (file && write_all(file.get(), text) != 0) {
    return {};
  }
  return file;
}

void append(std::string& texts, const std::string& text) {
  texts.append(text.c_str(), text.size() + 1);
}

std::string_view bytes_of(const Order& order) {
  return {reinterpret_cast<const char*>(&order), sizeof order};
}

}  // namespace

int Keeper::start(const KeeperPlan& plan, BootClock::time_point begin_until) {
  std::string texts;
  append(texts, plan.program);
  append(texts, plan.folder);
  for (const auto* list : {&plan.arguments, &plan.variables}) {
    for (const std::string& text : *list) {
      append(texts, text);
    }
  }
  std::array<int, kMostDescriptors> descriptors{};
  std::copy(plan.descriptors.begin(), plan.descriptors.end(), descriptors.begin());
  Order order;
  order.kind = OrderKind::start;
  order.tells_pid = plan.tells_pid;
  order.replacing = static_cast<std::uint32_t>(plan.replacing);
  order.arguments = static_cast<std::uint32_t>(plan.arguments.size());
  order.variables = static_cast<std::uint32_t>(plan.variables.size());
  order.descriptors = static_cast<std::uint32_t>(plan.descriptors.size());
  order.texts_apart = texts.size() > kMostTextBytes;
  order.not_after_ns = std::min(BootClock::now() + kStartTime, begin_until).time_since_epoch().count();
  Descriptor file;
  if (order.texts_apart) {
    file = file_of(texts);
    if (!file) {
      return errno;
    }
    descriptors[order.descriptors++] = file.get();
    texts.clear();
  }
  return send_message(socket_.get(), bytes_of(order), texts, descriptors.data(), order.descriptors, false);
}

void Keeper::send(const Order& order) {
  send_message(socket_.get(), bytes_of(order), {}, nullptr, 0, false);  // one that is gone tells so itself
}

void Keeper::signal(int signal) {
  Order order;
  order.kind = OrderKind::signal;
  order.signal = signal;
  send(order);
}

void Keeper::kill() {
  send(Order());
}

std::optional<Report> Keeper::read() {
  Report report;
  ssize_t size = receive_message(socket_.get(), &report, sizeof report, nullptr);
  if (size < 0 && errno == ECONNRESET) {
    // It went without reading all that we had ordered; what it has said before comes only now.
    size = receive_message(socket_.get(), &report, sizeof report, nullptr);
  }
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return std::nullopt;
  }
  return size == sizeof report ? report : Report();
}

Keepers::~Keepers() {
  idle_.clear();
  const auto end = std::chrono::steady_clock::now() + kEndTime;
  for (const auto& keeper : abandoned_) {
    pollfd socket = {keeper->descriptor(), POLLRDHUP, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    poll(&socket, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  }
}

tl::expected<std::unique_ptr<Keeper>, int> Keepers::start(const KeeperPlan& plan) {
  constexpr int kTries = 3;
  for (int tries = kTries;; --tries) {
    std::unique_ptr<Keeper> keeper;
    if (!idle_.empty()) {
      keeper = std::move(idle_.back());
      idle_.pop_back();
    } else if (auto hired = hire()) {
      keeper = std::move(*hired);
    } else {
      return tl::unexpected(hired.error());
    }
    const int trouble = keeper->start(plan, fence_.begin_until ? fence_.begin_until() : BootClock::time_point::max());
    if (trouble == 0) {
      return keeper;
    }
    if (trouble != EPIPE && trouble != ECONNRESET) {
      give_back(std::move(keeper));
      return tl::unexpected(trouble);
    }
    if (const auto report = keeper->read(); report && report->kind == ReportKind::refused) {
      return tl::unexpected(report->number);  // the guard could make none
    }
    if (!idle_.empty()) {
      ++tries;  // those of a dead guard are all gone
    }
    if (tries == 0) {
      return tl::unexpected(trouble);
    }
  }
}

tl::expected<std::unique_ptr<Keeper>, int> Keepers::hire() {
  if (!environment_) {
    std::string texts;
    for (const std::string& variable : variables_) {
      append(texts, variable);
    }
    environment_ = file_of(texts);
    if (!environment_) {
      return tl::unexpected(errno);
    }
  }
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected(errno);
  }
  Descriptor ours(ends[0]);
  const Descriptor its(ends[1]);
  int trouble = EPIPE;
  for (int tries = 0; tries < 2 && trouble == EPIPE; ++tries) {
    std::shared_ptr<Guard> guard = Guard::of_this_process();
    trouble = guard != guard_ && fence_.lock >= 0 ? guard->hold(fence_.lock) : 0;
    if (trouble == 0) {
      guard_ = std::move(guard);
      trouble = guard_->hire(its.get(), environment_.get());
    }
  }
  if (trouble != 0) {
    return tl::unexpected(trouble);
  }
  return std::make_unique<Keeper>(std::move(ours));
}

void Keepers::abandon(std::unique_ptr<Keeper> keeper) {
  std::erase_if(abandoned_, [](const auto& one) {
    pollfd socket = {one->descriptor(), POLLRDHUP, 0};
    return poll(&socket, 1, 0) > 0;
  });
  shutdown(keeper->descriptor(), SHUT_WR);
  abandoned_.push_back(std::move(keeper));
}

}  // namespace lockstep::worker
