#include "integrations/mocks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "asl/syntax.hpp"
#include "value/nearest.hpp"

namespace lockstep::integrations {

using asl::Place;
using asl::Report;

namespace {

constexpr std::string_view kCode = "INVALID_MOCKS";
/// More invocations than this no case can reach.
constexpr std::uint64_t kMostInvocations = 999'999'999;
constexpr double kMostDelay = 100.0 * 365 * 86'400;

std::vector<std::string> keys_of(const Node& object) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; object.is_object() && i < object.size(); ++i) {
    keys.emplace_back(object.member(i).key());
  }
  return keys;
}

class MockReader {
 public:
  explicit MockReader(const Value& document) : document_(document) {}

  ParsedMocks read() {
    const Node& root = document_.node();
    const Place place;
    if (check_members(root, place, {"StateMachines", "MockedResponses"}, {"StateMachines"})) {
      // Responses first: cases name them.
      const Node* responses = root.find("MockedResponses");
      if (responses != nullptr) {
        read_responses(*responses, Place(place, "MockedResponses"));
      }
      if (const Node* machines = root.find("StateMachines")) {
        read_machines(*machines, Place(place, "StateMachines"));
      }
    }
    parsed_.problems = report_.take();
    return std::move(parsed_);
  }

 private:
  void problem(const Place& place, std::string message) { report_.error(kCode, place, std::move(message)); }

  bool check_object(const Node& node, const Place& place) {
    if (!node.is_object()) {
      problem(place, fmt::format("must be an object, not {}", article(node)));
    }
    return node.is_object();
  }
  static std::string article(const Node& node) {
    const std::string_view kind = to_string(node.kind());
    return node.is_null() ? "null" : fmt::format("{} {}", kind.find_first_of("ao") == 0 ? "an" : "a", kind);
  }

