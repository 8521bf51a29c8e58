// Stands in for the JSONata library where it is not linked: literals compile, expressions are refused by name.
#include "query/jsonata/jsonata.hpp"

namespace lockstep::jsonata {

[[gnu::weak]] bool is_expression_string(std::string_view text) {
  return text.size() >= 4 && text.starts_with("{%") && text.ends_with("%}");
}

[[gnu::weak]] query::ExpressionPtr compile_field(const Value& field_value, std::string_view field,
                                                 const FieldScope& /*scope*/, std::vector<FieldProblem>& problems) {
  const Node& node = field_value.node();
  if (node.is_string() && is_expression_string(node.as_string())) {
    problems.push_back({"INVALID_JSONATA_EXPRESSION", "JSONata is not available", std::string(field)});
    return nullptr;
  }
  return query::make_literal(field_value);
}

}  // namespace lockstep::jsonata
