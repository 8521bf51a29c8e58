#include "report/house_view.hpp"

#include "catalogue/names.hpp"
#include "catalogue/view.hpp"
#include "value/number.hpp"

namespace lockstep::report {

namespace {

std::optional<engine::Event> read_event(const RunFiles& run, journal::SequenceNumber seq) {
  journal::ReadOptions options;
  options.from = seq;
  options.until = seq;
  auto reader = journal::EventReader::open(run.journal, options);
  auto next = reader ? reader->next() : Result<std::optional<journal::RecordedEvent>>(std::nullopt);
  return next && *next ? std::optional(std::move((*next)->event)) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<catalogue::Catalogue>> read_catalogue(const RunFiles& run) {
  return catalogue::view(journal::posix_files(), run.journal);
}

std::optional<catalogue::ExecutionEntry> find_entry(const catalogue::Catalogue& catalogue, const std::string& wanted) {
  const catalogue::ExecutionIndex& index = catalogue.executions();
  const auto name = catalogue::parse_execution_arn(wanted);
  auto found = name ? index.find(name->machine_arn, name->name) : index.find_named(wanted);
  std::uint64_t number = 0;
  if (found && !*found && parse_whole(wanted, number)) {
    found = index.find(engine::ExecutionId{number});
  }
  return found ? std::move(*found) : std::nullopt;
}

std::optional<FoundExecution> read_start(const RunFiles& run, const catalogue::ExecutionEntry& entry) {
  auto started = read_event(run, entry.first);
  if (!started || started->execution != entry.id || !std::holds_alternative<engine::ExecutionStarted>(started->body)) {
    return std::nullopt;
  }
  FoundExecution found{std::move(*started), 0, entry.first};
  found.redriven = entry.redrive_count != 0;
  if (entry.last != 0) {
    const auto ended = read_event(run, entry.last);
    found.last = entry.last;
    found.last_event_id = ended ? ended->id : 0;
  }
  return found;
}

journal::ReadOptions range_of(const catalogue::ExecutionEntry& entry) {
  journal::ReadOptions options;
  options.from = entry.first;
  options.until = entry.last != 0 ? entry.last : UINT64_MAX;
  options.execution = entry.id;
  return options;
}

Result<std::uint64_t> count_events(const RunFiles& run) {
  journal::ReadOptions options;
  options.from = UINT64_MAX;
  auto reader = TRY(journal::EventReader::open(run.journal, options));
  TRY(reader.next_row());
  return reader.tail().next_seq - 1;
}

Error error_of(const catalogue::Refusal& refusal) {
  return {refusal.error == "InternalServerError" ? ErrorKind::io : ErrorKind::usage, refusal.message};
}

}  // namespace lockstep::report
