#include "report/status.hpp"

#include <fmt/format.h>

namespace lockstep::report {

namespace {

/// An owner moves its counter every second.
constexpr std::chrono::milliseconds kWatch{2'500};

/// `folder` as a shell takes it.
std::string quoted(const std::string& folder) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:,@%";
  if (!folder.empty() && folder.find_first_not_of(kPlain) == std::string::npos) {
    return folder;
  }
  std::string text = "'";
  for (const char c : folder) {
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return text + "'";
}

}  // namespace

Result<RunStatus> read_status(const RunFiles& run, const std::string& execution, Timestamp now, std::size_t most) {
  RunStatus status;
  status.run = run;
  status.now = now;
  Choice choice(execution, run.name);
  auto tally = tally_run(run, choice);
  if (!tally) {
    return tl::unexpected<Error>(tally.error());
  }
  status.tally = std::move(*tally);
  if (!status.tally.chosen && !execution.empty()) {
    return tl::unexpected<Error>(choice.nothing_found(run.folder));
  }
  if (status.tally.chosen && status.tally.chosen->status == engine::Status::running) {
    auto live = look_at_live(run, status.tally.chosen->id, most);
    if (!live) {
      return tl::unexpected<Error>(live.error());
    }
    status.live = std::move(*live);
    if (!status.live) {
      // It ended between the two looks: count again.
      tally = tally_run(run, choice);
      if (!tally) {
        return tl::unexpected<Error>(tally.error());
      }
      status.tally = std::move(*tally);
    }
  }
  status.owner = journal::look_at_owner(run.folder, kWatch);
  return status;
}

std::string next_command(const RunStatus& status) {
  if (status.owner.life == journal::Life::running) {
    return "";
  }
  if (!status.tally.chosen) {
    return status.tally.executions == 0 && status.run.name.empty()
               ? ""
               : "lockstep resume --dir " + quoted(status.run.folder);
  }
  switch (status.tally.chosen->status) {
    case engine::Status::running:
      return "lockstep resume --dir " + quoted(status.run.folder);
    case engine::Status::failed:
    case engine::Status::timed_out:
    case engine::Status::aborted:
      return "lockstep redrive --dir " + quoted(status.run.folder);
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
