// Runs the recorded answers of Jayway JsonPath, the library behind Step Functions, in LOCKSTEP_CONFORMANCE/jsonpath.
//
// Prints each case that differs and `jsonpath: passed/total`. Exit status: 0 all passed, 1 some did not, 77 no data.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "query/jsonpath/path.hpp"
#include "suite.hpp"

namespace {

using lockstep::Node;
using lockstep::Value;
using lockstep::conformance::compact;
using lockstep::conformance::equal_as_multisets;
using lockstep::conformance::kSkipped;
using lockstep::jsonpath::Dialect;
using lockstep::jsonpath::Path;

// What is wrong; empty where nothing is.
std::string check(const Value& suite, const Node& test) {
  const Node* expected = test.find("jayway_result");
  const lockstep::query::Compiled<Path> path = Path::compile(test.find("selector")->as_string(), Dialect::jayway);
  if (!path) {
    return expected == nullptr ? "" : "does not compile: " + path.error().message;
  }
  const auto result = path->select(suite.part(*test.find("document")));
  if (!result) {
    return expected == nullptr ? "" : "gives nothing: " + result.error().detail;
  }
  if (expected == nullptr) {
    return "gives " + compact(result->node()) + " but must fail";
  }
  const Node* unordered = test.find("unordered");
  const bool as_multisets = unordered != nullptr && unordered->is_boolean() && unordered->as_boolean();
  const bool right =
      equal(result->node(), *expected) || (as_multisets && equal_as_multisets(result->node(), *expected));
  return right ? "" : fmt::format("gives {} instead of {}", compact(result->node()), compact(*expected));
}

}  // namespace

int main() {
  const char* folder = std::getenv("LOCKSTEP_CONFORMANCE");
  std::ifstream file(folder == nullptr ? "" : std::string(folder) + "/jsonpath/jayway.json");
  if (!file) {
    fmt::print("jsonpath: skipped, LOCKSTEP_CONFORMANCE names no folder with jsonpath/jayway.json\n");
    return kSkipped;
  }
  std::stringstream text;
  text << file.rdbuf();
  const lockstep::Result<Value> suite = Value::from_text(text.str());
  if (!suite || !suite->node().is_array()) {
    fmt::print("jsonpath: jayway.json is not a list of cases\n");
    return 1;
  }
  std::size_t passed = 0;
  const std::size_t total = suite->node().size();
  for (std::size_t i = 0; i < total; ++i) {
    const Node& test = suite->node().at(i);
    const std::string problem = check(*suite, test);
    passed += problem.empty() ? 1 : 0;
    if (!problem.empty()) {
      fmt::print("{}: {} on {} {}\n", test.find("id")->as_string(), test.find("selector")->as_string(),
                 compact(*test.find("document")), problem);
    }
  }
  fmt::print("jsonpath: {}/{}\n", passed, total);
  return passed == total ? 0 : 1;
}
