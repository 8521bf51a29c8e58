// The performer of mocks: every task is answered by what a test case, or a recording, says. Time is its clock's, so
// that what takes a year need not last.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>

#include "integrations/integration.hpp"
#include "integrations/mocks.hpp"
#include "service/clock.hpp"
#include "service/performer.hpp"

namespace lockstep::service {

/// Nothing answers a dispatch.
struct Unanswered {
  /// A mock is there, but not for this invocation: then the execution fails with this cause, as States.Runtime
  /// (services.md 10.1). Else the state is not mocked, and nobody knows how the execution would go on.
  bool is_exhausted = false;
  std::string cause;
};
using Answer = tl::expected<integrations::MockedResponse, Unanswered>;
/// What answers a dispatch. Asked once for each, in the order in which they go out.
using AnswerOf = std::function<Answer(const engine::DispatchTask&)>;

/// A test case's answers: those of its mocks, and for states that it does not name those of jobs that need no process.
class CaseAnswers {
 public:
  /// Borrows all of it.
  CaseAnswers(const integrations::MockFile& file, const integrations::TestCase& test,
              const integrations::Integrations& jobs)
      : file_(file), test_(test), jobs_(jobs) {}
  Answer operator()(const engine::DispatchTask& dispatch);

 private:
  Answer unmocked(const engine::DispatchTask& dispatch, const std::string& state) const;

  const integrations::MockFile& file_;
  const integrations::TestCase& test_;
  const integrations::Integrations& jobs_;
  std::map<std::string, std::uint64_t> invocations_;  // by state, of the whole execution
};

class MockPerformer final : public Performer {
 public:
  /// Borrows the clock.
  MockPerformer(AnswerOf answer_of, const Clock& clock) : answer_of_(std::move(answer_of)), clock_(clock) {}

  void dispatch(engine::DispatchTask dispatch) override;
  void cancel(const engine::DispatchId& id) override { cancelled_.insert(id); }
  /// Nothing is out but what it holds in memory.
  Result<std::vector<Fate>> recover(const std::vector<engine::DispatchTask>& open) override {
    return std::vector<Fate>(open.size(), GoesOutAgain{});
  }
  bool report(const TakeIn& take) override;
  std::size_t open() const override { return due_.size(); }

  /// When report() will have something to say; nothing: never.
  std::optional<Timestamp> next() const;
  /// The first dispatch that nothing answers.
  struct Stuck {
    engine::DispatchTask dispatch;
    Unanswered why;
  };
  const std::optional<Stuck>& stuck() const { return stuck_; }

 private:
  /// Of what is due at the same time the first that was asked for comes first.
  using Due = std::pair<Timestamp, std::uint64_t>;

  void later(const engine::DispatchId& id, std::chrono::microseconds delay, engine::InputBody input);
  void answer_by_token(const engine::DispatchTask& dispatch, integrations::MockedResponse response);
  void answer(const engine::DispatchTask& dispatch, integrations::MockedResponse response);

  AnswerOf answer_of_;
  const Clock& clock_;
  std::map<Due, std::pair<engine::DispatchId, engine::InputBody>> due_;
  std::unordered_set<engine::DispatchId, work::DispatchIdHash> cancelled_;
  std::uint64_t asked_ = 0;
  std::optional<Stuck> stuck_;
};

}  // namespace lockstep::service
