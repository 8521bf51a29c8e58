// Settles at compile time what the evaluation would otherwise look up: in which frame and slot a variable lives, which
// blocks need a frame at all, and which paths only read names.
#include <algorithm>
#include <string_view>

#include "query/jsonata/natives.hpp"
#include "query/jsonata/program_data.hpp"

namespace lockstep::jsonata {

namespace {

// The frames that exist where an expression is evaluated, innermost first.
struct Context {
  const Context* outer;
  const Scope* scope;
};

class Resolver {
 public:
  explicit Resolver(ProgramData& program) : program_(program) {}

  void run() {
    collect(*program_.root, program_.root_scope);
    const Context root{nullptr, &program_.root_scope};
    resolve(*program_.root, root);
    note_states();
  }

 private:
  // Whether the Context object can be needed: it is made only then.
  void note_states() {
    int mentioned = 0;
    int other_members = 0;
    for (const Expr& e : program_.exprs) {
      mentioned += e.type == ExprType::variable && e.text == "states" ? 1 : 0;
      if (e.type == ExprType::path && e.items.size() > 1 && e.items[0]->type == ExprType::variable &&
          e.items[0]->text == "states" && e.items[0]->plain && e.items[1]->type == ExprType::name) {
        other_members += e.items[1]->text != "context" ? 1 : 0;
      }
    }
    program_.needs_context = mentioned > other_members;
  }

  static std::uint32_t declare(Scope& scope, std::string_view name) {
    const auto found = std::find(scope.names.begin(), scope.names.end(), name);
    if (found != scope.names.end()) {
      return static_cast<std::uint32_t>(found - scope.names.begin());
    }
    scope.names.push_back(name);
    return static_cast<std::uint32_t>(scope.names.size() - 1);
  }

  // Declares in `scope` every variable that `e` binds outside of its blocks and functions.
  void collect(Expr& e, Scope& scope) {
    if (e.type == ExprType::bind) {
      e.variable = declare(scope, e.a->text);
      collect(*e.b, scope);
    } else if (e.type == ExprType::block) {
      // has a frame of its own
    } else if (e.type != ExprType::lambda) {
      for (Expr* child : {e.a, e.b, e.c}) {
        if (child != nullptr) {
          collect(*child, scope);
        }
      }
      for (Expr* child : e.items) {
        collect(*child, scope);
      }
      collect_pairs(e, scope);
      for (const SortTerm& term : e.terms) {
        collect(*term.expression, scope);
      }
    }
    collect_stages(e.predicates, scope);
    collect_stages(e.stages, scope);
    if (e.group != nullptr) {
      collect_pairs(*e.group, scope);
    }
  }

  void collect_pairs(Expr& e, Scope& scope) {
    for (const auto& [key, value] : e.pairs) {
      collect(*key, scope);
      collect(*value, scope);
    }
  }

  void collect_stages(const std::vector<Stage>& stages, Scope& scope) {
    for (const Stage& stage : stages) {
      if (stage.filter != nullptr) {
        collect(*stage.filter, scope);
      }
    }
  }

  bool binds_nothing(Expr& e) {
    Scope scope;
    collect(e, scope);
    return scope.names.empty();
  }

  void find_variable(Expr& e, const Context& context) {
    std::int32_t hops = 0;
    for (const Context* c = &context; c != nullptr; c = c->outer, ++hops) {
      const auto& names = c->scope->names;
      const auto found = std::find(names.begin(), names.end(), e.text);
      if (found != names.end()) {
        e.hops = hops;
        e.variable = static_cast<std::uint32_t>(found - names.begin());
        return;
      }
    }
    e.hops = program_.inner ? kByName : kGlobal;
    const auto found = std::find(program_.globals.begin(), program_.globals.end(), e.text);
    e.variable = static_cast<std::uint32_t>(found - program_.globals.begin());
    if (found == program_.globals.end()) {
      program_.globals.push_back(e.text);
      program_.natives.push_back(find_native(e.text, program_.level));
    }
  }

  // A bind writes to the nearest frame that declares its name and is not a tuple's.
  void find_bind(Expr& e, const Context& context) {
    std::int32_t hops = 0;
    for (const Context* c = &context; c != nullptr; c = c->outer, ++hops) {
      if (c->scope != &program_.tuple_scope) {
        const auto& names = c->scope->names;
        e.hops = hops;
        e.variable = static_cast<std::uint32_t>(std::find(names.begin(), names.end(), e.a->text) - names.begin());
        return;
      }
    }
  }

