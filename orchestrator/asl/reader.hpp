// Walks a definition once, checks it and builds the StateMachine. Internal to the asl room.
//
// One class over several files: reader.cpp holds the machine, its scopes and what all states share; values.cpp the
// typed reading of fields; states.cpp the types without inner states; choice_rules.cpp, handlers.cpp and map_state.cpp
// the rest.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asl/choice.hpp"
#include "asl/graph.hpp"
#include "asl/model.hpp"
#include "asl/report.hpp"
#include "query/jsonata/jsonata.hpp"

namespace lockstep::asl {

/// One JSON object within the definition, and what holds where it stands.
struct Object {
  const Node& node;
  const Place& place;
  const Place& state;  ///< of the state that it is part of
  QueryLanguage language;

  const Node* find(std::string_view key) const { return node.find(key); }
  bool has(std::string_view key) const { return node.find(key) != nullptr; }
  bool jsonata() const { return language == QueryLanguage::jsonata; }
};

/// Bounds of an integer literal, both inclusive.
struct Range {
  std::int64_t least;
  std::int64_t most;
};
inline constexpr std::int64_t kMaxSeconds = 99'999'999;

class Reader {
 public:
  Reader(const Value& document, ExecutionType type, Report& report, StateMachine& machine)
      : document_(document), type_(type), report_(report), machine_(machine), graph_(machine, report) {}

  /// Requires that the document is an object.
  void read_machine();

 private:
  /// What a `States` object belongs to.
  struct Enclosing {
    StateId owner = StateId::none;
    bool express = false;      ///< its states run as EXPRESS
    bool fresh_scope = false;  ///< variables of outer scopes are not visible
    bool is_processor = false;
    std::size_t depth = 0;
  };

  // reader.cpp
  ScopeId read_scope(const Node& node, const Place& place, const Enclosing& enclosing);
  void check_scope_fields(const Node& node, const Place& place, const Enclosing& enclosing);
  StateId read_state(const Member& member, const Place& place, ScopeId scope, const Enclosing& enclosing);
  std::optional<StateType> read_type(const Object& object);
  QueryLanguage read_language(const Node& node, const Place& place, QueryLanguage inherited);
  void check_state_name(std::string_view name, const Place& place);
  bool check_state_fields(const Object& object, StateType type);
  void read_transition(const Object& object, State& state);
  void read_data_flow(const Object& object, State& state);
  void read_detail(const Object& object, State& state, const Enclosing& enclosing);

  // states.cpp
  Task read_task(const Object& object, bool express);
  void check_resource(const Object& object, const Resource& resource, bool express);
  ExpressionPtr read_credentials(const Object& object);
  Pass read_pass(const Object& object);
  Wait read_wait(const Object& object);
  Fail read_fail(const Object& object);
  ExpressionPtr read_fail_text(const Object& object, std::string_view key);
  Parallel read_parallel(const Object& object, const State& state, const Enclosing& enclosing);

  // map_state.cpp
  Map read_map(const Object& object, State& state, const Enclosing& enclosing);
  void read_processor(const Object& object, const State& state, const Enclosing& enclosing, Map& map);
  void read_processor_config(const Object& processor, bool express_parent, Map& map);
  void read_distributed_fields(const Object& object, Map& map);
  void read_label(const Object& object, Map& map);
  ItemReader read_item_reader(const Object& object);
  void read_reader_config(const Object& object, ItemReader& reader);
  ItemBatcher read_item_batcher(const Object& object);
  ResultWriter read_result_writer(const Object& object);

  // choice_rules.cpp
  Choice read_choice(const Object& object, State& state);
  ConditionPtr read_condition(const Object& rule, bool nested);
  ConditionPtr read_combination(const Object& rule, std::string_view key, const Node& value);
  ConditionPtr read_data_test(const Object& rule, const Member& member, const Operator& op);
  std::optional<Operand> read_operand(const Object& rule, const Member& member, const Operator& op);
  ConditionPtr read_jsonata_condition(const Object& rule);

  // handlers.cpp
  void read_retry(const Object& object, State& state);
  void read_catch(const Object& object, State& state);
  std::vector<std::string> read_error_equals(const Object& handler, bool last);

  // values.cpp
  Object child(const Object& object, const Node& node, const Place& place) const {
    return {node, place, object.state, object.language};
  }
  void wrong_type(const Place& place, std::string_view expected);
  /// `known`: what there might have been instead.
  void unsupported(const Object& object, std::string_view key, const std::vector<std::string>& known = {});
  void other_language(const Object& object, std::string_view key);
  void check_keys(const Object& object, std::initializer_list<std::string_view> allowed);
  void require(const Object& object, std::initializer_list<std::string_view> keys);
  void exclusive(const Object& object, std::string_view a, std::string_view b);
  void check_comment(const Object& object);

  std::optional<std::string_view> read_string(const Object& object, std::string_view key);
  std::optional<std::string_view> read_choice_of(const Object& object, std::string_view key,
                                                 std::initializer_list<std::string_view> values);
  std::optional<std::int64_t> read_integer(const Object& object, std::string_view key, Range range);
  std::optional<double> read_number(const Object& object, std::string_view key, double least, double most);
  /// `X`, or in JSONPath states `XPath`.
  std::optional<ComputedNumber> read_computed(const Object& object, std::string_view key, Range range,
                                              bool fraction = false);

  ExpressionPtr read_path(const Object& object, std::string_view key);
  /// InputPath, OutputPath: null where the path is `$` or absent.
  ExpressionPtr read_data_path(const Object& object, std::string_view key, bool& discarded);
  ExpressionPtr read_reference_path(const Object& object, std::string_view key, std::string* text);
  std::optional<jsonpath::Path> compile_reference(std::string_view text, const Place& place);
  ResultPath read_result_path(const Object& object);
  /// A payload template, or a field of JSONata: by the object's language.
  ExpressionPtr read_payload(const Object& object, std::string_view key, const jsonata::FieldScope& scope = {});
  ExpressionPtr read_template(const Object& object, std::string_view key);
  ExpressionPtr read_jsonata(const Object& object, std::string_view key, const jsonata::FieldScope& scope = {});
  /// A field whose expression must come to a value of that kind.
  ExpressionPtr read_jsonata_as(const Object& object, std::string_view key, Kind expected);
  /// Checks the names and notes who assigns them; `catching`: the state whose Catch `object` is of.
  ExpressionPtr read_assign(const Object& object, const jsonata::FieldScope& scope = {},
                            StateId catching = StateId::none);

  void warn_static_text(const Node& node, const Place& place, std::string_view code);
  bool warn_placeholder(const Node& node, const Place& place);

  Value part(const Node& node) const { return document_.part(node); }

  const Value& document_;
  ExecutionType type_;
  Report& report_;
  StateMachine& machine_;
  Graph graph_;
  ScopeId scope_ = ScopeId::top;  // that is being read
  std::vector<std::string> labels_;
  Hints hints_;
};

/// Whether a text looks like a path (`$.a`, `$$.Map`) or like an intrinsic call.
bool looks_like_path(std::string_view text);

}  // namespace lockstep::asl
