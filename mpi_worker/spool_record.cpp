#include "mpi_worker/spool_record.hpp"

#include <charconv>

namespace lockstep::worker {
namespace {

constexpr std::string_view kRank = "rank-";
constexpr std::string_view kEpoch = ".e";

engine::Event event_of(const DispatchId& id, Timestamp time) {
  engine::Event event;
  event.execution = engine::ExecutionId{id.execution};
  event.strand = engine::StrandId{static_cast<std::uint32_t>(id.visit >> 32U)};
  event.id = id.visit;
  event.previous = id.count;
  event.time = time;
  return event;
}

/// The time that a task took, in milliseconds, as long as the field can hold it.
std::uint32_t duration_of(const Outcome& outcome) {
  constexpr std::int64_t kLongest = UINT32_MAX - 1;  // the greatest number means: none
  const std::int64_t ms = (outcome.ended.us - outcome.started.us) / 1000;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, kLongest));
}

template <class T>
bool read_number(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

engine::Event marker_event(const DispatchId& id, Timestamp started) {
  engine::Event event = event_of(id, started);
  event.body = engine::TaskStarted{};
  return event;
}

engine::Event outcome_event(const Outcome& outcome) {
  engine::Event event = event_of(outcome.id, outcome.ended);
  event.state = asl::StateId{duration_of(outcome)};
  const engine::TaskUsage usage{outcome.cpu.count(), outcome.max_rss_kib, outcome.rank};
  switch (outcome.kind) {
    case OutcomeKind::succeeded:
      event.body = engine::TaskSucceeded{outcome.result, usage};
      break;
    case OutcomeKind::timed_out:
      event.body = engine::TaskTimedOut{outcome.error == kHeartbeatTimeout, usage};
      break;
    case OutcomeKind::failed:
    case OutcomeKind::cancelled:
      event.body = engine::TaskFailed{outcome.error, outcome.cause, usage};
      break;
  }
  return event;
}

std::optional<SpoolRecord> record_of(engine::Event event) {
  SpoolRecord record;
  record.id = {static_cast<std::uint64_t>(event.execution), event.id, static_cast<std::uint32_t>(event.previous)};
  record.time = event.time;
  if (std::holds_alternative<engine::TaskStarted>(event.body)) {
    return record;
  }
  record.kind = SpoolRecord::Kind::ended;
  Outcome& outcome = record.outcome;
  outcome.id = record.id;
  outcome.ended = event.time;
  const auto duration = event.state == asl::StateId::none ? 0 : static_cast<std::int64_t>(event.state);
  outcome.started.us = event.time.us - duration * 1000;
  const auto take_usage = [&](const engine::TaskUsage& usage) {
    outcome.cpu = std::chrono::microseconds(usage.cpu_us);
    outcome.max_rss_kib = usage.max_rss_kib;
    outcome.rank = usage.rank;
  };
  if (auto* succeeded = std::get_if<engine::TaskSucceeded>(&event.body)) {
    take_usage(succeeded->usage);
    outcome.kind = OutcomeKind::succeeded;
    outcome.result = std::move(succeeded->result);
  } else if (auto* failed = std::get_if<engine::TaskFailed>(&event.body)) {
    take_usage(failed->usage);
    outcome.kind = OutcomeKind::failed;
    outcome.error = std::move(failed->error);
    outcome.cause = std::move(failed->cause).value_or("");
  } else if (const auto* timed_out = std::get_if<engine::TaskTimedOut>(&event.body)) {
    take_usage(timed_out->usage);
    outcome.kind = OutcomeKind::timed_out;
    outcome.error = timed_out->heartbeat ? kHeartbeatTimeout : "";
  } else {
    return std::nullopt;
  }
  return record;
}

std::string spools_folder(const std::string& run_folder) {
  return run_folder + "/spool";
}

std::string spool_name(std::uint32_t rank, journal::Epoch epoch) {
  return fmt::format("{}{:05}{}{}", kRank, rank, kEpoch, epoch);
}

std::optional<SpoolName> parse_spool_name(std::string_view name) {
  const std::size_t dot = name.find(kEpoch);
  SpoolName parsed;
  if (!name.starts_with(kRank) || dot == std::string_view::npos ||
      !read_number(name.substr(kRank.size(), dot - kRank.size()), parsed.rank) ||
      !read_number(name.substr(dot + kEpoch.size()), parsed.epoch)) {
    return std::nullopt;
  }
  return parsed;
}

}  // namespace lockstep::worker
