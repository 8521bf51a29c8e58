#include "query/jsonata/static_check.hpp"

#include <algorithm>

namespace lockstep::jsonata {

namespace {

class Checker {
 public:
  explicit Checker(const FieldScope& scope) : scope_(scope) {}

  // `top`: there is no context item here but the input, which is undefined.
  void visit(const Expr& e, bool top) {
    switch (e.type) {
      case ExprType::name:
        if (top) {
          refuse("Reference to '" + std::string(e.text) + "' at the top level is not supported.");
        }
        break;
      case ExprType::variable:
        if (e.text == "$") {
          refuse("Reference to '$$' is not supported.");
        } else if (top && e.text.empty()) {
          refuse("Reference to '$' at the top level is not supported.");
        }
        break;
      case ExprType::path:
        visit_path(e, top);
        return;
      case ExprType::lambda:
      case ExprType::transform:
        top = false;
        break;
      default:
        break;
    }
    for (const Expr* child : {e.a, e.b, e.c}) {
      if (child != nullptr && e.type != ExprType::bind) {
        visit(*child, top);
      }
    }
    if (e.type == ExprType::bind) {
      visit(*e.b, top);
    }
    if (e.type != ExprType::lambda) {  // there they are parameters
      for (const Expr* child : e.items) {
        visit(*child, top);
      }
    }
    visit_pairs(e, top);
    visit_stages(e.predicates);
    if (e.group != nullptr) {
      visit_pairs(*e.group, false);
    }
  }

  std::vector<std::string> take() { return std::move(messages_); }

 private:
  void visit_path(const Expr& e, bool top) {
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      const Expr& step = *e.items[i];
      visit(step, top && i == 0);
      visit_stages(step.stages);
      for (const SortTerm& term : step.terms) {
        visit(*term.expression, false);
      }
    }
    const Expr& first = *e.items[0];
    if (first.type == ExprType::variable && first.text == "states" && e.items.size() > 1 &&
        e.items[1]->type == ExprType::name) {
      const std::string_view member = e.items[1]->text;
      const bool exists = member == "input" || member == "context" || (member == "result" && scope_.result) ||
                          (member == "errorOutput" && scope_.error_output);
      if (!exists) {
        refuse("Field '$states." + std::string(member) + "' does not exist.");
      }
    }
    if (e.group != nullptr) {
      visit_pairs(*e.group, false);
    }
  }

  void visit_pairs(const Expr& e, bool top) {
    for (const auto& [key, value] : e.pairs) {
      visit(*key, top);
      visit(*value, top);
    }
  }

  void visit_stages(const std::vector<Stage>& stages) {
    for (const Stage& stage : stages) {
      if (stage.filter != nullptr) {
        visit(*stage.filter, false);
      }
    }
  }

  void refuse(std::string message) {
    if (std::find(messages_.begin(), messages_.end(), message) == messages_.end()) {
      messages_.push_back(std::move(message));
    }
  }

  const FieldScope& scope_;
  std::vector<std::string> messages_;
};

}  // namespace

std::vector<std::string> unsupported_references(const ProgramData& program, const FieldScope& scope) {
  Checker checker(scope);
  checker.visit(*program.root, true);
  return checker.take();
}

}  // namespace lockstep::jsonata
