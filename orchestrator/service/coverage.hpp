// What test cases have reached of a state machine: its states, and the rules, retriers and catchers that decided.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/input.hpp"

namespace lockstep::service {

struct CoveragePoint {
  enum class Kind : std::uint8_t { state, choice, retrier, catcher };
  Kind kind = Kind::state;
  asl::StateId state = asl::StateId::none;
  std::size_t index = 0;      ///< of the rule; of a Choice with so many: its Default
  std::string location;       ///< in the definition, as diagnostics name places
  std::uint64_t reached = 0;  ///< so often
};

class Coverage {
 public:
  explicit Coverage(asl::StateMachinePtr machine);

  void take(const std::vector<engine::Event>& events, const std::vector<engine::RuleTaken>& rules);

  const asl::StateMachine& machine() const { return *machine_; }
  /// In the order of the text, a state before its rules.
  const std::vector<CoveragePoint>& points() const { return points_; }

 private:
  void add(CoveragePoint::Kind kind, const asl::State& state, std::size_t count, const std::string& location);
  std::uint64_t& reached(CoveragePoint::Kind kind, asl::StateId state, std::size_t index) {
    return points_[first_[static_cast<std::size_t>(state)][static_cast<std::size_t>(kind)] + index].reached;
  }

  asl::StateMachinePtr machine_;
  std::vector<CoveragePoint> points_;
  std::vector<std::array<std::size_t, 4>> first_;  // of points_: by state and kind
};

}  // namespace lockstep::service
