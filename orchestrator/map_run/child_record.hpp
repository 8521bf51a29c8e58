// What is said of a child execution in a Map Run's results (distributed-map.md 8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "value/builder.hpp"
#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::map_run {

enum class ChildStatus : std::uint8_t { pending, succeeded, failed, timed_out, aborted };

/// "PENDING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED".
std::string_view to_string(ChildStatus status);

struct ChildRecord {
  std::uint64_t index = 0;  ///< of its first item among all
  std::string execution_arn;
  std::string machine_arn;  ///< …:stateMachine:MACHINE/LABEL
  std::string name;
  ChildStatus status = ChildStatus::succeeded;
  Value input;
  Value output;  ///< of one that succeeded
  std::optional<std::string> error;
  std::optional<std::string> cause;
  Timestamp started;
  Timestamp stopped;
  std::uint32_t redrives = 0;
  bool express = false;
};

/// How the results are to be shown: ResultWriter's WriterConfig, or what AWS does without one.
enum class Transformation : std::uint8_t { none, compact, flatten };

/// The record itself, keys in AWS's order (NONE). Of one that is pending: what is known of it without having started.
Value record_of(const ChildRecord& child);
/// What stands for the child in the results: its output, or, unless it succeeded, its record. FLATTEN's splicing is for
/// whoever puts elements together: elements_of().
Value element_of(const ChildRecord& child, Transformation transformation);
/// Calls `add(value)` with each element that the results have for one of element_of(): with FLATTEN an array's own
/// elements, else itself.
template <class Add>
void elements_of(const Value& element, Transformation transformation, const Add& add) {
  if (transformation != Transformation::flatten || !element.node().is_array()) {
    add(element);
    return;
  }
  const Node& array = element.node();
  for (std::size_t i = 0; i < array.size(); ++i) {
    add(element.shared_part(array.at(i)));
  }
}

/// JSON text without a line break: as it was spelled, if that has none. Valid as `value` and `scratch`.
std::string_view one_line(const Value& value, std::string& scratch);

/// Puts together the state's result where it is not exported. One thread.
class ResultComposer {
 public:
  /// `lines`: the result is a string, JSON text of an element in each line (OutputType JSONL, which AWS documents for
  /// the state's result as well without saying what that is); else an array.
  ResultComposer(Transformation transformation, bool lines);

  /// In item order. `element` is one of element_of(), and is shared.
  void add(const Value& element);
  /// Of the result as JSON text, were it finished now: to give up what would be too large anyway.
  std::uint64_t bytes() const { return bytes_; }
  /// The result. The composer is spent.
  Value finish();

 private:
  Transformation transformation_;
  bool lines_;
  Builder array_;
  std::string text_;
  std::uint64_t bytes_ = 2;
  bool any_ = false;
};

}  // namespace lockstep::map_run
