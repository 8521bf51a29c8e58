// A spool's records as the journal's Events (journal/FORMAT.md, "Spools"), and their places on the disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/event.hpp"
#include "mpi_worker/spool.hpp"

namespace lockstep::worker {

engine::Event marker_event(const DispatchId& id, Timestamp started);
/// Requires that it is not cancelled.
engine::Event outcome_event(const Outcome& outcome);
/// Fills all but rank and epoch. Nothing where the Event is none that a spool holds.
std::optional<SpoolRecord> record_of(engine::Event event);

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
