// What a rank and its keepers say to each other, over a local socket that keeps messages apart. Both ends are the same
// program, started by the one from the other: structures travel as they lie in memory.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "mpi_worker/spawn.hpp"

namespace lockstep::worker {

enum class OrderKind : std::uint8_t {
  start,   ///< a program; its texts follow, its descriptors come along
  signal,  ///< to the whole tree, and CONT: what is stopped would not see it
  kill     ///< until nothing is left
};

/// From the rank to a keeper. `start` is followed by texts that end with a NUL each: program, folder (empty: ours),
/// arguments, variables beyond those that all programs of a rank share; in descriptors: what becomes 0, 1, 2 and, where
/// there is one more, 3; the last holds the texts where they are not in the message.
struct Order {
  OrderKind kind = OrderKind::kill;
  bool texts_apart = false;
  bool tells_pid = false;  ///< wants Report::started
  int signal = 0;
  std::uint32_t arguments = 0;
  std::uint32_t variables = 0;
  std::uint32_t replacing = 0;  ///< the last of these variables, instead of those of the same name that all share
  std::uint32_t descriptors = 0;
  std::int64_t not_after_ns = 0;  ///< by BootClock; from then on it is refused with ETIME
};

enum class ReportKind : std::uint8_t {
  started,  ///< its process is there; its program may still be refused
  refused,  ///< nothing has begun
  ended,    ///< the program itself
  clean,    ///< now nothing is left of it, after an `ended` that could not yet say so
  gone      ///< never sent: the keeper was killed, and nothing is left of what it kept
};

struct Report {
  ReportKind kind = ReportKind::gone;
  bool is_clean = false;                   ///< ended: and nothing is left of it
  SpawnStage stage = SpawnStage::process;  ///< refused
  int number = 0;                          ///< refused: errno
  pid_t pid = 0;                           ///< started
  int status = 0;                          ///< ended: as from wait()
  std::int64_t cpu_us = 0;                 ///< ended: of the program and the children that it waited for
  std::int64_t max_rss_kib = 0;            ///< ended: of the largest of them; 0: less than the keeper's own
};

/// Longer texts go into a file in memory.
inline constexpr std::size_t kMostTextBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMostDescriptors = 5;

enum class GuardOrderKind : std::uint8_t {
  hire,   ///< a keeper; its socket and its environment come along
  hold,   ///< what comes along, until nothing is left
  end_at  ///< this time, unless another comes before
};

/// From the rank to the guard.
struct GuardOrder {
  GuardOrderKind kind = GuardOrderKind::hire;
  std::int64_t time_ns = 0;  ///< end_at: by BootClock
};

/// Sends one message with descriptors: 0, or errno. Does not block unless `waits`.
int send_message(int socket, std::string_view head, std::string_view rest, const int* descriptors, std::size_t count,
                 bool waits);

/// Received descriptors; they close on exec.
struct ReceivedDescriptors {
  std::array<int, kMostDescriptors> numbers{};
  std::size_t count = 0;
  bool truncated = false;  ///< there were more than this process can hold
  void close_all();
};

/// One message, what follows its head in `rest`: its length; 0 at the end, -1 (errno) where there is none. Does not
/// block.
ssize_t receive_message(int socket, void* head, std::size_t size, ReceivedDescriptors* descriptors,
                        std::span<char> rest = {});

}  // namespace lockstep::worker
