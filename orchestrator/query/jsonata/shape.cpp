// Puts the parser's tree into the shape that is evaluated: paths are lists of steps, predicates hang on their step,
// `%` knows which step it means, calls in tail position are marked. Follows the reference implementation's post-parse
// stage rule by rule, because what an expression means is defined by it.
#include <string>

#include "query/jsonata/problem.hpp"
#include "query/jsonata/program_data.hpp"

namespace lockstep::jsonata {

namespace {

class Shaper {
 public:
  explicit Shaper(ProgramData& program) : program_(program) {}

  void run() {
    program_.root = shape_expr(program_.root);
    if (program_.root->type == ExprType::parent || !program_.root->seeking_parent.empty()) {
      throw no_parent(*program_.root);
    }
    name_tuple_variables();
  }

 private:
  // What one % asks for: `level` steps up; the step that gives it carries `label`.
  struct Slot {
    int label;
    int level;
  };

  static Problem problem_at(std::string_view code, const Expr& e) {
    Problem p = problem(code, e.position);
    p.token = e.text;
    p.has_token = true;
    return p;
  }

  // S0217 names the kind of node, as the reference implementation calls it.
  static Problem no_parent(const Expr& e) {
    static constexpr std::string_view kNames[] = {
        "(end)",   "name",   "variable",  "string",    "number",    "value",      "regex",     "operator",
        "binary",  "unary",  "unary",     "unary",     "wildcard",  "descendant", "parent",    "function",
        "partial", "lambda", "condition", "condition", "condition", "block",      "transform", "path",
        "bind",    "apply",  "sort",      "lambda",    "group"};
    const bool placed = e.type != ExprType::path && e.type != ExprType::parent;
    Problem p = problem("S0217", placed ? e.position : -1);
    p.token = kNames[static_cast<std::size_t>(e.type)];
    p.has_token = true;
    return p;
  }

  Expr* shape_expr(Expr* e) {
    Expr* result = shape_by_type(e);
    if (e->keep_array) {
      result->keep_array = true;
    }
    return result;
  }

  Expr* shape_by_type(Expr* e) {
    switch (e->type) {
      case ExprType::binary:
        return shape_binary(e);
      case ExprType::negate:
        e->a = shape_expr(e->a);
        if (e->a->type == ExprType::number) {  // a literal
          e->a->constant = number_item(-e->a->constant.number());
          const std::string_view text = e->a->text;
          e->a->text = text.starts_with('-') ? text.substr(1) : program_.texts.emplace_back("-" + std::string(text));
          return e->a;
        }
        push_ancestry(*e, *e->a);
        return e;
      case ExprType::array:
        for (Expr*& item : e->items) {
          item = shape_expr(item);
          push_ancestry(*e, *item);
        }
        return e;
      case ExprType::object:
        shape_pairs(*e, true);
        return e;
      case ExprType::function:
      case ExprType::partial:
        for (Expr*& item : e->items) {
          item = shape_expr(item);
          push_ancestry(*e, *item);
        }
        e->a = shape_expr(e->a);
        return e;
      case ExprType::lambda:
        e->a = mark_tail_calls(shape_expr(e->a));
        return e;
      case ExprType::condition:
        e->a = shape_expr(e->a);
        push_ancestry(*e, *e->a);
        e->b = shape_expr(e->b);
        push_ancestry(*e, *e->b);
        if (e->c != nullptr) {
          e->c = shape_expr(e->c);
          push_ancestry(*e, *e->c);
        }
        return e;
      case ExprType::coalesce:
      case ExprType::elvis:
        e->a = shape_expr(e->a);
        push_ancestry(*e, *e->a);
        e->b = shape_expr(e->b);
        push_ancestry(*e, *e->b);
        return e;
      case ExprType::transform:
        e->a = shape_expr(e->a);
        e->b = shape_expr(e->b);
        if (e->c != nullptr) {
          e->c = shape_expr(e->c);
        }
        return e;
      case ExprType::block:
        for (Expr*& item : e->items) {
          item = shape_expr(item);
          push_ancestry(*e, *item);
          if (item->cons_array || (item->type == ExprType::path && item->items.front()->cons_array)) {
            e->cons_array = true;
          }
        }
        return e;
      case ExprType::name:
        return path_of(e);
      case ExprType::parent:
        e->slot = static_cast<std::int32_t>(slots_.size());
        slots_.push_back({static_cast<int>(slots_.size()), 1});
        return e;
      case ExprType::operator_name:
        if (e->text == "?") {
          return e;
        }
        e->type = ExprType::name;
        return path_of(e);
      case ExprType::end:
        throw problem_at("S0207", *e);
      default:
        return e;
    }
  }

  Expr* path_of(Expr* step) {
    Expr* path = program_.make(ExprType::path, step->position);
    path->items.push_back(step);
    path->keep_singleton_array = step->type == ExprType::name && step->keep_array;
    return path;
  }