  /// Whether it is an object; complains of members that are not `known`, and of `required` ones that are not there.
  bool check_members(const Node& node, const Place& place, const std::vector<std::string>& known,
                     const std::vector<std::string>& required = {}) {
    if (!check_object(node, place)) {
      return false;
    }
    for (const std::string& key : keys_of(node)) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        problem(Place(place, key), fmt::format("there is no member '{}' here{}; there may be {}", asl::shortened(key),
                                               did_you_mean(key, known), fmt::join(known, ", ")));
      }
    }
    for (const std::string& key : required) {
      if (node.find(key) == nullptr) {
        problem(place, fmt::format("'{}' is missing", key));
      }
    }
    return true;
  }

  std::optional<std::string> read_text(const Node& object, const Place& place, std::string_view key) {
    const Node* node = object.find(key);
    if (node != nullptr && node->is_string()) {
      return std::string(node->as_string());
    }
    if (node != nullptr) {
      problem(Place(place, key), fmt::format("must be a string, not {}", article(*node)));
    }
    return std::nullopt;
  }

  void read_responses(const Node& node, const Place& place) {
    for (std::size_t i = 0; check_object(node, place) && i < node.size(); ++i) {
      const Member& member = node.member(i);
      read_ranges(member.value(), Place(place, member.key()), parsed_.file.responses[std::string(member.key())]);
    }
  }

  void read_ranges(const Node& node, const Place& place, MockedResponses& into) {
    for (std::size_t i = 0; check_object(node, place) && i < node.size(); ++i) {
      const Member& member = node.member(i);
      const Place here(place, member.key());
      MockedResponses::Range range;
      range.response = read_response(member.value(), here);
      if (!read_range(member.key(), range)) {
        problem(here, fmt::format("'{}' is no invocation: write its number from 0, as \"0\", or a range of them, as "
                                  "\"1-3\"",
                                  asl::shortened(member.key())));
      } else if (const MockedResponses::Range* other = into.overlapping(range.first, range.last)) {
        problem(here, fmt::format("invocation {} is answered here and by \"{}\"", std::max(range.first, other->first),
                                  spelled(*other)));
      } else {
        into.add(std::move(range));
      }
    }
  }

  static std::string spelled(const MockedResponses::Range& range) {
    return range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
  }

  static bool read_range(std::string_view key, MockedResponses::Range& range) {
    const auto number = [&](std::uint64_t& into) {
      const char* const end = key.data() + key.size();
      const auto [stop, error] = std::from_chars(key.data(), end, into);
      key.remove_prefix(static_cast<std::size_t>(stop - key.data()));
      return error == std::errc() && into <= kMostInvocations;
    };
    if (!number(range.first)) {
      return false;
    }
    range.last = range.first;
    if (key.starts_with('-')) {
      key.remove_prefix(1);
      return number(range.last) && key.empty() && range.last >= range.first;
    }
    return key.empty();
  }

  MockedResponse read_response(const Node& node, const Place& place) {
    static const std::vector<std::string> kAnswers{"Return", "Throw", "Timeout", "Heartbeat"};
    static const std::vector<std::string> kKnown{"Return", "Throw", "Timeout", "Heartbeat", "Delay"};
    MockedResponse response;
    if (!check_members(node, place, kKnown)) {
      return response;
    }
    const auto given = std::count_if(kAnswers.begin(), kAnswers.end(),
                                     [&](const std::string& key) { return node.find(key) != nullptr; });
    if (given != 1) {
      problem(place, fmt::format("needs exactly one of {}, but has {}", fmt::join(kAnswers, ", "),
                                 given == 0 ? "none" : "several"));
    }
    if (const Node* result = node.find("Return")) {
      response.result = document_.part(*result);
    }
    if (const Node* thrown = node.find("Throw")) {
      response.kind = MockedResponse::Kind::throws;
      const Place here(place, "Throw");
      if (check_members(*thrown, here, {"Error", "Cause"}, {"Error"})) {
        response.error = read_text(*thrown, here, "Error").value_or("");
        response.cause = read_text(*thrown, here, "Cause");
      }
    }
    for (const auto& [key, kind] : {std::pair{"Timeout", MockedResponse::Kind::times_out},
                                    std::pair{"Heartbeat", MockedResponse::Kind::misses_heartbeat}}) {
      if (const Node* flag = node.find(key)) {
        response.kind = kind;
        if (!flag->is_boolean() || !flag->as_boolean()) {
          problem(Place(place, key), "can only be true");
        }
      }
    }
    read_delay(node, place, response);
    return response;
  }

  void read_delay(const Node& node, const Place& place, MockedResponse& response) {
    const Node* delay = node.find("Delay");
    if (delay == nullptr) {
      return;
    }
    const Place here(place, "Delay");
    if (!delay->is_number() || !(delay->as_double() >= 0) || delay->as_double() > kMostDelay) {
      problem(here, "must be a number of seconds, from 0 to a hundred years");
    } else if (response.kind != MockedResponse::Kind::returns && response.kind != MockedResponse::Kind::throws) {
      problem(here, "goes with Return and Throw: the time of a time-out is the state's");
    } else {
      response.delay = std::chrono::microseconds(std::llround(delay->as_double() * 1e6));
    }
  }

  void read_machines(const Node& node, const Place& place) {
    for (std::size_t i = 0; check_object(node, place) && i < node.size(); ++i) {
      const Member& member = node.member(i);
      const Place here(place, member.key());
      MockedMachine& machine = parsed_.file.machines.emplace_back();
      machine.name = member.key();
      if (!check_members(member.value(), here, {"TestCases", "Lockstep"}, {"TestCases"})) {
        continue;
      }
      if (const Node* cases = member.value().find("TestCases")) {
        read_cases(*cases, Place(here, "TestCases"), machine);
      }
      if (const Node* ours = member.value().find("Lockstep")) {
        read_ours(*ours, Place(here, "Lockstep"), machine);
      }
    }
  }

  void read_cases(const Node& node, const Place& place, MockedMachine& machine) {
    for (std::size_t i = 0; check_object(node, place) && i < node.size(); ++i) {
      const Member& member = node.member(i);
      const Place here(place, member.key());
      TestCase& test = machine.cases.emplace_back();
      test.name = member.key();
      test.execution_name = member.key();
      for (std::size_t j = 0; check_object(member.value(), here) && j < member.value().size(); ++j) {
        const Member& state = member.value().member(j);
        if (const auto response = read_text(member.value(), here, state.key())) {
          check_response(*response, Place(here, state.key()));
          test.responses.emplace(state.key(), *response);
        }
      }
    }
  }

  void check_response(const std::string& name, const Place& place) {
    if (parsed_.file.responses.contains(name)) {
      return;
    }
    std::vector<std::string> known;
    for (const auto& [one, response] : parsed_.file.responses) {
      known.push_back(one);
    }
    problem(place, fmt::format("there is no '{}' in MockedResponses{}", asl::shortened(name),
                               hints_.take() ? did_you_mean(name, known) : ""));
  }

  void read_ours(const Node& node, const Place& place, MockedMachine& machine) {
    for (std::size_t i = 0; check_object(node, place) && i < node.size(); ++i) {
      const Member& member = node.member(i);
      const Place here(place, member.key());
      const auto test = std::find_if(machine.cases.begin(), machine.cases.end(),
                                     [&](const TestCase& one) { return one.name == member.key(); });
      if (test != machine.cases.end()) {
        read_our_case(member.value(), here, *test);
        continue;
      }
      std::vector<std::string> known;
      for (const TestCase& one : machine.cases) {
        known.push_back(one.name);
      }
      problem(here, fmt::format("there is no case '{}' in TestCases{}", asl::shortened(member.key()),
                                hints_.take() ? did_you_mean(member.key(), known) : ""));
    }
  }

  void read_our_case(const Node& node, const Place& place, TestCase& test) {
    if (!check_members(node, place, {"Input", "Name", "StartTime", "Items", "Expect"})) {
      return;
    }
    if (const Node* input = node.find("Input")) {
      test.input = document_.part(*input);
    }
    if (const auto name = read_text(node, place, "Name")) {
      test.execution_name = *name;
    }
    if (const auto text = read_text(node, place, "StartTime")) {
      if (const auto time = parse_timestamp(*text)) {
        test.start_time = *time;
      } else {
        problem(Place(place, "StartTime"),
                fmt::format("'{}' is no timestamp, as 2026-11-22T10:41:30Z", asl::shortened(*text)));
      }
    }
    if (const Node* items = node.find("Items"); items != nullptr && check_object(*items, Place(place, "Items"))) {
      for (std::size_t i = 0; i < items->size(); ++i) {
        read_items(items->member(i), Place(place, "Items"), test);
      }
    }
    if (const Node* expect = node.find("Expect")) {
      read_expectation(*expect, Place(place, "Expect"), test.expect);
    }
  }

  void read_items(const Member& state, const Place& place, TestCase& test) {
    if (state.value().is_container()) {
      test.items.emplace(state.key(), document_.part(state.value()));
    } else {
      problem(Place(place, state.key()), "what a Map's ItemReader reads is an array or an object");
    }
  }

  void read_expectation(const Node& node, const Place& place, Expectation& expect) {
    if (!check_members(node, place, {"Status", "Output", "Error", "Cause", "History"})) {
      return;
    }
    if (const Node* output = node.find("Output")) {
      expect.output = document_.part(*output);
    }
    expect.error = read_text(node, place, "Error");
    expect.cause = read_text(node, place, "Cause");
    const bool fails = node.find("Error") != nullptr || node.find("Cause") != nullptr;
    expect.status = fails ? "FAILED" : "SUCCEEDED";
    if (const auto status = read_text(node, place, "Status")) {
      expect.status = *status;
      static const std::vector<std::string> kKnown{"SUCCEEDED", "FAILED", "TIMED_OUT"};
      if (std::find(kKnown.begin(), kKnown.end(), *status) == kKnown.end()) {
        problem(Place(place, "Status"), fmt::format("'{}' is none of {}{}", asl::shortened(*status),
                                                    fmt::join(kKnown, ", "), did_you_mean(*status, kKnown)));
      }
    }
    if (node.find("Output") != nullptr && expect.status != "SUCCEEDED") {
      problem(Place(place, "Output"), fmt::format("only an execution that SUCCEEDED has one, and {} is expected",
                                                  asl::shortened(expect.status)));
    }
    if (fails && expect.status != "FAILED") {
      problem(Place(place, node.find("Error") != nullptr ? "Error" : "Cause"),
              fmt::format("only an execution that FAILED has one, and {} is expected", asl::shortened(expect.status)));
    }
    if (const Node* history = node.find("History")) {
      read_history(*history, Place(place, "History"), expect.history.emplace());
    }
  }

  void read_history(const Node& node, const Place& place, std::vector<std::string>& types) {
    if (!node.is_array()) {
      problem(place, fmt::format("must be an array of the types of events, not {}", article(node)));
      return;
    }
    for (std::size_t i = 0; i < node.size(); ++i) {
      if (node.at(i).is_string()) {
        types.emplace_back(node.at(i).as_string());
      } else {
        problem(Place(place, i), fmt::format("must be the type of an event, not {}", article(node.at(i))));
      }
    }
  }

  const Value& document_;
  ParsedMocks parsed_;
  Report report_;
  asl::Hints hints_;
};

}  // namespace

