// For tests: a loop with jobs in a fleet as its only performer, and one execution at its desk.
#pragma once

#include "service/fleet_performer.hpp"
#include "service/loop.hpp"

namespace lockstep::service {

/// How a run ended.
struct RunEnd {
  bool interrupted = false;  ///< a signal stopped it with work left
  engine::EndExecution end;  ///< otherwise
};

class TestShell final : Desk {
 public:
  static constexpr engine::ExecutionId kExecution{1};

  /// What a loop and its performer of jobs are made of, but for each other.
  struct Parts {
    FleetPerformer::Parts jobs;
    journal::Journal& journal;
    std::function<void(Loop::Parts&)> more = nullptr;  ///< anything else that the loop is to have
  };
  explicit TestShell(const Parts& parts) : jobs_(parts.jobs), loop_(loop_parts(parts)) {}

  Result<RunEnd> run(engine::StartExecution start) {
    loop_.take(std::move(start));
    return go_round();
  }
  Result<RunEnd> resume() {
    const auto recovered = loop_.recover();
    return recovered ? go_round() : tl::unexpected<Error>(recovered.error());
  }
  const FleetPerformer& jobs() const { return jobs_; }
  Loop& loop() { return loop_; }
  Performers& performers() { return performers_; }

 private:
  Loop::Parts loop_parts(const Parts& parts) {
    Loop::Parts made{parts.jobs.engine, parts.journal,    performers_,    jobs_, *this,
                     parts.jobs.clock,  parts.jobs.waker, parts.jobs.stop};
    made.observer = parts.jobs.observer;
    made.machine = parts.jobs.machine;
    if (parts.more) {
      parts.more(made);
    }
    return made;
  }
  std::optional<Reply> handle(Incoming incoming, const TakeIn& take) override {
    if (!incoming.request) {
      return refused_by(incoming.request.error());
    }
    if (const auto* stop = std::get_if<Stop>(&*incoming.request)) {
      take(engine::StopExecution{incoming.id, kExecution, stop->error, stop->cause});
      return std::nullopt;
    }
    auto* answer = std::get_if<AnswerToken>(&*incoming.request);
    if (answer == nullptr) {
      return Refused{"InvalidMessage", "nothing is redriven here"};
    }
    take(engine::AnswerTask{incoming.id, answer->token, answer->kind, answer->output, answer->error, answer->cause});
    return std::nullopt;
  }
  std::optional<Reply> reply(const engine::AnswerRequest& verdict) override { return reply_of(verdict.verdict); }
  std::vector<Answered> on_end(const engine::Execution& /*execution*/, engine::EndExecution end) override {
    end_ = std::move(end);
    return {};
  }
  Result<RunEnd> go_round() {
    const auto over = loop_.run([this] { return end_.has_value(); });
    if (!over) {
      return tl::unexpected<Error>(over.error());
    }
    return *over ? RunEnd{false, *end_} : RunEnd{true, {}};
  }

  FleetPerformer jobs_;
  Performers performers_{jobs_};
  Loop loop_;
  std::optional<engine::EndExecution> end_;
};

}  // namespace lockstep::service
