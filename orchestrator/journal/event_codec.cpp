#include "journal/event_codec.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <utility>
#include <variant>

#include "journal/crc32c.hpp"

namespace lockstep::journal {

static_assert(std::endian::native == std::endian::little, "rows are written as they stand in memory");

namespace {

struct Kind {
  std::uint16_t number;
  std::string_view name;
};

// A kind's number is for ever. A new kind takes the next one.
constexpr Kind kind_of(const engine::ExecutionStarted*) {
  return {1, "ExecutionStarted"};
}
constexpr Kind kind_of(const engine::ExecutionSucceeded*) {
  return {2, "ExecutionSucceeded"};
}
constexpr Kind kind_of(const engine::ExecutionFailed*) {
  return {3, "ExecutionFailed"};
}
constexpr Kind kind_of(const engine::ExecutionTimedOut*) {
  return {4, "ExecutionTimedOut"};
}
constexpr Kind kind_of(const engine::ExecutionAborted*) {
  return {5, "ExecutionAborted"};
}
constexpr Kind kind_of(const engine::StateEntered*) {
  return {6, "StateEntered"};
}
constexpr Kind kind_of(const engine::StateExited*) {
  return {7, "StateExited"};
}
constexpr Kind kind_of(const engine::EvaluationFailed*) {
  return {8, "EvaluationFailed"};
}
constexpr Kind kind_of(const engine::TaskScheduled*) {
  return {9, "TaskScheduled"};
}
constexpr Kind kind_of(const engine::TaskStarted*) {
  return {10, "TaskStarted"};
}
constexpr Kind kind_of(const engine::TaskSubmitted*) {
  return {11, "TaskSubmitted"};
}
constexpr Kind kind_of(const engine::TaskSucceeded*) {
  return {12, "TaskSucceeded"};
}
constexpr Kind kind_of(const engine::TaskFailed*) {
  return {13, "TaskFailed"};
}
constexpr Kind kind_of(const engine::TaskTimedOut*) {
  return {14, "TaskTimedOut"};
}
constexpr Kind kind_of(const engine::WaitStarted*) {
  return {15, "WaitStarted"};
}
constexpr Kind kind_of(const engine::RetryScheduled*) {
  return {16, "RetryScheduled"};
}
constexpr Kind kind_of(const engine::ParallelStarted*) {
  return {17, "ParallelStarted"};
}
constexpr Kind kind_of(const engine::MapStarted*) {
  return {18, "MapStarted"};
}
constexpr Kind kind_of(const engine::MapIterationStarted*) {
  return {19, "MapIterationStarted"};
}
constexpr Kind kind_of(const engine::ChildSucceeded*) {
  return {20, "ChildSucceeded"};
}
constexpr Kind kind_of(const engine::ChildFailed*) {
  return {21, "ChildFailed"};
}
constexpr Kind kind_of(const engine::StateAborted*) {
  return {22, "StateAborted"};
}
constexpr Kind kind_of(const engine::ChildAborted*) {
  return {23, "ChildAborted"};
}
constexpr Kind kind_of(const engine::ChildrenSucceeded*) {
  return {24, "ChildrenSucceeded"};
}
constexpr Kind kind_of(const engine::ChildrenFailed*) {
  return {25, "ChildrenFailed"};
}

constexpr Kind kind_of(const engine::TaskRedispatched*) {
  return {26, "TaskRedispatched"};
}
constexpr Kind kind_of(const engine::HeartbeatReceived*) {
  return {27, "HeartbeatReceived"};
}
constexpr Kind kind_of(const engine::RequestTaken*) {
  return {28, "RequestTaken"};
}
constexpr Kind kind_of(const engine::ExecutionRedriven*) {
  return {29, "ExecutionRedriven"};
}
constexpr Kind kind_of(const engine::WorkFailed*) {
  return {30, "WorkFailed"};
}
constexpr Kind kind_of(const engine::MachineCreated*) {
  return {31, "MachineCreated"};
}
constexpr Kind kind_of(const engine::MachineRevised*) {
  return {32, "MachineRevised"};
}
constexpr Kind kind_of(const engine::MachineDeleted*) {
  return {33, "MachineDeleted"};
}
constexpr Kind kind_of(const engine::ActivityCreated*) {
  return {34, "ActivityCreated"};
}
constexpr Kind kind_of(const engine::ActivityDeleted*) {
  return {35, "ActivityDeleted"};
}
constexpr Kind kind_of(const engine::TaskNoted*) {
  return {36, "TaskNoted"};
}
constexpr Kind kind_of(const engine::MapRunStarted*) {
  return {37, "MapRunStarted"};
}
constexpr Kind kind_of(const engine::MapRunRedriven*) {
  return {38, "MapRunRedriven"};
}
constexpr Kind kind_of(const engine::MapRunProgress*) {
  return {39, "MapRunProgress"};
}
constexpr Kind kind_of(const engine::MapRunSucceeded*) {
  return {40, "MapRunSucceeded"};
}
constexpr Kind kind_of(const engine::MapRunFailed*) {
  return {41, "MapRunFailed"};
}
constexpr Kind kind_of(const engine::MapRunAborted*) {
  return {42, "MapRunAborted"};
}
constexpr Kind kind_of(const engine::MapRunChanged*) {
  return {43, "MapRunChanged"};
}

// All fields of a body, in the order in which they are written. A new one goes to the end.
template <class T>
requires std::is_empty_v<T>
auto fields(T& /*body*/) {
  return std::tuple<>();
}
auto fields(engine::ExecutionStarted& body) {
  auto& [identity, machine, input, origin, request] = body;
  return std::tie(identity, machine, input, origin, request);
}
auto fields(engine::ExecutionSucceeded& body) {
  auto& [output] = body;
  return std::tie(output);
}
auto fields(engine::ExecutionFailed& body) {
  auto& [error, cause] = body;
  return std::tie(error, cause);
}
auto fields(engine::ExecutionAborted& body) {
  auto& [error, cause, request] = body;
  return std::tie(error, cause, request);
}
auto fields(engine::StateEntered& body) {
  auto& [state, input] = body;
  return std::tie(state, input);
}
auto fields(engine::StateExited& body) {
  auto& [output, next, assigned] = body;
  return std::tie(output, next, assigned);
}
auto fields(engine::EvaluationFailed& body) {
  auto& [cause, location] = body;
  return std::tie(cause, location);
}
auto fields(engine::TaskScheduled& body) {
  auto& [count, parameters, timeout, heartbeat, token, credentials] = body;
  return std::tie(count, parameters, timeout, heartbeat, token, credentials);
}
auto fields(engine::TaskStarted& body) {
  auto& [earlier_us, worker, request] = body;
  return std::tie(earlier_us, worker, request);
}
auto fields(engine::TaskSubmitted& body) {
  auto& [output] = body;
  return std::tie(output);
}
auto fields(engine::TaskSucceeded& body) {
  auto& [result, usage, request] = body;
  return std::tie(result, usage.cpu_us, usage.max_rss_kib, usage.rank, request);
}
auto fields(engine::TaskFailed& body) {
  auto& [error, cause, usage, request] = body;
  return std::tie(error, cause, usage.cpu_us, usage.max_rss_kib, usage.rank, request);
}
auto fields(engine::TaskTimedOut& body) {
  auto& [heartbeat, usage] = body;
  return std::tie(heartbeat, usage.cpu_us, usage.max_rss_kib, usage.rank);
}
auto fields(engine::WaitStarted& body) {
  auto& [deadline] = body;
  return std::tie(deadline);
}
auto fields(engine::RetryScheduled& body) {
  auto& [retrier, deadline] = body;
  return std::tie(retrier, deadline);
}
auto fields(engine::ParallelStarted& body) {
  auto& [first_child, input] = body;
  return std::tie(first_child, input);
}
auto fields(engine::MapStarted& body) {
  auto& [items, max_concurrency] = body;
  return std::tie(items, max_concurrency);
}
auto fields(engine::MapIterationStarted& body) {
  auto& [child, index, input] = body;
  return std::tie(child, index, input);
}
auto fields(engine::ChildSucceeded& body) {
  auto& [parent, index, iteration] = body;
  return std::tie(parent, index, iteration);
}
auto fields(engine::ChildFailed& body) {
  auto& [parent, index, iteration, error, cause, catchable] = body;
  return std::tie(parent, index, iteration, error, cause, catchable);
}
auto fields(engine::ChildAborted& body) {
  auto& [parent, index, iteration] = body;
  return std::tie(parent, index, iteration);
}
auto fields(engine::ChildrenFailed& body) {
  auto& [error, cause, catchable] = body;
  return std::tie(error, cause, catchable);
}
auto fields(engine::TaskRedispatched& body) {
  auto& [count] = body;
  return std::tie(count);
}
auto fields(engine::RequestTaken& body) {
  auto& [request, verdict] = body;
  return std::tie(request, verdict);
}
auto fields(engine::ExecutionRedriven& body) {
  auto& [count, request, machine, revision] = body;
  return std::tie(count, request, machine, revision);
}
auto fields(engine::HeartbeatReceived& body) {
  auto& [request] = body;
  return std::tie(request);
}
auto fields(engine::TaskNoted& body) {
  auto& [note] = body;
  return std::tie(note);
}
auto fields(engine::MapRunStarted& body) {
  auto& [count, arn, parameters] = body;
  return std::tie(count, arn, parameters);
}
auto fields(engine::MapRunRedriven& body) {
  auto& [count, arn, redrives] = body;
  return std::tie(count, arn, redrives);
}
auto fields(engine::MapRunProgress& body) {
  auto& [children, note] = body;
  return std::tie(children, note);
}
auto fields(engine::MapRunSucceeded& body) {
  auto& [result] = body;
  return std::tie(result);
}
auto fields(engine::MapRunFailed& body) {
  auto& [error, cause] = body;
  return std::tie(error, cause);
}
auto fields(engine::MapRunChanged& body) {
  auto& [parameters] = body;
  return std::tie(parameters);
}
auto fields(engine::WorkFailed& body) {
  auto& [error, cause, catchable] = body;
  return std::tie(error, cause, catchable);
}
auto fields(engine::MachineCreated& body) {
  auto& [arn, name, type, content, request] = body;
  return std::tie(arn, name, type, content, request);
}
auto fields(engine::MachineRevised& body) {
  auto& [arn, revision, content, request] = body;
  return std::tie(arn, revision, content, request);
}
auto fields(engine::MachineDeleted& body) {
  auto& [arn, request] = body;
  return std::tie(arn, request);
}
auto fields(engine::ActivityCreated& body) {
  auto& [arn, name, settings, request] = body;
  return std::tie(arn, name, settings, request);
}
auto fields(engine::ActivityDeleted& body) {
  auto& [arn, request] = body;
  return std::tie(arn, request);
}

template <class Body>
constexpr Kind kKind = kind_of(static_cast<const Body*>(nullptr));

template <class... Body>
constexpr std::uint16_t highest_kind(const std::variant<Body...>*) {
  return std::max({kKind<Body>.number...});
}
constexpr std::size_t kKinds = highest_kind(static_cast<const engine::EventBody*>(nullptr)) + 1;

struct Reader {
  void (*read)(Source&, engine::EventBody&) = nullptr;
  std::string_view name;
};

template <class Body>
void read_body(Source& source, engine::EventBody& body) {
  source.get_all(fields(body.emplace<Body>()));
}

template <class... Body>
constexpr std::array<Reader, kKinds> make_readers(const std::variant<Body...>*) {
  std::array<Reader, kKinds> readers{};
  ((readers[kKind<Body>.number] = Reader{read_body<Body>, kKind<Body>.name}), ...);
  return readers;
}
constexpr auto kReaders = make_readers(static_cast<const engine::EventBody*>(nullptr));
static_assert(std::variant_size_v<engine::EventBody> + 1 == kKinds, "two kinds share a number, or one is left out");

constexpr auto kKindNames = [] {
  std::array<hdf5::NamedValue, kKinds + 3> names{};
  names[0] = {0, "none"};
  for (std::uint16_t i = 1; i < kKinds; ++i) {
    names[i] = {i, kReaders[i].name};
  }
  names[kKinds] = {kFirstSpoolKind, "Begun"};
  names[kKinds + 1] = {kFirstSpoolKind + 1, "Withdrawn"};
  names[kKinds + 2] = {kFirstSpoolKind + 2, "Ended"};
  return names;
}();

using hdf5::ColumnType;
constexpr hdf5::Column kColumns[] = {{"seq", ColumnType::u64, offsetof(Row, seq)},
                                     {"time_us", ColumnType::i64, offsetof(Row, time_us)},
                                     {"execution", ColumnType::u64, offsetof(Row, execution)},
                                     {"id", ColumnType::u64, offsetof(Row, id)},
                                     {"previous", ColumnType::u64, offsetof(Row, previous)},
                                     {"strand", ColumnType::u32, offsetof(Row, strand)},
                                     {"state", ColumnType::u32, offsetof(Row, state)},
                                     {"offset", ColumnType::u32, offsetof(Row, offset)},
                                     {"length", ColumnType::u32, offsetof(Row, length)},
                                     {"crc", ColumnType::u32, offsetof(Row, crc)},
                                     {"kind", ColumnType::name, offsetof(Row, kind)},
                                     {"place", ColumnType::u16, offsetof(Row, place)}};
constexpr hdf5::RowType kRowType{kRowBytes, kColumns, kKindNames};

}  // namespace

std::uint32_t row_crc(const Row& row, std::span<const std::byte> body, std::uint64_t salt) {
  Row plain = row;
  plain.crc = 0;
  std::uint32_t crc = crc32c(std::as_bytes(std::span(&salt, 1)));
  crc = crc32c(std::as_bytes(std::span(&plain, 1)), crc);
  return crc32c(body, crc);
}

const hdf5::RowType& row_type() {
  return kRowType;
}

void encode_event(const engine::Event& event, Row& row, Sink& sink) {
  const std::size_t start = sink.size();
  sink.start_item();
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        row.kind = kKind<Body>.number;
        // One list of fields serves both ways; nothing is changed through it here.
        sink.put_all(fields(const_cast<Body&>(body)));
      },
      event.body);
  row.time_us = event.time.us;
  row.execution = static_cast<std::uint64_t>(event.execution);
  row.id = event.id;
  row.previous = event.previous;
  row.strand = static_cast<std::uint32_t>(event.strand);
  row.state = static_cast<std::uint32_t>(event.state);
  row.offset = static_cast<std::uint32_t>(start);
  row.length = static_cast<std::uint32_t>(sink.size() - start);
}

