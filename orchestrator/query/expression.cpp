#include "query/expression.hpp"

#include <algorithm>

namespace lockstep::query {

namespace {

class Literal final : public Expression {
 public:
  explicit Literal(Value value) : value_(std::move(value)) {}
  Evaluated<Value> evaluate(const Environment& /*environment*/) const override { return value_; }

 private:
  Value value_;
};

bool name_less(const VariableScope::Entry& entry, std::string_view name) {
  return entry.name < name;
}

}  // namespace

ExpressionPtr make_literal(Value value) {
  return std::make_shared<Literal>(std::move(value));
}

const Value* VariableScope::find(std::string_view name) const {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), name, name_less);
  return found != entries_.end() && found->name == name ? &found->value : nullptr;
}

std::shared_ptr<const VariableScope> VariableScope::with(const std::shared_ptr<const VariableScope>& base,
                                                         const std::vector<Entry>& changes) {
  auto scope = std::make_shared<VariableScope>();
  if (base != nullptr) {
    scope->entries_ = base->entries_;
  }
  for (const Entry& change : changes) {
    const auto place = std::lower_bound(scope->entries_.begin(), scope->entries_.end(), change.name, name_less);
    if (place != scope->entries_.end() && place->name == change.name) {
      place->value = change.value;
    } else {
      scope->entries_.insert(place, change);
    }
  }
  return scope;
}

std::size_t VariableScope::text_size() const {
  std::size_t total = 0;
  for (const Entry& entry : entries_) {
    total += entry.value.text_size();
  }
  return total;
}

}  // namespace lockstep::query
