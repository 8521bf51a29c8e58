// A spool's records as rows of a segment (journal/FORMAT.md, "Spools"), and their places on the disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "journal/event_codec.hpp"
#include "mpi_worker/spool.hpp"

namespace lockstep::worker {

/// As encode_event(). Of what is no end, only the id and a time count.
void encode_record(SpoolKind kind, const Outcome& outcome, journal::Row& row, journal::Sink& sink);
/// Fills all but rank and epoch. The error says what is wrong with the row.
Result<SpoolRecord> decode_record(const journal::Row& row, std::span<const std::byte> payload,
                                  journal::SourceContext& context, journal::ValueCache& values);

/// RUN/spool
std::string spools_folder(const std::string& run_folder);
/// "rank-00007.e12"
std::string spool_name(std::uint32_t rank, journal::Epoch epoch);
/// Rank and epoch of a spool's folder.
struct SpoolName {
  std::uint32_t rank = 0;
  journal::Epoch epoch = 0;
};
std::optional<SpoolName> parse_spool_name(std::string_view name);

}  // namespace lockstep::worker