const MockedResponse* MockedResponses::find(std::uint64_t invocation) const {
  const Range* range = overlapping(invocation, invocation);
  return range == nullptr ? nullptr : &range->response;
}

const MockedResponses::Range* MockedResponses::overlapping(std::uint64_t first, std::uint64_t last) const {
  const auto after = ranges_.upper_bound(last);
  const Range* before = after == ranges_.begin() ? nullptr : &std::prev(after)->second;
  return before != nullptr && before->last >= first ? before : nullptr;
}

const MockedMachine* MockFile::machine(const std::string& name) const {
  const auto found =
      std::find_if(machines.begin(), machines.end(), [&](const MockedMachine& one) { return one.name == name; });
  return found == machines.end() ? nullptr : &*found;
}

ParsedMocks parse_mocks(const std::string& json) {
  JsonProblem problem;
  if (!check_json(json, problem)) {
    return {{}, {asl::syntax_diagnostic(json, problem)}};
  }
  const Value document = Value::from_checked_text(json);
  ParsedMocks parsed = MockReader(document).read();
  Report report;
  asl::warn_duplicate_keys(json, report);
  for (asl::Diagnostic& duplicate : report.take()) {
    duplicate.severity = asl::Severity::error;
    duplicate.message = "is given twice";
    duplicate.code = kCode;
    parsed.problems.push_back(std::move(duplicate));
  }
  return parsed;
}