Result<Source> body_of(const Row& row, std::span<const std::byte> payload, SourceContext& context, ValueCache& values) {
  if (row.offset > payload.size() || row.length > payload.size() - row.offset) {
    return fail(ErrorKind::io, fmt::format("the body of event {} lies outside its segment", row.seq));
  }
  return Source(payload, row.offset, row.length, context, values);
}

Result<engine::Event> decode_event(const Row& row, std::span<const std::byte> payload, SourceContext& context,
                                   ValueCache& values) {
  if (row.kind >= kKinds || kReaders[row.kind].read == nullptr) {
    return fail(ErrorKind::io, fmt::format("event {} is of a kind ({}) that this version does not know; a newer "
                                           "version wrote it",
                                           row.seq, row.kind));
  }
  auto source = TRY(body_of(row, payload, context, values));
  engine::Event event;
  event.execution = engine::ExecutionId{row.execution};
  event.strand = engine::StrandId{row.strand};
  event.state = asl::StateId{row.state};
  event.time = Timestamp{row.time_us};
  event.id = row.id;
  event.previous = row.previous;
  kReaders[row.kind].read(source, event.body);
  if (!source.problem().empty()) {
    return fail(ErrorKind::io, fmt::format("event {} cannot be read: {}", row.seq, source.problem()));
  }
  return event;
}

std::string_view kind_name(std::uint16_t kind) {
  return kind < kKinds ? kReaders[kind].name : std::string_view();
}

}  // namespace lockstep::journal
