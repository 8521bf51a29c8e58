// What an expression of a state may see: variables, the Context object, random numbers.
#pragma once

#include <functional>
#include <optional>

#include "engine/execution.hpp"
#include "query/expression.hpp"

namespace lockstep::engine {

/// The Context object of a strand in its state (asl.md section 11). `item`: the Map iteration that is about to start,
/// for ItemSelector.
Value make_context(const Execution& execution, const Strand& strand, const std::string& token,
                   const std::optional<MapItem>& item);

/// Borrowed for one evaluation; the strand must not change meanwhile.
class StrandEnvironment final : public query::Environment {
 public:
  /// `token`: of the strand's task; empty: it has none.
  StrandEnvironment(const Execution& execution, const Strand& strand, const std::string& token, Timestamp at,
                    std::function<std::uint64_t()> random)
      : execution_(execution), strand_(strand), token_(token), random_(std::move(random)) {
    variables = strand.variables.get();
    now = at;
  }

  const Value& context() const override {
    if (!context_) {
      context_ = make_context(execution_, strand_, token_, item);
    }
    return *context_;
  }
  std::uint64_t random() const override { return random_(); }

  std::optional<MapItem> item;

 private:
  const Execution& execution_;
  const Strand& strand_;
  const std::string& token_;
  std::function<std::uint64_t()> random_;
  mutable std::optional<Value> context_;
};

}  // namespace lockstep::engine
