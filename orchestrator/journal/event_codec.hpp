// Events as rows of 64 bytes and bodies beside them (FORMAT.md). Every kind of Event, and every field of it, must be
// named here, or this does not compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/event.hpp"
#include "hdf5/image.hpp"
#include "journal/codec.hpp"
#include "journal/format.hpp"

namespace lockstep::journal {

/// A row as it stands in /events; little-endian.
struct Row {
  SequenceNumber seq = 0;
  std::int64_t time_us = 0;
  std::uint64_t execution = 0;
  std::uint64_t id = 0;
  std::uint64_t previous = 0;
  std::uint32_t strand = 0;
  std::uint32_t state = 0;
  std::uint32_t offset = 0;  ///< of the body, in /payload
  std::uint32_t length = 0;  ///< of the body
  std::uint32_t crc = 0;     ///< row_crc()
  std::uint16_t kind = 0;
  std::uint16_t place =
      0;  ///< in its commit, from 0: the rows before `seq - place` were durable before this was written
};
static_assert(sizeof(Row) == kRowBytes && std::is_trivially_copyable_v<Row>);

/// Binds everything in the row but the CRC itself, the body's bytes, and the segment (by its salt).
std::uint32_t row_crc(const Row& row, std::span<const std::byte> body, std::uint64_t salt);

/// /events as HDF5 sees it.
const hdf5::RowType& row_type();

/// Writes the body of `event` to `sink` and fills all of `row` but seq, crc and place. If the sink overflowed, neither
/// is of use.
void encode_event(const engine::Event& event, Row& row, Sink& sink);

/// From here on, kinds are those of the rows of a worker's spool (mpi_worker/spool_record.hpp).
inline constexpr std::uint16_t kFirstSpoolKind = 1000;

/// The body of `row` in `payload`. The error: it does not lie there.
Result<Source> body_of(const Row& row, std::span<const std::byte> payload, SourceContext& context, ValueCache& values);

/// The Event of `row`, its body in `payload`. The error says what is wrong.
Result<engine::Event> decode_event(const Row& row, std::span<const std::byte> payload, SourceContext& context,
                                   ValueCache& values);

/// "TaskScheduled", …; empty for a number that no kind has.
std::string_view kind_name(std::uint16_t kind);

}  // namespace lockstep::journal
