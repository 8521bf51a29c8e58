// From an execution that has run to a test case that runs like it: what its tasks came to becomes the mocks' responses,
// how it ended what the case expects.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "service/mock_case.hpp"

namespace lockstep::service {

/// Where in an execution a strand is, by what does not depend on which of several strands was quicker: the states that
/// it has entered, the indices of branches and items, the retries.
class StrandPlaces {
 public:
  void follow(const engine::Event& event, const asl::StateMachine& machine);
  std::string place(engine::StrandId strand) const;

 private:
  struct Strand {
    std::string within;  // the place of its parent, and which of its children it is
    std::uint32_t visits = 0;
    std::uint32_t retries = 0;
  };
  std::map<engine::StrandId, Strand> strands_;
};

struct RecordedCase {
  std::string mocks;          ///< the text of a file of mocks with this case
  MockedEnd end;              ///< of the case
  engine::EndExecution real;  ///< of the execution: another one where that depended on more than its tasks
};

class Recording {
 public:
  /// Events of one execution, in order, from its first.
  void take(const engine::Event& event);

  /// The execution as a test case; an empty name: the execution's. Errors (invalid): it has not ended, or ended as
  /// no test case can.
  Result<RecordedCase> make_case(const std::string& name) const;

 private:
  struct Played;
  Played play(bool in_time) const;
  std::string write(const std::string& name, const Played& played) const;

  MockedExecution execution_;
  StrandPlaces places_;
  std::map<engine::StrandId, Timestamp> scheduled_;
  std::map<std::string, integrations::MockedResponse> answers_;  // by the place of the task
  std::optional<engine::EndExecution> end_;
  bool redriven_ = false;
};

/// Whether both have ended alike, payloads by value.
bool same_end(const engine::EndExecution& a, const engine::EndExecution& b);

}  // namespace lockstep::service
