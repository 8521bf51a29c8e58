// The model of a state machine: what a definition says, parsed, checked and compiled. Immutable, shared by executions
// and threads.
//
// Every state of the machine, those of branches and item processors included, has one StateId; every `States` object
// one ScopeId. Ids are positions in the definition's text, so the same text always gives the same ids (the journal
// depends on it).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "asl/resource.hpp"
#include "query/expression.hpp"
#include "query/jsonpath/path.hpp"
#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::asl {

enum class StateId : std::uint32_t { none = UINT32_MAX };
enum class ScopeId : std::uint32_t { top = 0 };

enum class QueryLanguage : std::uint8_t { jsonpath, jsonata };
enum class StateType : std::uint8_t { task, pass, choice, wait, succeed, fail, parallel, map };
/// "Task", "Pass", …: as `Type` spells it and as history prefixes it.
std::string_view to_string(StateType type);

/// Expressions are null where the field is absent.
using query::ExpressionPtr;

/// asl.md 8.2. Numbers are literals in both languages.
struct Retrier {
  std::vector<std::string> error_equals;
  std::int64_t interval_seconds = 1;
  std::int64_t max_attempts = 3;
  double backoff_rate = 2.0;
  std::optional<std::int64_t> max_delay_seconds;
  bool full_jitter = false;
};

/// Where a result goes within the raw input.
struct ResultPath {
  enum class Mode : std::uint8_t { replace, discard, place };  // "$" or absent; null; a deeper reference path
  Mode mode = Mode::replace;
  std::shared_ptr<const jsonpath::Path> path;  // with Mode::place
};

/// asl.md 8.3.
struct Catcher {
  std::vector<std::string> error_equals;
  StateId next = StateId::none;
  ResultPath result_path;  ///< JSONPath
  ExpressionPtr output;    ///< JSONata
  ExpressionPtr assign;
};

/// A condition of a Choice rule: `Condition`, or `Variable` with its operator, or And, Or, Not. Immutable.
class Condition {
 public:
  virtual ~Condition() = default;
  virtual query::Evaluated<bool> test(const query::Environment& environment) const = 0;
};

struct ChoiceRule {
  std::unique_ptr<const Condition> condition;
  StateId next = StateId::none;
  ExpressionPtr assign;
  ExpressionPtr output;  ///< JSONata
};

/// A number that may be computed: `X` as a literal, `XPath` (JSONPath) or `{% %}` (JSONata). `path` is the path's text
/// for messages.
struct ComputedNumber {
  ExpressionPtr expression;
  std::string path;
};

struct Task {
  Resource resource;
  std::optional<ComputedNumber> timeout_seconds;
  std::optional<ComputedNumber> heartbeat_seconds;
  ExpressionPtr credentials;
};
struct Pass {
  ExpressionPtr result;  ///< literal `Result`; JSONPath
};
struct Choice {
  std::vector<ChoiceRule> rules;
  StateId otherwise = StateId::none;  ///< `Default`
};
struct Wait {
  enum class Form : std::uint8_t { seconds, timestamp };
  Form form = Form::seconds;
  ExpressionPtr expression;  ///< a literal, a path or JSONata
  std::string path;          ///< text of SecondsPath or TimestampPath, for messages; empty where it is no path
};
struct Succeed {};
struct Fail {
  ExpressionPtr error;  ///< literal, ErrorPath or JSONata; null: none
  ExpressionPtr cause;
};
struct Parallel {
  std::vector<ScopeId> branches;
};
/// Where a Distributed Map reads its items (distributed-map.md 4). Strings are empty where the field is absent.
struct ItemReader {
  std::string resource;
  ExpressionPtr arguments;  ///< Parameters or Arguments; null: none
  std::string input_type;
  std::string transformation;
  std::string manifest_type;
  std::string csv_header_location;
  std::vector<std::string> csv_headers;
  std::string csv_delimiter;
  std::string items_pointer;
  std::optional<ComputedNumber> max_items;
};
/// How a Distributed Map groups items (distributed-map.md 6).
struct ItemBatcher {
  std::optional<ComputedNumber> max_items;
  std::optional<ComputedNumber> max_input_bytes;
  ExpressionPtr batch_input;
};
/// Where and how a Distributed Map writes results (distributed-map.md 8).
struct ResultWriter {
  std::string resource;
  ExpressionPtr arguments;
  std::string transformation;
  std::string output_type;
};
struct Map {
  ScopeId processor = ScopeId::top;
  bool distributed = false;
  bool express_children = false;  ///< distributed, with ExecutionType EXPRESS
  ExpressionPtr items;            ///< ItemsPath or Items; null: the effective input
  std::string items_path;         ///< text of ItemsPath, for messages
  ExpressionPtr item_selector;    ///< ItemSelector, or a Map's Parameters; null: the item itself
  std::optional<ComputedNumber> max_concurrency;
  std::optional<ComputedNumber> tolerated_failure_count;
  std::optional<ComputedNumber> tolerated_failure_percentage;
  std::string label;
  std::optional<ItemReader> reader;
  std::optional<ItemBatcher> batcher;
  std::optional<ResultWriter> writer;
};

struct State {
  StateId id = StateId::none;
  ScopeId scope = ScopeId::top;
  std::string name;
  StateType type = StateType::pass;
  QueryLanguage language = QueryLanguage::jsonpath;
  StateId next = StateId::none;  ///< none: terminal, or a Choice

  // Data flow, in the order of asl.md section 4. JSONata states use arguments, output and assign only.
  bool input_discarded = false;  ///< InputPath: null
  ExpressionPtr input_path;      ///< null: "$"
  ExpressionPtr arguments;       ///< Parameters or Arguments
  ExpressionPtr result_selector;
  ResultPath result_path;
  bool output_discarded = false;  ///< OutputPath: null
  ExpressionPtr output;           ///< OutputPath or Output
  ExpressionPtr assign;

  std::vector<Retrier> retry;
  std::vector<Catcher> catchers;
  std::variant<Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map> detail;
};

/// One `States` object: the top level, a branch or an item processor.
struct Scope {
  ScopeId id = ScopeId::top;
  StateId owner = StateId::none;  ///< the Parallel or Map state that it belongs to
  StateId start_at = StateId::none;
  std::vector<StateId> states;  ///< in the order of the text
};

struct StateMachine {
  std::string text;  ///< the definition as it was given (JSON; YAML is converted before)
  QueryLanguage language = QueryLanguage::jsonpath;
  std::optional<std::int64_t> timeout_seconds;
  std::vector<State> states;  ///< by StateId
  std::vector<Scope> scopes;  ///< by ScopeId

  const State& state(StateId id) const { return states[static_cast<std::uint32_t>(id)]; }
  const Scope& scope(ScopeId id) const { return scopes[static_cast<std::uint32_t>(id)]; }
};

using StateMachinePtr = std::shared_ptr<const StateMachine>;

}  // namespace lockstep::asl