  void resolve(Expr& e, const Context& context) {
    e.plain = e.predicates.empty() && (e.group == nullptr || e.type == ExprType::path);
    const bool literal = e.type == ExprType::string || e.type == ExprType::number || e.type == ExprType::value;
    if (e.plain && !e.keep_array && (literal || e.type == ExprType::variable)) {
      e.shortcut = literal ? Shortcut::constant : Shortcut::variable;
    }
    switch (e.type) {
      case ExprType::name:
        e.hash = hash_key(e.text);
        e.hint = program_.hints++;
        break;
      case ExprType::string:
        e.constant = string_item(e.text, std::none_of(e.text.begin(), e.text.end(), [](char c) { return c < 0; }));
        e.hash = hash_key(e.text);
        break;
      case ExprType::variable:
      case ExprType::parent:
        if (!e.text.empty()) {
          find_variable(e, context);
        }
        break;
      case ExprType::bind:
        find_bind(e, context);
        ++binds_;
        resolve(*e.b, context);
        break;
      case ExprType::lambda:
        resolve_lambda(e, context);
        break;
      case ExprType::block: {
        Scope& scope = program_.scopes.emplace_back();
        for (Expr* item : e.items) {
          collect(*item, scope);
        }
        const bool framed = !scope.names.empty();
        e.scope = framed ? &scope : nullptr;
        const Context inner{&context, &scope};
        for (Expr* item : e.items) {
          resolve(*item, framed ? inner : context);
        }
        break;
      }
      case ExprType::path:
        resolve_path(e, context);
        return;
      case ExprType::function: {
        const std::size_t before = binds_;
        resolve_children(e, context);
        e.binds = binds_ != before;
        break;
      }
      case ExprType::transform: {
        Expr* clone = program_.make(ExprType::variable, e.position);
        clone->text = "clone";
        e.items = {clone};
        resolve_children(e, context);
        break;
      }
      default:
        resolve_children(e, context);
        break;
    }
    const Context of_tuples{&context, &program_.tuple_scope};
    if (e.type == ExprType::block && e.tuple) {
      e.tuples = &program_.tuple_scope;
    }
    resolve_stages(e.predicates, e.tuples != nullptr ? of_tuples : context);
    if (e.group != nullptr) {
      resolve_pairs(*e.group, e.tuples != nullptr ? of_tuples : context);
    }
  }

  void resolve_children(Expr& e, const Context& context) {
    for (Expr* child : {e.a, e.b, e.c}) {
      if (child != nullptr) {
        resolve(*child, context);
      }
    }
    for (Expr* child : e.items) {
      resolve(*child, context);
    }
    resolve_pairs(e, context);
  }

  void resolve_pairs(Expr& e, const Context& context) {
    std::vector<std::string_view> keys;
    bool literal = !e.pairs.empty();
    for (const auto& [key, value] : e.pairs) {
      resolve(*key, context);
      resolve(*value, context);
      literal = literal && key->type == ExprType::string && key->plain && !key->text.starts_with("_jsonata_");
      keys.push_back(key->text);
    }
    std::sort(keys.begin(), keys.end());
    e.unique_literal_keys = literal && std::adjacent_find(keys.begin(), keys.end()) == keys.end();
  }

  void resolve_stages(const std::vector<Stage>& stages, const Context& context) {
    for (const Stage& stage : stages) {
      if (stage.filter != nullptr) {
        resolve(*stage.filter, context);
        stage.filter->scalar_only = binds_nothing(*stage.filter);
      }
    }
  }

  void resolve_lambda(Expr& e, const Context& context) {
    Scope& scope = program_.scopes.emplace_back();
    for (const Expr* parameter : e.items) {
      e.parameters.push_back(declare(scope, parameter->text));
    }
    collect(*e.a, scope);
    e.scope = &scope;
    const Context inner{&context, &scope};
    resolve(*e.a, inner);
  }

  void resolve_path(Expr& e, const Context& context) {
    const Context tuples{&context, &program_.tuple_scope};
    bool tuple = false;
    bool bound = false;  // a step before this one made tuples
    bool only_names = e.group == nullptr;
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      Expr& step = *e.items[i];
      tuple |= step.tuple;
      const bool first_constructor = i == 0 && step.cons_array;
      if (step.type == ExprType::sort) {
        for (const SortTerm& term : step.terms) {
          resolve(*term.expression, tuple && bound ? tuples : context);
          term.expression->scalar_only = binds_nothing(*term.expression);
        }
      } else {
        resolve(step, tuple && !first_constructor ? tuples : context);
      }
      resolve_stages(step.stages, tuple ? tuples : context);
      bound = bound || (tuple && !first_constructor);
      const bool readable = step.type == ExprType::name || (step.type == ExprType::variable && i == 0);
      only_names = only_names && readable && step.plain && step.stages.empty() && !step.keep_array;
    }
    if (e.group != nullptr) {
      resolve_pairs(*e.group, tuple ? tuples : context);
    }
    for (std::size_t i = 0; i + 1 < e.items.size(); ++i) {
      const auto is_bare = [&e](std::size_t at, ExprType type) {
        const Expr& step = *e.items[at];
        return step.type == type && step.plain && step.stages.empty() && !step.keep_array;
      };
      e.items[i]->name_below = is_bare(i, ExprType::descendant) && is_bare(i + 1, ExprType::name);
    }
    if (tuple) {
      e.path_kind = PathKind::tuples;
      e.scope = &program_.tuple_scope;
    } else if (only_names && !e.keep_singleton_array) {
      e.path_kind = e.items.front()->type == ExprType::variable ? PathKind::variable : PathKind::names;
      if (!e.keep_array && e.plain && (e.path_kind == PathKind::names || e.items.size() > 1)) {
        e.shortcut = e.path_kind != PathKind::names ? Shortcut::variable_names
                     : e.items.size() == 1          ? Shortcut::name
                                                    : Shortcut::names;
      }
    }
  }

  ProgramData& program_;
  std::size_t binds_ = 0;  // so far
};

}  // namespace

void resolve(ProgramData& program) {
  Resolver(program).run();
}

}  // namespace lockstep::jsonata
