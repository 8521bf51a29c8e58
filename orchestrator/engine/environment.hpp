// What an expression of a state may see: variables, the Context object, random numbers.
#pragma once

#include <functional>
#include <optional>

#include "engine/execution.hpp"
#include "query/expression.hpp"

namespace lockstep::engine {

/// The Context object of a strand in its state (asl.md section 11). `item`: the Map iteration that is about to start,
/// for ItemSelector.
struct ContextItem {
  std::uint32_t index;
  Value value;
};
Value make_context(const Execution& execution, const Strand& strand, const std::optional<ContextItem>& item);

/// Borrowed for one evaluation; the strand must not change meanwhile.
class StrandEnvironment final : public query::Environment {
 public:
  StrandEnvironment(const Execution& execution, const Strand& strand, Timestamp at,
                    std::function<std::uint64_t()> random)
      : execution_(execution), strand_(strand), random_(std::move(random)) {
    variables = strand.variables.get();
    now = at;
  }

  const Value& context() const override {
    if (!context_) {
      context_ = make_context(execution_, strand_, item);
    }
    return *context_;
  }
  std::uint64_t random() const override { return random_(); }

  std::optional<ContextItem> item;

 private:
  const Execution& execution_;
  const Strand& strand_;
  std::function<std::uint64_t()> random_;
  mutable std::optional<Value> context_;
};

}  // namespace lockstep::engine
