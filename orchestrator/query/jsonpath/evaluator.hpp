// Applies the steps of an indefinite path to a document. Internal to jsonpath/.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "query/jsonpath/condition.hpp"
#include "query/jsonpath/steps.hpp"
#include "value/builder.hpp"

namespace lockstep::jsonpath {

/// One evaluation over one document. Bounded: it gives up after a fixed number of visited nodes.
class Evaluator {
 public:
  explicit Evaluator(const Value& document) : document_(document) {}

  /// What `list` gives for the document: one value where the list is single, else an array.
  tl::expected<Value, Miss> evaluate(const StepList& list);
  /// True after a failed evaluate() where the bound was the reason.
  bool exhausted() const { return exhausted_; }

 private:
  struct Item {
    const Node* node;
    const Value* owner;
  };
  using Items = std::vector<Item>;

  bool walk(const StepList& list, std::size_t step, Item item, Items& out);
  bool walk_names(const StepList& list, std::size_t step, Item item, Items& out);
  bool walk_indices(const StepList& list, std::size_t step, Item item, Items& out);
  bool walk_children(const StepList& list, std::size_t step, Item item, Items& out);
  bool walk_descendants(const StepList& list, std::size_t step, Item item, Items& out);
  bool walk_filter(const StepList& list, std::size_t step, Item item, Items& out);

  bool holds(const Condition& condition, Item item);
  bool compare(const Condition& condition, Item item);
  bool exists(const StepList& list, Item item);
  /// The node that an operand stands for; null where it stands for none.
  const Node* resolve(const Operand& operand, Item item);

  /// All results of `list` from `start`; false on a miss.
  bool gather(const StepList& list, Item start, Items& out);
  /// Gathers, and makes one value of it: null on a miss.
  const Value* collapse(const StepList& list, Item start);
  bool call(const Step& step, const Node& subject, const Item& item, Items& out);
  Value call_over_results(const StepList& list, const Items& results);
  Item keep(Value value);
  Value array_of(const Items& items);

  bool spend(std::size_t visits);
  bool miss(const StepList& list, std::size_t step, const Node& node);

  const Value& document_;
  std::deque<Value> made_;
  std::unordered_map<const StepList*, const Value*> root_results_;
  const StepList* missed_list_ = nullptr;  // where the last miss was
  std::size_t missed_step_ = 0;
  const Node* missed_node_ = nullptr;
  std::size_t visits_ = 0;
  std::size_t made_size_ = 0;
  bool require_ = false;  // a missing property is a miss even behind a wildcard
  bool exhausted_ = false;
};

/// Why `list` leads nowhere in `node` at step `step`.
Miss explain(const StepList& list, std::size_t step, const Node& node);

/// What a function gives for `subject` and further values; false where it gives nothing (an empty list has no average).
bool apply_function(FunctionKind kind, const Value& owner, const Node& subject,
                    const std::vector<const Node*>& arguments, Value& result);

}  // namespace lockstep::jsonpath
