#include "mpi_worker/spool_record.hpp"

#include "value/number.hpp"
#include "work/fields.hpp"

namespace lockstep::worker {
namespace {

constexpr std::string_view kRank = "rank-";
constexpr std::string_view kEpoch = ".e";

/// Of a row that version 1.2 wrote, or one before: they were Events then, with the dispatch in the columns for event
/// ids and how many milliseconds it took in that for the state.
std::optional<SpoolRecord> record_of(engine::Event event) {
  SpoolRecord record;
  Outcome& outcome = record.outcome;
  outcome.id = DispatchId::at(event.execution, event.id, static_cast<std::uint32_t>(event.previous));
  outcome.started = event.time;
  if (std::holds_alternative<engine::TaskStarted>(event.body)) {
    return record;
  }
  if (std::holds_alternative<engine::TaskRedispatched>(event.body)) {
    record.kind = SpoolKind::withdrawn;
    return record;
  }
  record.kind = SpoolKind::ended;
  outcome.ended = event.time;
  const auto duration = event.state == asl::StateId::none ? 0 : static_cast<std::int64_t>(event.state);
  outcome.started.us -= duration * 1000;
  if (auto* succeeded = std::get_if<engine::TaskSucceeded>(&event.body)) {
    outcome.usage = succeeded->usage;
    outcome.result = std::move(succeeded->result);
  } else if (auto* failed = std::get_if<engine::TaskFailed>(&event.body)) {
    outcome.usage = failed->usage;
    outcome.kind = OutcomeKind::failed;
    outcome.error = std::move(failed->error);
    outcome.cause = std::move(failed->cause).value_or("");
  } else if (const auto* timed_out = std::get_if<engine::TaskTimedOut>(&event.body)) {
    outcome.usage = timed_out->usage;
    outcome.kind = timed_out->heartbeat ? OutcomeKind::heartbeat_missed : OutcomeKind::timed_out;
  } else {
    return std::nullopt;
  }
  return record;
}

}  // namespace

void encode_record(SpoolKind kind, const Outcome& outcome, journal::Row& row, journal::Sink& sink) {
  const std::size_t start = sink.size();
  sink.start_item();
  if (kind == SpoolKind::ended) {
    sink.put_all(work::fields(outcome));
  }
  row.kind = static_cast<std::uint16_t>(journal::kFirstSpoolKind + static_cast<std::uint16_t>(kind));
  row.time_us = kind == SpoolKind::begun ? outcome.started.us : outcome.ended.us;
  row.execution = static_cast<std::uint64_t>(outcome.id.execution);
  row.strand = static_cast<std::uint32_t>(outcome.id.strand);
  row.id = outcome.id.visit;
  row.previous = outcome.id.count;
  row.state = static_cast<std::uint32_t>(asl::StateId::none);
  row.offset = static_cast<std::uint32_t>(start);
  row.length = static_cast<std::uint32_t>(sink.size() - start);
}

Result<SpoolRecord> decode_record(const journal::Row& row, std::span<const std::byte> payload,
                                  journal::SourceContext& context, journal::ValueCache& values) {
  const auto strange = [&] { return fail(ErrorKind::io, fmt::format("record {} is none of a spool's", row.seq)); };
  if (row.kind < journal::kFirstSpoolKind) {
    auto event = TRY(journal::decode_event(row, payload, context, values));
    std::optional<SpoolRecord> record = record_of(std::move(event));
    return record ? Result<SpoolRecord>(std::move(*record)) : strange();
  }
  SpoolRecord record;
  record.kind = static_cast<SpoolKind>(row.kind - journal::kFirstSpoolKind);
  Outcome& outcome = record.outcome;
  outcome.id = {work::ExecutionId{row.execution}, work::StrandId{row.strand}, static_cast<std::uint32_t>(row.id),
                static_cast<std::uint32_t>(row.previous)};
  outcome.started = Timestamp{row.time_us};
  if (record.kind == SpoolKind::ended) {
    auto source = TRY(journal::body_of(row, payload, context, values));
    source.get_all(work::fields(outcome));
    if (!source.problem().empty()) {
      return fail(ErrorKind::io, fmt::format("record {} cannot be read: {}", row.seq, source.problem()));
    }
  }
  return record.kind <= SpoolKind::ended && work::is_outcome(outcome.kind) ? Result<SpoolRecord>(std::move(record))
                                                                           : strange();
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
      !parse_whole(name.substr(kRank.size(), dot - kRank.size()), parsed.rank) ||
      !parse_whole(name.substr(dot + kEpoch.size()), parsed.epoch)) {
    return std::nullopt;
  }
  return parsed;
}

}  // namespace lockstep::worker
