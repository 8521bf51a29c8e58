// The messages between rank 0 and the workers, as bytes. All ranks run the same binary, so there is one version; a
// message is checked all the same: decoding never reads beyond it and never trusts a length in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mpi_worker/begun.hpp"
#include "mpi_worker/settings.hpp"
#include "mpi_worker/task.hpp"

namespace lockstep::worker {

/// Changes with every change of a message.
inline constexpr std::uint32_t kProtocol = 9;

/// The longest payload that a message can carry: MPI counts bytes as int.
inline constexpr std::size_t kMaxPayload = std::size_t{2000} << 20;

/// The most slots of one worker.
inline constexpr std::uint32_t kMaxSlots = 1 << 16;

enum class MessageType : std::uint8_t {
  hello = 1,  ///< worker: I am here
  setup,      ///< rank 0: what all tasks share; before any task
  tasks,      ///< rank 0: run these
  cancel,     ///< rank 0: stop these
  recall,     ///< rank 0: give back so many of the tasks that have not begun, others have nothing to do
  stop,       ///< rank 0: stop everything, say goodbye and end
  kill,       ///< rank 0: KILL to everything that runs; `stop` follows
  ready,      ///< worker: has taken its lock (roster.hpp), if it can, and could take tasks; the answer to `setup`
  outcomes,   ///< worker: these are over
  returned,   ///< worker: these have not begun and never will here; the answer to `recall`, also with none
  goodbye,    ///< worker: nothing runs here any more
  begun,      ///< worker: these run now, for people to see
  job         ///< rank 0: of tasks that follow
};

/// Who a worker is. `place` tells machines, containers and boots apart, so that rank 0 knows where it can see the
/// worker's process; `started` is that process's start time in it (/proc/PID/stat).
struct Hello {
  std::uint32_t protocol = kProtocol;
  std::string host;
  std::string place;
  std::uint32_t pid = 0;
  std::uint64_t started = 0;
  std::uint32_t slots = 0;
};

std::string encode_hello(const Hello& hello);
std::string encode_setup(const RunSettings& settings);
std::string encode_job(work::JobId id, const work::Job& job);
std::string encode_cancel(const std::vector<DispatchId>& ids);
std::string encode_recall(std::uint32_t count);
std::string encode_returned(const std::vector<DispatchId>& ids);
std::string encode_begun(const std::vector<BegunTask>& tasks);
/// `stop`, `kill`, `ready` and `goodbye`.
std::string encode_bare(MessageType type);

/// Gathers tasks or outcomes into one message.
class Batch {
 public:
  explicit Batch(MessageType type) : type_(type) {}
  void add(const Task& task);
  void add(const Outcome& outcome);
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_.size(); }
  /// The message; the batch is empty again.
  std::string take();
  /// The same for tasks, of which there may be none; `settled` outcomes of the worker need not be kept any longer.
  std::string take(std::uint64_t settled);

 private:
  void begin();
  std::size_t count_at() const;

  MessageType type_;
  std::uint32_t count_ = 0;
  std::string bytes_;
};

/// Nothing where the message is empty or of no known type.
std::optional<MessageType> type_of(std::string_view message);

/// The error says what is wrong with the message.
template <class T>
using Decoded = tl::expected<T, std::string>;

Decoded<Hello> decode_hello(std::string_view message);
Decoded<RunSettings> decode_setup(std::string_view message);
struct TasksMessage {
  std::uint64_t settled = 0;  ///< the worker's outcomes, from its first on, that its spool need not keep
  std::vector<Task> tasks;
};
Decoded<TasksMessage> decode_tasks(std::string_view message);
struct JobMessage {
  work::JobId id = work::JobId::none;
  work::Job job;
};
Decoded<JobMessage> decode_job(std::string_view message);
Decoded<std::vector<DispatchId>> decode_cancel(std::string_view message);
Decoded<std::uint32_t> decode_recall(std::string_view message);
Decoded<std::vector<DispatchId>> decode_returned(std::string_view message);
Decoded<std::vector<BegunTask>> decode_begun(std::string_view message);
Decoded<std::vector<Outcome>> decode_outcomes(std::string_view message);

}  // namespace lockstep::worker
