#include "service/coverage.hpp"

#include <fmt/format.h>

namespace lockstep::service {

using Kind = CoveragePoint::Kind;

Coverage::Coverage(asl::StateMachinePtr machine) : machine_(std::move(machine)), first_(machine_->states.size()) {
  const std::vector<std::string> locations = asl::state_locations(*machine_);
  for (const asl::State& state : machine_->states) {
    const std::string& location = locations[static_cast<std::size_t>(state.id)];
    add(Kind::state, state, 1, location);
    std::size_t choices = 0;
    if (const auto* choice = std::get_if<asl::Choice>(&state.detail)) {
      choices = choice->rules.size() + (choice->otherwise == asl::StateId::none ? 0 : 1);
    }
    add(Kind::choice, state, choices, location + "/Choices");
    if (const auto* choice = std::get_if<asl::Choice>(&state.detail);
        choice != nullptr && choices > choice->rules.size()) {
      points_.back().location = location + "/Default";
    }
    add(Kind::retrier, state, state.retry.size(), location + "/Retry");
    add(Kind::catcher, state, state.catchers.size(), location + "/Catch");
  }
}

void Coverage::add(Kind kind, const asl::State& state, std::size_t count, const std::string& location) {
  first_[static_cast<std::size_t>(state.id)][static_cast<std::size_t>(kind)] = points_.size();
  for (std::size_t i = 0; i < count; ++i) {
    points_.push_back({kind, state.id, i, kind == Kind::state ? location : fmt::format("{}[{}]", location, i)});
  }
}

void Coverage::take(const std::vector<engine::Event>& events, const std::vector<engine::RuleTaken>& rules) {
  for (const engine::Event& event : events) {
    if (const auto* entered = std::get_if<engine::StateEntered>(&event.body)) {
      ++reached(Kind::state, entered->state, 0);
    }
  }
  for (const engine::RuleTaken& rule : rules) {
    constexpr std::array kKinds{Kind::choice, Kind::retrier, Kind::catcher};
    ++reached(kKinds[static_cast<std::size_t>(rule.kind)], rule.state, rule.index);
  }
}

}  // namespace lockstep::service
