// The names of executions, of their strands, and of the pieces of work that these hand out. None is ever given twice
// within a house, so that all of them mean the same after a restart and on every rank.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep::work {

/// Ids that are given in order, from 1, stay below 2^63. With the top bit set, an id names a child of a Map Run by 23
/// bits of the Run and 40 of the item, so that it need not be given: nothing does so yet.
enum class ExecutionId : std::uint64_t {};

/// One line of control within an execution: the top level, a Parallel branch or a Map iteration. In order, from 0.
enum class StrandId : std::uint32_t { top = 0, none = UINT32_MAX };

/// Names one dispatch of one task for ever (wall 2): who asks, in which of the states that it has entered, and how
/// often that was dispatched. With `count` 0, the visit of the state.
struct DispatchId {
  ExecutionId execution{};
  StrandId strand = StrandId::top;
  std::uint32_t visit = 0;  ///< states that the strand has entered, this one included
  std::uint32_t count = 0;  ///< dispatches of the visit, this one included
  friend auto operator<=>(const DispatchId&, const DispatchId&) = default;

  DispatchId of_visit() const { return {execution, strand, visit, 0}; }
  /// Strand and visit as one number, as people and files know it.
  std::uint64_t place() const { return (static_cast<std::uint64_t>(strand) << 32U) | visit; }
  static DispatchId at(ExecutionId execution, std::uint64_t place, std::uint32_t count) {
    return {execution, static_cast<StrandId>(place >> 32U), static_cast<std::uint32_t>(place), count};
  }
};

/// Dispatches that follow one another, strand by strand, lie side by side: they come and go in that order.
struct DispatchIdHash {
  std::size_t operator()(const DispatchId& id) const {
    const std::uint64_t within = id.visit + (std::uint64_t{id.count} << 32U);
    return static_cast<std::size_t>(static_cast<std::uint64_t>(id.strand) + within * 0x9e3779b97f4a7c15U +
                                    static_cast<std::uint64_t>(id.execution) * 0xc2b2ae3d27d4eb4fU);
  }
};

/// "1-4294967298", in the name of the visit's folder: execution and place.
std::string visit_text(const DispatchId& id);
/// "1-4294967298-1", in logs: with the count.
std::string dispatch_text(const DispatchId& id);
/// Either of the two.
std::optional<DispatchId> parse_dispatch(std::string_view text);

}  // namespace lockstep::work
