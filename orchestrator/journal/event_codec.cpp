#include "journal/event_codec.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <tuple>
#include <utility>
#include <variant>

#include "journal/crc32c.hpp"
#include "value/members.hpp"

namespace lockstep::journal {

static_assert(std::endian::native == std::endian::little, "rows are written as they stand in memory");

namespace {

template <class Body>
struct Kind {
  std::uint16_t number;
  std::size_t fields;
  std::string_view name;
};

// A kind's number is for ever. A new kind takes the next one. All fields of a body are written, in their order; a new
// one goes to the end.
constexpr std::tuple kTable{
    Kind<engine::ExecutionStarted>{1, 5, "ExecutionStarted"},
    Kind<engine::ExecutionSucceeded>{2, 1, "ExecutionSucceeded"},
    Kind<engine::ExecutionFailed>{3, 2, "ExecutionFailed"},
    Kind<engine::ExecutionTimedOut>{4, 0, "ExecutionTimedOut"},
    Kind<engine::ExecutionAborted>{5, 3, "ExecutionAborted"},
    Kind<engine::StateEntered>{6, 2, "StateEntered"},
    Kind<engine::StateExited>{7, 3, "StateExited"},
    Kind<engine::EvaluationFailed>{8, 2, "EvaluationFailed"},
    Kind<engine::TaskScheduled>{9, 6, "TaskScheduled"},
    Kind<engine::TaskStarted>{10, 3, "TaskStarted"},
    Kind<engine::TaskSubmitted>{11, 1, "TaskSubmitted"},
    Kind<engine::TaskSucceeded>{12, 3, "TaskSucceeded"},
    Kind<engine::TaskFailed>{13, 4, "TaskFailed"},
    Kind<engine::TaskTimedOut>{14, 2, "TaskTimedOut"},
    Kind<engine::WaitStarted>{15, 1, "WaitStarted"},
    Kind<engine::RetryScheduled>{16, 2, "RetryScheduled"},
    Kind<engine::ParallelStarted>{17, 2, "ParallelStarted"},
    Kind<engine::MapStarted>{18, 2, "MapStarted"},
    Kind<engine::MapIterationStarted>{19, 3, "MapIterationStarted"},
    Kind<engine::ChildSucceeded>{20, 3, "ChildSucceeded"},
    Kind<engine::ChildFailed>{21, 6, "ChildFailed"},
    Kind<engine::StateAborted>{22, 0, "StateAborted"},
    Kind<engine::ChildAborted>{23, 3, "ChildAborted"},
    Kind<engine::ChildrenSucceeded>{24, 0, "ChildrenSucceeded"},
    Kind<engine::ChildrenFailed>{25, 3, "ChildrenFailed"},
    Kind<engine::TaskRedispatched>{26, 1, "TaskRedispatched"},
    Kind<engine::HeartbeatReceived>{27, 1, "HeartbeatReceived"},
    Kind<engine::RequestTaken>{28, 2, "RequestTaken"},
    Kind<engine::ExecutionRedriven>{29, 4, "ExecutionRedriven"},
    Kind<engine::WorkFailed>{30, 3, "WorkFailed"},
    Kind<engine::MachineCreated>{31, 5, "MachineCreated"},
    Kind<engine::MachineRevised>{32, 4, "MachineRevised"},
    Kind<engine::MachineDeleted>{33, 2, "MachineDeleted"},
    Kind<engine::ActivityCreated>{34, 4, "ActivityCreated"},
    Kind<engine::ActivityDeleted>{35, 2, "ActivityDeleted"},
    Kind<engine::TaskNoted>{36, 1, "TaskNoted"},
    Kind<engine::MapRunStarted>{37, 3, "MapRunStarted"},
    Kind<engine::MapRunRedriven>{38, 3, "MapRunRedriven"},
    Kind<engine::MapRunProgress>{39, 2, "MapRunProgress"},
    Kind<engine::MapRunSucceeded>{40, 1, "MapRunSucceeded"},
    Kind<engine::MapRunFailed>{41, 2, "MapRunFailed"},
    Kind<engine::MapRunAborted>{42, 0, "MapRunAborted"},
    Kind<engine::MapRunChanged>{43, 1, "MapRunChanged"},
};

template <class Body>
constexpr Kind<Body> kKind = std::get<Kind<Body>>(kTable);

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
  source.get_all(tied<kKind<Body>.fields>(body.emplace<Body>()));
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
        sink.put_all(tied<kKind<Body>.fields>(body));
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
