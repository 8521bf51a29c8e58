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
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mpi_worker/machine.hpp"
#include "service/folder_watch.hpp"
#include "service/request.hpp"
#include "value/error.hpp"

namespace lockstep::service {

/// The sender's side. The message is durable when it returns; the result is its id. An error (occupied) where no run
/// stands there, (io) where it cannot be written.
Result<std::string> post(const std::string& run_folder, const Request& request,
                         journal::FileLayer& files = journal::posix_files());
/// Waits for the answer to message `id` and removes it. Nothing after `limit`: the message is still there.
Result<std::optional<std::string>> await_answer(const std::string& run_folder, const std::string& id,
                                                std::chrono::milliseconds limit);
/// Whether the message still waits for an owner, or for its answer.
Result<bool> is_waiting(const std::string& run_folder, const std::string& id);
/// Takes a message back that nobody has taken in; false if it was answered or taken meanwhile.
bool withdraw(const std::string& run_folder, const std::string& id);

/// The owner's side. One thread.
class Mailbox final : public InputSource {
 public:
  /// Makes the folder. Borrows `machine`.
  static Result<Mailbox> open(const std::string& run_folder, worker::Machine& machine = worker::real_machine());

  /// By what processes of this node post. Others are seen by a look at the folder every second; where nothing can be
  /// noticed, all of them by one every quarter of a second.
  void announce_to(const fleet::Waker& waker) override;
  bool has_news() const override { return watch_ != nullptr && watch_->has_news(); }
  std::chrono::milliseconds longest_rest() const override;
  std::vector<Incoming> take() override;
  bool failed() const override { return failed_; }
  bool has_more() const override { return has_more_; }
  void reply(const std::string& id, const Reply& reply) override;
  Result<void> take_back(const std::string& id) override;
  /// Until the message is withdrawn.
  bool is_awaited(const std::string& id) override;
  /// Makes durable that the messages answered so far are gone.
  std::vector<std::string> settle() override;
  bool may_come_again(const std::string& id) override;

 private:
  Mailbox(std::string folder, worker::Machine& machine)
      : folder_(std::move(folder)), machine_(&machine), files_(&machine.files()) {}
  void remove_stale(const std::vector<std::string>& names);
  void answer(const std::string& id, const std::string& text);
  std::string path(const std::string& id, std::string_view suffix) const;
  Result<std::optional<std::string>> read(const std::string& file) const;

  std::string folder_;
  worker::Machine* machine_;
  journal::FileLayer* files_;
  std::unique_ptr<FolderWatch> watch_;  // null: nothing is noticed
  /// Answers that nobody has fetched, and what was never finished: since when they are seen to stand there.
  std::unordered_map<std::string, worker::Machine::Clock::time_point> standing_;
  std::unordered_set<std::string> taken_;  // not answered yet
  std::vector<std::string> unlinked_;      // answered, to be deleted
  std::vector<std::string> answered_;      // deleted, not settled yet
  bool has_more_ = false;
  bool failed_ = false;
  std::optional<bool> is_clear_;  // what earlier owners have deleted is gone for good
};

}  // namespace lockstep::service