  Expr* as_path(Expr* e) {
    if (e->type == ExprType::path) {
      return e;
    }
    Expr* path = program_.make(ExprType::path, e->position);
    path->items.push_back(e);
    return path;
  }

  void shape_pairs(Expr& e, bool ancestry) {
    for (auto& [key, value] : e.pairs) {
      key = shape_expr(key);
      value = shape_expr(value);
      if (ancestry) {
        push_ancestry(e, *key);
        push_ancestry(e, *value);
      }
    }
  }

  Expr* shape_binary(Expr* e) {
    switch (e->op) {
      case Op::map:
        return shape_map(e);
      case Op::filter:
        return shape_filter(e);
      case Op::group_by:
        return shape_group(e);
      case Op::order_by:
        return shape_order(e);
      case Op::assign:
        e->type = ExprType::bind;
        e->b = shape_expr(e->b);
        push_ancestry(*e, *e->b);
        return e;
      case Op::focus:
        return shape_focus(e);
      case Op::index:
        return shape_index(e);
      case Op::chain:
        e->type = ExprType::apply;
        e->a = shape_expr(e->a);
        e->b = shape_expr(e->b);
        e->keep_array = e->a->keep_array || e->b->keep_array;
        return e;
      default:
        e->a = shape_expr(e->a);
        e->b = shape_expr(e->b);
        push_ancestry(*e, *e->a);
        push_ancestry(*e, *e->b);
        return e;
    }
  }

  Expr* shape_map(Expr* e) {
    Expr* left = shape_expr(e->a);
    Expr* path = as_path(left);
    if (left->type == ExprType::parent) {
      path->seeking_parent = {left->slot};
    }
    Expr* rest = shape_expr(e->b);
    if (rest->type == ExprType::path) {
      path->items.insert(path->items.end(), rest->items.begin(), rest->items.end());
    } else {
      if (!rest->predicates.empty()) {
        rest->stages = std::move(rest->predicates);
        rest->predicates.clear();
      }
      path->items.push_back(rest);
    }
    // Only the new steps and the first can have changed, but a chain of a thousand dots is not worth a second rule.
    for (Expr* step : path->items) {
      if (step->type == ExprType::number || step->type == ExprType::value) {
        Problem p = problem_at("S0213", *step);
        p.value_json = step->text;
        throw p;
      }
      if (step->type == ExprType::string) {
        step->type = ExprType::name;
      }
      if (step->keep_array) {
        path->keep_singleton_array = true;
      }
    }
    if (path->items.front()->type == ExprType::array) {
      path->items.front()->cons_array = true;
    }
    if (path->items.back()->type == ExprType::array) {
      path->items.back()->cons_array = true;
    }
    resolve_ancestry(*path);
    return path;
  }

  Expr* shape_filter(Expr* e) {
    Expr* result = shape_expr(e->a);
    const bool is_path = result->type == ExprType::path;
    Expr* step = is_path ? result->items.back() : result;
    if (step->group != nullptr) {
      throw problem("S0209", e->position);
    }
    Expr* predicate = shape_expr(e->b);
    if (!predicate->seeking_parent.empty()) {
      for (const std::int32_t slot : predicate->seeking_parent) {
        if (slots_[static_cast<std::size_t>(slot)].level == 1) {
          seek_parent(*step, slot);
        } else {
          --slots_[static_cast<std::size_t>(slot)].level;
        }
      }
      push_ancestry(*step, *predicate);
    }
    Stage stage;
    stage.filter = predicate;
    stage.position = e->position;
    (is_path ? step->stages : step->predicates).push_back(stage);
    return result;
  }

  Expr* shape_group(Expr* e) {
    Expr* result = shape_expr(e->a);
    if (result->group != nullptr) {
      throw problem("S0210", e->position);
    }
    Expr* group = program_.make(ExprType::group, e->position);
    group->pairs = std::move(e->pairs);
    shape_pairs(*group, false);
    result->group = group;
    return result;
  }

  Expr* shape_order(Expr* e) {
    Expr* path = as_path(shape_expr(e->a));
    Expr* sort = program_.make(ExprType::sort, e->position);
    for (SortTerm term : e->terms) {
      term.expression = shape_expr(term.expression);
      push_ancestry(*sort, *term.expression);
      sort->terms.push_back(term);
    }
    path->items.push_back(sort);
    resolve_ancestry(*path);
    return path;
  }

  Expr* shape_focus(Expr* e) {
    Expr* result = shape_expr(e->a);
    Expr* step = result->type == ExprType::path ? result->items.back() : result;
    if (!step->stages.empty() || !step->predicates.empty()) {
      throw problem("S0215", e->position);
    }
    if (step->type == ExprType::sort) {
      throw problem("S0216", e->position);
    }
    if (e->keep_array) {
      step->keep_array = true;
    }
    step->focus_name = e->b->text;
    step->tuple = true;
    return result;
  }