namespace {

/// Checks a case's states against the machine that they are said to be of.
class MachineChecker {
 public:
  MachineChecker(const MockFile& file, const asl::StateMachine& machine) : file_(file) {
    for (const asl::State& state : machine.states) {
      states_.emplace(state.name, &state);
      if (state.type == asl::StateType::task) {
        tasks_.push_back(state.name);
      }
    }
  }

  std::vector<asl::Diagnostic> check(const MockedMachine& mocked) {
    const Place root;
    const Place machines(root, "StateMachines");
    const Place machine(machines, mocked.name);
    const Place cases(machine, "TestCases");
    if (mocked.cases.empty()) {
      report_.error(kCode, cases, "there is no case: nothing would be tested");
    }
    for (const TestCase& test : mocked.cases) {
      const Place place(cases, test.name);
      for (const auto& [state, response] : test.responses) {
        check_state(state, response, Place(place, state));
      }
    }
    return report_.take();
  }

 private:
  void check_state(const std::string& name, const std::string& response, const Place& place) {
    const auto found = states_.find(name);
    if (found == states_.end()) {
      report_.error(kCode, place,
                    fmt::format("the definition has no state '{}'{}", asl::shortened(name),
                                hints_.take() ? did_you_mean(name, tasks_) : ""));
      return;
    }
    const auto* task = std::get_if<asl::Task>(&found->second->detail);
    if (task == nullptr) {
      report_.error(kCode, place,
                    fmt::format("'{}' is a {} state: only a Task can be mocked", asl::shortened(name),
                                asl::to_string(found->second->type)));
      return;
    }
    const auto mocks = file_.responses.find(response);
    if (mocks == file_.responses.end()) {
      return;  // that was told
    }
    for (const auto& [first, range] : mocks->second.ranges()) {
      const bool in_time = range.response.kind == MockedResponse::Kind::times_out;
      const bool in_silence = range.response.kind == MockedResponse::Kind::misses_heartbeat;
      if ((in_time && !task->timeout_seconds) || (in_silence && !task->heartbeat_seconds)) {
        report_.error(kCode, place,
                      fmt::format("invocation {} would never time out as '{}' says: '{}' has no {}Seconds", first,
                                  asl::shortened(response), asl::shortened(name), in_time ? "Timeout" : "Heartbeat"));
      }
    }
  }

  const MockFile& file_;
  std::map<std::string_view, const asl::State*> states_;
  std::vector<std::string> tasks_;
  Report report_;
  asl::Hints hints_;
};

}  // namespace

std::vector<asl::Diagnostic> check_mocks(const MockFile& file, const MockedMachine& mocked,
                                         const asl::StateMachine& machine) {
  return MachineChecker(file, machine).check(mocked);
}

}  // namespace lockstep::integrations
