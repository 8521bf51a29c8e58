// Files of mocked responses and test cases: the MockConfigFile of AWS Step Functions Local (services.md 10.1), with
// members of ours for what a case begins with and what it expects.
//
//   {"StateMachines": {MACHINE: {"TestCases": {CASE: {STATE: RESPONSE, …}, …},
//                                "Lockstep": {CASE: {"Input": …, "Name": …, "StartTime": …, "Expect": {…}}, …}}, …},
//    "MockedResponses": {RESPONSE: {"0": {"Return": …}, "1-2": {"Throw": {"Error": …, "Cause": …}, "Delay": 3}, …}, …}}
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "asl/parser.hpp"
#include "value/value.hpp"

namespace lockstep::integrations {

/// What becomes of one invocation of a task. Until then the mock is silent.
struct MockedResponse {
  enum class Kind : std::uint8_t {
    returns,          ///< `result`, which is the service's own
    throws,           ///< `error` and `cause`
    times_out,        ///< after its TimeoutSeconds
    misses_heartbeat  ///< after its HeartbeatSeconds
  };
  Kind kind = Kind::returns;
  Value result;
  std::string error;
  std::optional<std::string> cause;
  std::chrono::microseconds delay{0};  ///< between its dispatch and a return or an error

  friend bool operator==(const MockedResponse&, const MockedResponse&) = default;
};

/// The responses of one name, by ranges of invocations of a state.
class MockedResponses {
 public:
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;  ///< included
    MockedResponse response;
  };

  /// Null: there is none for this invocation, counted from 0.
  const MockedResponse* find(std::uint64_t invocation) const;
  /// The range that has an invocation in common with first to last; null: none.
  const Range* overlapping(std::uint64_t first, std::uint64_t last) const;
  /// Requires that it overlaps with none.
  void add(Range range) { ranges_.emplace(range.first, std::move(range)); }
  /// In order, by their first.
  const std::map<std::uint64_t, Range>& ranges() const { return ranges_; }

 private:
  std::map<std::uint64_t, Range> ranges_;
};

/// What a case expects; what is not given is not looked at.
struct Expectation {
  std::string status = "SUCCEEDED";  ///< or FAILED or TIMED_OUT
  std::optional<Value> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::optional<std::vector<std::string>> history;  ///< the types of all its events, in order
};

struct TestCase {
  std::string name;
  std::map<std::string, std::string> responses;  ///< by state: which name answers it
  Value input = Value::empty_object();
  std::string execution_name;  ///< that of the case unless given
  Timestamp start_time = kStartTime;
  std::map<std::string, Value> items = {};  ///< by state: what the ItemReader of that Map reads
  Expectation expect;

  /// Any moment would do; it is always the same so that a case that passes does so tomorrow.
  static constexpr Timestamp kStartTime{1'577'836'800 * kMicrosPerSecond};  // 2020-01-01T00:00:00Z
};

struct MockedMachine {
  std::string name;
  std::vector<TestCase> cases;  ///< in the order of the file
};

struct MockFile {
  std::vector<MockedMachine> machines;  ///< likewise
  std::map<std::string, MockedResponses> responses;

  const MockedMachine* machine(const std::string& name) const;
};

struct ParsedMocks {
  MockFile file;  ///< as far as it could be read
  /// What is wrong with it: all of it, and all are errors. Places are in the JSON text.
  std::vector<asl::Diagnostic> problems;
};

/// Reads a file's JSON text. Never throws, whatever the text.
ParsedMocks parse_mocks(const std::string& json);

/// What is wrong with the cases of `mocked` where they are to test `machine`: states that it has not or that are no
/// tasks, time-outs that would never come.
std::vector<asl::Diagnostic> check_mocks(const MockFile& file, const MockedMachine& mocked,
                                         const asl::StateMachine& machine);

}  // namespace lockstep::integrations
