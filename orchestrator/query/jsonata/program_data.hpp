// What a compiled expression consists of. Internal to this folder; program.hpp is the way in.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "query/jsonata/expr.hpp"
#include "query/jsonata/level.hpp"
#include "query/jsonata/regex.hpp"
#include "query/jsonata/signature.hpp"

namespace lockstep::jsonata {

struct Native;

struct ProgramData {
  Level level = Level::suite;
  std::string source;
  Expr* root = nullptr;
  std::deque<Expr> exprs;
  std::deque<std::string> texts;  // unescaped literals
  std::deque<Scope> scopes;
  std::deque<std::unique_ptr<Regex>> regexes;
  std::deque<std::unique_ptr<Signature>> signatures;
  Scope root_scope;                       // variables bound outside of any block
  Scope tuple_scope;                      // variables bound by @, # and %
  std::vector<std::string_view> globals;  // variables that nothing in the expression binds
  std::uint32_t hints = 0;                // names that are looked up
  std::vector<const Native*> natives;     // for each global: the library function of that name, or null
  bool needs_context = false;             // mentions $states in a way that can reach $states.context
  bool inner = false;                     // compiled by $eval: finds the variables around it by their names

  Expr* make(ExprType type, std::int32_t position) {
    Expr& e = exprs.emplace_back();
    e.type = type;
    e.position = position;
    return &e;
  }
};

/// Throws Problem. Fills `program` from its `source`.
void parse(ProgramData& program);
/// Flattens paths, attaches predicates to steps, finds what `%` means and which calls are tail calls. Throws Problem.
void shape(ProgramData& program);
/// Settles where each variable lives.
void resolve(ProgramData& program);

}  // namespace lockstep::jsonata
