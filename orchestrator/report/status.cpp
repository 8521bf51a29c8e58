#include "report/status.hpp"

#include <fmt/format.h>

#include "journal/bring_back.hpp"
#include "report/house_view.hpp"
#include "value/shell.hpp"

namespace lockstep::report {

namespace {

/// What there is to count, and the execution as it stands.
class Look {
 public:
  Look(const RunFiles& run, const std::string& execution) : run_(run), choice_(execution, run.name) {
    if (!choice_.is_explicit()) {
      return;
    }
    // What keeps the index from being read is told by whoever reads the journal.
    if (auto catalogue = read_catalogue(run)) {
      catalogue_ = std::move(*catalogue);
      entry_ = find_entry(*catalogue_, execution);
    }
  }

  Result<RunTally> tally() const {
    auto tally = entry_ ? tally_execution(run_, *entry_) : tally_run(run_, choice_);
    if (!tally || !entry_) {
      return tally;
    }
    auto counts = catalogue_->executions().counts();
    const auto events = count_events(run_);
    if (!counts || !events) {
      return tl::unexpected<Error>(counts ? events.error() : error_of(counts.error()));
    }
    tally->by_status = std::move(*counts);
    for (const auto& [status, count] : tally->by_status) {
      tally->executions += count;
    }
    tally->events = *events;
    return tally;
  }

  Result<std::optional<LiveView>> live(engine::ExecutionId id, const Running& running, std::size_t most) const {
    engine::Engine engine(engine::Limits::hpc());
    TRY(journal::bring_back(journal::posix_files(), run_.journal, engine));
    return look_at_live(engine, id, running, most);
  }

  Error nothing_found() const { return choice_.nothing_found(run_.folder); }

 private:
  const RunFiles& run_;
  const Choice choice_;
  std::unique_ptr<catalogue::Catalogue> catalogue_;
  std::optional<catalogue::ExecutionEntry> entry_;
};

}  // namespace

Result<RunStatus> read_status(const RunFiles& run, const std::string& execution, Timestamp now, std::size_t most) {
  RunStatus status;
  status.run = run;
  status.now = now;
  const Look look(run, execution);
  auto tally = look.tally();
  if (!tally) {
    return tl::unexpected<Error>(tally.error());
  }
  status.tally = std::move(*tally);
  if (!status.tally.chosen && !execution.empty()) {
    return tl::unexpected<Error>(look.nothing_found());
  }
  status.owner = journal::look_at_owner(run.folder, journal::kWatch);
  if (status.tally.chosen) {
    const bool is_live = status.owner.life != journal::Life::ended;
    status.running.emplace(run, status.tally.chosen->id, is_live, status.owner.owner ? status.owner.owner->epoch : 0);
  }
  if (status.tally.chosen && status.tally.chosen->status == engine::Status::running) {
    status.live = TRY(look.live(status.tally.chosen->id, *status.running, most));
    if (!status.live) {
      // It ended between the two looks: count again.
      tally = look.tally();
      if (!tally) {
        return tl::unexpected<Error>(tally.error());
      }
      status.tally = std::move(*tally);
    }
  }
  return status;
}

std::string state_of(const RunStatus& status) {
  if (!status.tally.chosen) {
    return "NOT STARTED";
  }
  const engine::Status of_execution = status.tally.chosen->status;
  return of_execution == engine::Status::running && status.owner.life == journal::Life::ended
             ? "INTERRUPTED"
             : std::string(to_string(of_execution));
}

std::int64_t run_time(const RunStatus& status) {
  const ExecutionTally& chosen = *status.tally.chosen;
  const bool is_over = chosen.status != engine::Status::running;
  const std::int64_t all = (is_over ? chosen.last_at : status.now).us - chosen.started_at.us;
  if (!status.running || !status.running->state()) {
    return all;
  }
  const RunState& state = *status.running->state();
  const bool goes_on = !is_over && status.owner.life != journal::Life::ended;
  return std::min(all, goes_on ? state.ran_before + status.now.us - state.since.us : state.ran());
}

bool can_be_redriven(const RunStatus& status) {
  return status.run.type != "EXPRESS" && status.tally.chosen && status.tally.chosen->may_be_redriven;
}

std::string next_command(const RunStatus& status) {
  if (status.owner.life == journal::Life::running) {
    return "";
  }
  if (status.run.is_house()) {
    const bool is_over = status.tally.chosen && status.tally.chosen->status != engine::Status::running;
    return is_over ? "" : "lockstep serve --dir " + shell_word(status.run.folder);
  }
  if (!status.tally.chosen) {
    return status.tally.executions == 0 && status.run.name.empty()
               ? ""
               : "lockstep resume --dir " + shell_word(status.run.folder);
  }
  switch (status.tally.chosen->status) {
    case engine::Status::running:
      return "lockstep resume --dir " + shell_word(status.run.folder);
    case engine::Status::failed:
    case engine::Status::timed_out:
    case engine::Status::aborted:
      return can_be_redriven(status) ? "lockstep redrive --dir " + shell_word(status.run.folder) : "";
    case engine::Status::succeeded:
      break;
  }
  return "";
}

std::string place_name(const asl::StateMachine& machine, asl::StateId state, const std::optional<std::uint32_t>& item) {
  const std::string& name = machine.state(state).name;
  return item ? fmt::format("{}[{}]", name, *item) : name;
}

}  // namespace lockstep::report
