// What came of a test case, and how that is told: as text, as JSON lines, as a JUnit file.
#pragma once

#include <string>
#include <vector>

#include "integrations/mocks.hpp"
#include "service/mock_case.hpp"

namespace lockstep::cli {

/// Something that is not as the case expects.
struct Mismatch {
  std::string message;              ///< one line: what differs, and where first
  std::vector<std::string> detail;  ///< lines: the difference as a whole; may be empty
};

struct CaseResult {
  std::string machine;
  std::string name;
  service::MockedEnd end;
  std::uint64_t event_count = 0;
  std::vector<std::string> history;   ///< their types, where they are wanted
  std::vector<engine::Event> events;  ///< where they are to be shown
  std::int64_t virtual_us = 0;        ///< that it took
  double seconds = 0;                 ///< that it really took
  std::vector<Mismatch> mismatches;

  bool passed() const { return mismatches.empty(); }
};

/// What is not as `expect` says.
std::vector<Mismatch> judge(const integrations::Expectation& expect, const service::MockedEnd& end,
                            const std::vector<std::string>& history);

/// "PASS  Name  (…)", and of one that failed what differs.
std::string text_of(const CaseResult& result);
std::string json_line(const CaseResult& result);
/// "5 cases: 4 passed, 1 failed"
std::string summary_of(const std::vector<CaseResult>& results);
/// A whole file, as CI servers read it.
std::string junit_of(const std::vector<CaseResult>& results);

}  // namespace lockstep::cli
