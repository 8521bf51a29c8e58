// Events for the journal's tests.
#pragma once

#include <string>
#include <vector>

#include "engine/event.hpp"

namespace lockstep::journal {

/// A definition that is always valid.
const std::string& test_definition();
asl::StateMachinePtr test_machine();

/// One Event of every kind, every field set to something that a default is not.
std::vector<engine::Event> one_of_each();

/// An Event with a body of about `size` bytes that is unlike that of any other `number`.
engine::Event numbered_event(std::uint64_t number, std::size_t size = 20);

/// An Event's bytes, for comparison: equal Events give equal texts.
std::string fingerprint(const engine::Event& event);

}  // namespace lockstep::journal
