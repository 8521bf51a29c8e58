// One JSONata expression, compiled: what `lockstep query` and the fields of a state run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "query/expression.hpp"
#include "query/jsonata/level.hpp"
#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::jsonata {

struct ProgramData;

/// Why a text does not compile, or an evaluation gave no result.
struct QueryError {
  std::string code;            ///< "T2001"; U1001: a limit of the request; empty: AWS's limits
  std::string message;         ///< the reference implementation's words
  std::int32_t position = -1;  ///< UTF-16 units from the start of the expression; -1: not known
  std::string token;           ///< the operator or function at fault; empty: not known
};

/// What one evaluation may use. It fails where it needs more; nothing depends on the machine unless `milliseconds` is
/// set.
struct Limits {
  std::uint32_t depth;         ///< nested evaluations (as the reference implementation nests them)
  std::uint64_t steps;         ///< evaluations of a node of the syntax tree
  std::size_t memory;          ///< bytes in use at once
  std::size_t value;           ///< size of one string (bytes) or array (8 per element)
  std::uint32_t milliseconds;  ///< of elapsed time; 0: any
  bool caller = false;         ///< depth and milliseconds are the caller's: U1001 where they are exceeded
};
/// AWS's recorded limits for Level::asl; generous ones for Level::suite.
Limits default_limits(Level level);

struct Binding {
  std::string name;  ///< without $
  Value value;
};

/// What an expression sees. Borrowed for the length of one evaluation.
struct Request {
  const Value* input = nullptr;                    ///< null: undefined
  const std::vector<Binding>* bindings = nullptr;  ///< variables; null: none
  const query::Environment* state = nullptr;       ///< $states and workflow variables; null: none
  Timestamp now;                                   ///< what $now() and $millis() say
  std::function<std::uint64_t()> random;           ///< 64 random bits; may be empty where `state` is set
};

/// Value, undefined, function (which is no JSON) or error.
struct Outcome {
  enum class Kind : std::uint8_t { value, undefined, function, error };
  Kind kind = Kind::undefined;
  Value value;       ///< Kind::value
  QueryError error;  ///< Kind::error
};

/// Immutable; shared between threads.
class Program {
 public:
  static tl::expected<std::shared_ptr<const Program>, QueryError> compile(std::string_view text, Level level);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  Outcome evaluate(const Request& request, const Limits& limits) const;
  Outcome evaluate(const Request& request) const;

  /// For the checks of compile_field; lives as long as the program.
  const ProgramData& data() const { return *data_; }

 private:
  explicit Program(std::unique_ptr<ProgramData> data);
  std::unique_ptr<ProgramData> data_;
};

}  // namespace lockstep::jsonata
