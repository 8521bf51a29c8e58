// Which of a worker's outcomes need not be kept in its spool any longer.
#pragma once

#include <cstdint>
#include <deque>

namespace lockstep::fleet {

/// Brings together the order in which a worker's outcomes came and the service's settled() calls. A byte for each
/// outcome that is not settled.
class Settlement {
 public:
  /// An outcome of the worker's goes to the service, which will settle it.
  void give() { waiting_.push_back(Kind::given); }
  /// An outcome of the worker's goes nowhere: settled as soon as those before it are.
  void drop() {
    waiting_.push_back(Kind::dropped);
    skip_dropped();
  }
  /// The first that the service has and that is not settled, is.
  void settle() {
    if (!waiting_.empty()) {
      ++count_;
      waiting_.pop_front();
      skip_dropped();
    }
  }
  /// The worker's outcomes, from the first on, that are settled.
  std::uint64_t count() const { return count_; }

 private:
  enum class Kind : std::uint8_t { given, dropped };
  void skip_dropped() {
    while (!waiting_.empty() && waiting_.front() == Kind::dropped) {
      waiting_.pop_front();
      ++count_;
    }
  }
  std::deque<Kind> waiting_;  // the first is none that was dropped
  std::uint64_t count_ = 0;
};

}  // namespace lockstep::fleet
