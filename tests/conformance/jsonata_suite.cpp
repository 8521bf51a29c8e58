// Runs the cases of the official JSONata suite in LOCKSTEP_CONFORMANCE/jsonata.
//
// Prints each case that differs, passed/total per group and `jsonata: passed/total`. Exit status: 0 all passed, 1 some
// did not, 77 no data.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "query/jsonata/program.hpp"
#include "suite.hpp"

namespace {

namespace fs = std::filesystem;
using lockstep::Node;
using lockstep::Value;
using lockstep::conformance::equal_as_multisets;
using lockstep::conformance::kSkipped;
using lockstep::jsonata::Level;
using lockstep::jsonata::Limits;
using lockstep::jsonata::Outcome;
using lockstep::jsonata::Program;
using lockstep::jsonata::QueryError;
using lockstep::jsonata::Request;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string compact(const Node& node) {
  return lockstep::conformance::compact(node, 300);
}

std::string describe(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::value:
      return compact(outcome.value.node());
    case Outcome::Kind::error:
      return fmt::format("error {} at {} token '{}': {}", outcome.error.code, outcome.error.position,
                         outcome.error.token, outcome.error.message);
    case Outcome::Kind::function:
      return "a function";
    case Outcome::Kind::undefined:
      break;
  }
  return "undefined";
}

// Every member that `expected` names is as it says.
bool matches_error(const QueryError& error, const Node& expected) {
  const auto text_is = [&](const char* key, std::string_view actual) {
    const Node* wanted = expected.find(key);
    return wanted == nullptr || !wanted->is_string() || wanted->as_string() == actual;
  };
  const Node* position = expected.find("position");
  return text_is("code", error.code) && text_is("token", error.token) && text_is("message", error.message) &&
         (position == nullptr || position->as_double() == error.position);
}

class Suite {
 public:
  explicit Suite(fs::path folder) : folder_(std::move(folder)) {}

  // What is wrong with one case; empty where nothing is.
  std::string check(const Value& file, const Node& test) {
    const Outcome outcome = run(file, test);
    if (const Node* undefined = test.find("undefinedResult"); undefined != nullptr && undefined->as_boolean()) {
      return outcome.kind == Outcome::Kind::undefined ? "" : "gives " + describe(outcome) + ", not undefined";
    }
    if (const Node* expected = test.find("result")) {
      const Node* unordered = test.find("unordered");
      const bool right = outcome.kind == Outcome::Kind::value &&
                         (equal(outcome.value.node(), *expected) ||
                          (unordered != nullptr && equal_as_multisets(outcome.value.node(), *expected)));
      return right ? "" : "gives " + describe(outcome) + " instead of " + compact(*expected);
    }
    if (const Node* expected = test.find("error")) {
      const bool right = outcome.kind == Outcome::Kind::error && matches_error(outcome.error, *expected);
      return right ? "" : "gives " + describe(outcome) + " instead of error " + compact(*expected);
    }
    const Node* code = test.find("code");
    const Node* token = test.find("token");
    const bool right = outcome.kind == Outcome::Kind::error && code != nullptr &&
                       outcome.error.code == code->as_string() &&
                       (token == nullptr || !token->is_string() || outcome.error.token == token->as_string());
    return right ? "" : "gives " + describe(outcome) + " instead of error " + (code ? compact(*code) : "?");
  }

 private:
  Outcome run(const Value& file, const Node& test) {
    const Node* text = test.find("expr");
    const std::string expression =
        text != nullptr
            ? std::string(text->as_string())
            : read_file(folder_ / "groups" / group_of(test) / std::string(test.find("expr-file")->as_string()));
    const auto program = Program::compile(expression, Level::suite);
    Outcome outcome;
    if (!program) {
      outcome.kind = Outcome::Kind::error;
      outcome.error = program.error();
      return outcome;
    }
    Request request;
    Value data;
    if (const Node* own = test.find("data")) {
      data = file.part(*own);
      request.input = &data;
    } else if (const Node* name = test.find("dataset"); name != nullptr && name->is_string()) {
      data = dataset(std::string(name->as_string()));
      request.input = &data;
    }
    std::vector<lockstep::jsonata::Binding> bindings;
    if (const Node* named = test.find("bindings")) {
      for (std::size_t i = 0; i < named->size(); ++i) {
        bindings.push_back({std::string(named->member(i).key()), file.part(named->member(i).value())});
      }
    }
    request.bindings = &bindings;
    std::uint64_t random = 42;
    request.random = [&random] { return random = random * 6364136223846793005U + 1442695040888963407U; };
    request.now = {1'700'000'000'000'000};
    Limits limits = lockstep::jsonata::default_limits(Level::suite);
    if (const Node* depth = test.find("depth")) {
      limits.depth = static_cast<std::uint32_t>(depth->as_double());
      limits.caller = true;
    }
    if (const Node* time = test.find("timelimit")) {
      limits.milliseconds = static_cast<std::uint32_t>(time->as_double());
      limits.caller = true;
    }
    return (*program)->evaluate(request, limits);
  }

  static std::string group_of(const Node& test) {
    const std::string_view id = test.find("id")->as_string();
    return std::string(id.substr(0, id.find('/')));
  }

  const Value& dataset(const std::string& name) {
    const auto [found, fresh] = datasets_.try_emplace(name);
    if (fresh) {
      found->second = Value::from_text(read_file(folder_ / "datasets" / (name + ".json"))).value_or(Value());
    }
    return found->second;
  }

  fs::path folder_;
  std::map<std::string, Value> datasets_;
};

}  // namespace

int main() {
  const char* root = std::getenv("LOCKSTEP_CONFORMANCE");
  const fs::path folder = fs::path(root != nullptr ? root : "") / "jsonata";
  if (root == nullptr || !fs::is_directory(folder)) {
    std::puts("skipped: LOCKSTEP_CONFORMANCE names no folder that holds jsonata/");
    return kSkipped;
  }
  Suite suite(folder);
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "groups")) {
    if (entry.path().extension() == ".json") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::map<std::string, std::pair<int, int>> groups;
  int passed = 0;
  int total = 0;
  for (const fs::path& path : files) {
    const auto file = Value::from_text(read_file(path));
    if (!file) {
      fmt::print("{}: {}\n", path.string(), file.error().message);
      ++total;
      continue;
    }
    const Node& cases = file->node();
    for (std::size_t i = 0; i < (cases.is_array() ? cases.size() : 1); ++i) {
      const Node& test = cases.is_array() ? cases.at(i) : cases;
      const std::string wrong = suite.check(*file, test);
      auto& [group_passed, group_total] = groups[path.parent_path().filename().string()];
      ++group_total;
      ++total;
      if (wrong.empty()) {
        ++group_passed;
        ++passed;
      } else {
        const Node* text = test.find("expr");
        fmt::print("{}: {}\n    {}\n", std::string(test.find("id")->as_string()), wrong,
                   text != nullptr ? compact(*text) : "");
      }
    }
  }
  for (const auto& [name, counts] : groups) {
    fmt::print("{:<28} {}/{}\n", name, counts.first, counts.second);
  }
  fmt::print("jsonata: {}/{}\n", passed, total);
  return passed == total ? 0 : 1;
}