  Expr* shape_index(Expr* e) {
    Expr* result = shape_expr(e->a);
    Expr* step = result;
    if (result->type == ExprType::path) {
      step = result->items.back();
    } else {
      result = as_path(result);
      if (!step->predicates.empty()) {
        step->stages = std::move(step->predicates);
        step->predicates.clear();
      }
    }
    if (step->stages.empty()) {
      step->index_name = e->b->text;
    } else {
      Stage stage;
      stage.index_name = e->b->text;
      stage.position = e->position;
      step->stages.push_back(stage);
    }
    step->tuple = true;
    return result;
  }

  Expr* mark_tail_calls(Expr* e) {
    // Down the right edge in a loop: a chain of conditions may be long.
    Expr** place = &e;
    for (;;) {
      Expr* at = *place;
      if (at->type == ExprType::function && at->predicates.empty()) {
        Expr* call = program_.make(ExprType::tail_call, at->position);
        call->a = at;
        *place = call;
        return e;
      }
      if (at->type == ExprType::condition) {
        at->b = mark_tail_calls(at->b);
        if (at->c == nullptr) {
          return e;
        }
        place = &at->c;
      } else if (at->type == ExprType::coalesce || at->type == ExprType::elvis) {
        place = &at->b;
      } else if (at->type == ExprType::block && !at->items.empty()) {
        place = &at->items.back();
      } else {
        return e;
      }
    }
  }

  // Looks for the step that `slot` means in `e`; what is left of its level stays in the slot.
  void seek_parent(Expr& e, std::int32_t index) {
    Slot& slot = slots_[static_cast<std::size_t>(index)];
    switch (e.type) {
      case ExprType::name:
      case ExprType::wildcard:
        --slot.level;
        if (slot.level == 0) {
          if (e.ancestor >= 0) {
            slot.label = slots_[static_cast<std::size_t>(e.ancestor)].label;
          }
          e.ancestor = index;
          e.tuple = true;
        }
        return;
      case ExprType::parent:
        ++slot.level;
        return;
      case ExprType::block:
        if (!e.items.empty()) {
          e.tuple = true;
          seek_parent(*e.items.back(), index);
        }
        return;
      case ExprType::path: {
        e.tuple = true;
        std::size_t at = e.items.size();
        seek_parent(*e.items[--at], index);
        while (slots_[static_cast<std::size_t>(index)].level > 0 && at > 0) {
          seek_parent(*e.items[--at], index);
        }
        return;
      }
      default: {
        throw no_parent(e);
      }
    }
  }

  static void push_ancestry(Expr& result, const Expr& value) {
    result.seeking_parent.insert(result.seeking_parent.end(), value.seeking_parent.begin(), value.seeking_parent.end());
    if (value.type == ExprType::parent) {
      result.seeking_parent.push_back(value.slot);
    }
  }

  void resolve_ancestry(Expr& path) {
    const Expr& last = *path.items.back();
    std::vector<std::int32_t> slots = last.seeking_parent;
    if (last.type == ExprType::parent) {
      slots.push_back(last.slot);
    }
    for (const std::int32_t slot : slots) {
      auto index = static_cast<std::ptrdiff_t>(path.items.size()) - 2;
      while (slots_[static_cast<std::size_t>(slot)].level > 0) {
        if (index < 0) {
          path.seeking_parent.push_back(slot);
          break;
        }
        Expr* step = path.items[static_cast<std::size_t>(index--)];
        // Steps in a row that bind their context leave it where it was: one ancestor for all of them.
        while (index >= 0 && !step->focus_name.empty() &&
               !path.items[static_cast<std::size_t>(index)]->focus_name.empty()) {
          step = path.items[static_cast<std::size_t>(index--)];
        }
        seek_parent(*step, slot);
      }
    }
  }

  std::int32_t tuple_slot(std::string_view name) {
    auto& names = program_.tuple_scope.names;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) {
        return static_cast<std::int32_t>(i);
      }
    }
    names.push_back(name);
    return static_cast<std::int32_t>(names.size()) - 1;
  }

  std::string_view label_of(std::int32_t slot) {
    // No variable can be called so: ! ends a name.
    return program_.texts.emplace_back("!" + std::to_string(slots_[static_cast<std::size_t>(slot)].label));
  }

  void name_tuple_variables() {
    for (Expr& e : program_.exprs) {
      if (!e.focus_name.empty()) {
        e.focus = tuple_slot(e.focus_name);
      }
      if (!e.index_name.empty()) {
        e.index = tuple_slot(e.index_name);
      }
      for (Stage& stage : e.stages) {
        if (!stage.index_name.empty()) {
          stage.index = tuple_slot(stage.index_name);
        }
      }
      if (e.ancestor >= 0) {
        e.ancestor = tuple_slot(label_of(e.ancestor));
      }
      if (e.type == ExprType::parent && e.slot >= 0) {
        e.text = label_of(e.slot);
      }
    }
  }

  ProgramData& program_;
  std::vector<Slot> slots_;
};

}  // namespace

void shape(ProgramData& program) {
  Shaper(program).run();
}

}  // namespace lockstep::jsonata
