// The mailbox: how other processes, on any node, speak to a run without a port (design, "What a user touches").
//
// RUN/mailbox/ID.request is a message, written whole and renamed in; ID.answer is what became of it. The owner of the
// run takes a message in, and only when the Events that it led to are durable writes the answer and deletes the
// message. So a message that no owner has taken in yet waits for the next one, and none is taken in twice: an owner
// that finds one again after a crash finds it among the execution's requests, too.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/input.hpp"
#include "value/error.hpp"

namespace lockstep::service {

/// What a command asks of a run.
struct Message {
  enum class Action : std::uint8_t { task_success, task_failure, task_heartbeat, stop, redrive };
  Action action = Action::stop;
  std::string token;   ///< task_*
  std::string output;  ///< task_success: JSON text
  std::optional<std::string> error;
  std::optional<std::string> cause;
};

/// The sender's side. The message is durable when it returns; the result is its id. An error (occupied) where no run
/// stands there, (io) where it cannot be written.
Result<std::string> post(const std::string& run_folder, const Message& message);
/// Waits for the answer to message `id` and removes it. Nothing after `limit`: the message is still there.
Result<std::optional<std::string>> await_answer(const std::string& run_folder, const std::string& id,
                                                std::chrono::milliseconds limit);
/// Takes a message back that nobody has taken in; false if it was answered or taken meanwhile.
bool withdraw(const std::string& run_folder, const std::string& id);

/// How an answer reads: "accepted", or the API's error with its message: "TaskTimedOut: …".
std::string describe(engine::Verdict verdict);
inline constexpr std::string_view kAccepted = "accepted";

/// The owner's side. One thread.
class Mailbox {
 public:
  /// Makes the folder.
  static Result<Mailbox> open(const std::string& run_folder);

  /// New messages as Inputs, in the order of their ids, at most a few thousand. Messages without sense are answered at
  /// once and left out. `execution`: which one stop and redrive mean.
  std::vector<engine::InputBody> take(engine::ExecutionId execution);
  /// Whether the last take() left some for the next.
  bool has_more() const { return has_more_; }
  /// What became of the message: its Events are durable.
  void answer(const std::string& id, engine::Verdict verdict) { answer(id, describe(verdict)); }
  /// Makes durable that the messages answered so far are gone. Ids: those that will not come again.
  std::vector<std::string> settle();

 private:
  explicit Mailbox(std::string folder) : folder_(std::move(folder)) {}
  void answer(const std::string& id, const std::string& text);
  std::string path(const std::string& id, std::string_view suffix) const;

  std::string folder_;
  std::unordered_set<std::string> taken_;  // not answered yet
  std::vector<std::string> answered_;      // not settled yet
  bool has_more_ = false;
};

}  // namespace lockstep::service
