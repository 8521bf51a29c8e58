// Functions made, called, partially applied and chained.
#include <array>

#include "query/jsonata/evaluator.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::size_t kFew = 6;  // arguments that need no allocation

/// What a call is named in its errors.
std::string_view procedure_name(const Expr& procedure) {
  if (procedure.type == ExprType::lambda) {
    return {};
  }
  return procedure.type == ExprType::path ? procedure.items[0]->text : procedure.text;
}

/// Whether it is named at all; `$` is, by nothing.
bool has_name(const Expr& procedure) {
  return procedure.type == ExprType::variable || !procedure_name(procedure).empty();
}

Function new_function(Function::Kind kind) {
  Function f;
  f.kind = kind;
  return f;
}

/// Room for a few arguments, not filled in: clearing it would take longer than most calls.
class FewItems {
 public:
  FewItems() {}
  Item& operator[](std::size_t i) { return items_[i]; }
  Item* data() { return items_; }

 private:
  union {
    Item items_[kFew];
  };
};

/// Arguments on their way to a call; few, so mostly without an allocation.
class ArgumentList {
 public:
  void push(Item item) {
    if (size_ < kFew) {
      few_[size_++] = item;
      return;
    }
    if (many_.empty()) {
      many_.assign(few_.data(), few_.data() + kFew);
    }
    many_.push_back(item);
    ++size_;
  }
  const Item* data() { return many_.empty() ? few_.data() : many_.data(); }
  std::size_t size() const { return size_; }

 private:
  FewItems few_;
  std::vector<Item> many_;
  std::size_t size_ = 0;
};

}  // namespace

Item Evaluator::make_function(const Expr& e, Function::Kind kind, Item input, Frame* frame) {
  if (kind != Function::Kind::regex) {
    ++captures_;  // a regular expression needs nothing of what is around it
  }
  auto* f = heap_.make_array<Function>(1);
  *f = new_function(kind);
  f->expr = &e;
  f->direct = kind == Function::Kind::lambda && e.signature == nullptr;
  f->input = input;
  f->frame = frame;
  return function_item(f);
}

std::size_t Evaluator::arity(const Function& f) {
  if (f.partial) {
    return f.open_count;
  }
  switch (f.kind) {
    case Function::Kind::native:
      return f.native->arity;
    case Function::Kind::lambda:
      return f.expr->parameters.size();
    case Function::Kind::regex:
      return 2;
    case Function::Kind::next_match:
      return 0;
    default:
      return 1;
  }
}

namespace {

// Notes what a call is named, for the errors of the function.
void name_call(Function& f, const Expr& e) {
  const std::string_view name = procedure_name(*e.a);
  f.position = e.position;
  f.token_text = has_name(*e.a) ? name.data() : nullptr;
  f.token_size = static_cast<std::uint32_t>(name.size());
}

// An error within `f`: it is the last call of that function's that is to blame.
void blame_function(Problem& p, const Function& f) {
  if (!p.has_token && f.token_text != nullptr) {
    p.token.assign(f.token_text, f.token_size);
    p.has_token = true;
  }
  if (f.position > 0) {
    p.position = f.position;
  }
}

// A chain is a lambda of the reference implementation's own, function($f, $g) { function($x){ $g($f($x)) } }: errors
// show its names and places.
struct Link {
  std::string_view name;
  std::int32_t position;
};
constexpr Link kChainInner{"f", 39};
constexpr Link kChainOuter{"g", 35};

void name_link(const Item& function, const Link& link) {
  Function& f = *function.function();
  f.token_text = link.name.data();
  f.token_size = static_cast<std::uint32_t>(link.name.size());
  f.position = link.position;
}

void blame_call(Problem& p, const Expr& e) {
  if (p.position <= 0) {
    p.position = e.position;
  }
  if (!p.has_token) {
    const std::string_view name = procedure_name(*e.a);
    p.token = name;
    p.has_token = has_name(*e.a);
  }
}

}  // namespace

Item Evaluator::eval_call(const Expr& e, Item input, Frame* frame, const Item* applied_to) {
  check_stack();
  const Item procedure = value_of(*e.a, input, frame);
  if (procedure.is_function() && applied_to == nullptr && e.items.size() <= kFew) {
    Function& f = *procedure.function();
    if (f.direct && !e.binds) {
      return call_lambda(e, f, input, frame);
    }
    if (f.kind == Function::Kind::native && !f.partial) {
      return call_native(e, f, input, frame);
    }
  }
  return call_any(e, procedure, input, frame, applied_to);
}

Item Evaluator::call_any(const Expr& e, Item procedure, Item input, Frame* frame, const Item* applied_to) {
  if (procedure.is_undefined() && e.a->type == ExprType::path && !e.a->items[0]->text.empty() &&
      truthy_or_function(lookup_name(e.a->items[0]->text, frame))) {
    Problem p = problem("T1005", e.position);
    p.token = e.a->items[0]->text;
    p.has_token = true;
    throw p;
  }
  ArgumentList arguments;
  if (applied_to != nullptr) {
    arguments.push(*applied_to);
  }
  for (const Expr* argument : e.items) {
    arguments.push(value_of(*argument, input, frame));
  }
  if (procedure.is_function()) {
    name_call(*procedure.function(), e);
  }
  try {
    return apply(procedure, arguments.data(), arguments.size(), input, frame);
  } catch (Problem& p) {
    blame_call(p, e);
    throw;
  }
}

// The arguments go straight into the lambda's frame. They must bind nothing: what the call has made is taken back.
Item Evaluator::call_lambda(const Expr& e, Function& f, Item input, Frame* frame) {
  const Expr& lambda = *f.expr;
  const Heap::Mark mark = heap_.mark();
  const std::uint64_t captures = captures_;
  Frame* inner = make_frame(f.frame, *lambda.scope);
  const std::size_t wanted = lambda.parameters.size();
  const std::size_t given = e.items.size();
  for (std::size_t i = 0; i < given; ++i) {
    const Item value = value_of(*e.items[i], input, frame);
    if (i < wanted) {
      inner->slots[lambda.parameters[i]] = value;
    }
  }
  for (std::size_t i = given; i < wanted; ++i) {
    inner->slots[lambda.parameters[i]] = Item();
  }
  name_call(f, e);
  Item result;
  try {
    result = eval(*lambda.a, f.input, inner);
  } catch (Problem& p) {
    blame_function(p, f);
    blame_call(p, e);
    throw;
  }
  if (result.tag() == Tag::tail_call) {
    try {
      return finish_calls(result, mark, captures, input, frame);
    } catch (Problem& p) {
      blame_call(p, e);
      throw;
    }
  }
  if (captures == captures_ && result.is_scalar()) {
    heap_.reset(mark);
  }
  return result;
}

Item Evaluator::call_native(const Expr& e, Function& f, Item input, Frame* frame) {
  FewItems arguments;
  const std::size_t size = e.items.size();
  for (std::size_t i = 0; i < size; ++i) {
    arguments[i] = value_of(*e.items[i], input, frame);
  }
  name_call(f, e);
  try {
    if (fit_directly(*f.native->signature, arguments.data(), size)) {
      return f.native->call(*this, {arguments.data(), size, input, frame});
    }
    return apply(function_item(&f), arguments.data(), size, input, frame);
  } catch (Problem& p) {
    blame_function(p, f);
    blame_call(p, e);
    throw;
  }
}

bool Evaluator::truthy_or_function(const Item& item) {
  return item.is_function() || truthy(item);
}

Item Evaluator::apply(Item procedure, const Item* arguments, std::size_t size, Item input, Frame* frame) {
  const Heap::Mark mark = heap_.mark();
  const std::uint64_t captures = captures_;
  const Item result = apply_once(procedure, arguments, size, input, frame);
  return result.tag() == Tag::tail_call ? finish_calls(result, mark, captures, input, frame) : result;
}

Item Evaluator::finish_calls(Item result, Heap::Mark mark, std::uint64_t captures, Item input, Frame* frame) {
  while (result.tag() == Tag::tail_call) {
    const Expr& call = *tail_expr_;
    const Item context = tail_input_;
    Frame* inner = tail_frame_;
    const Item next = eval(*call.a, context, inner);
    if (next.is_function()) {
      Function& f = *next.function();
      if (call.a->type == ExprType::variable) {
        f.token_text = call.a->text.data();
        f.token_size = static_cast<std::uint32_t>(call.a->text.size());
      }
      f.position = call.a->position;
    }
    ArgumentList list;
    bool scalars = true;
    for (const Expr* argument : call.items) {
      const Item value = eval(*argument, context, inner);
      scalars = scalars && value.is_scalar();
      list.push(value);
    }
    if (scalars && captures == captures_) {
      heap_.reset(mark);  // a loop written as a tail call runs in constant memory
    }
    result = apply_once(next, list.data(), list.size(), input, frame);
  }
  return result;
}

Item Evaluator::apply_once(Item procedure, const Item* arguments, std::size_t size, Item input, Frame* frame) {
  if (!procedure.is_function()) {
    throw problem("T1006");
  }
  spend(1);
  check_stack();  // a library function may call what ends in a call of it: eval_call() sees nothing of that
  Function& f = *procedure.function();
  if (f.kind == Function::Kind::chain) {
    // Both are calls in tail position: not the chain's to answer for.
    name_link(f.input, kChainInner);
    const Item inner = apply(f.input, arguments, std::min<std::size_t>(size, 1), null_item(), frame);
    name_link(f.second, kChainOuter);
    return apply(f.second, &inner, 1, null_item(), frame);
  }
  try {
    return apply_function(f, arguments, size, input, frame);
  } catch (Problem& p) {
    blame_function(p, f);
    throw;
  }
}

Item Evaluator::apply_function(Function& f, const Item* arguments, std::size_t size, const Item& input, Frame* frame) {
  const Signature* signature = nullptr;
  if (!f.partial) {
    signature = f.kind == Function::Kind::native   ? f.native->signature.get()
                : f.kind == Function::Kind::lambda ? f.expr->signature
                                                   : nullptr;
  }
  if (f.kind == Function::Kind::native && signature != nullptr) {
    FewItems fitted;
    if (size <= kFew) {
      std::copy_n(arguments, size, fitted.data());
    }
    if (size <= kFew && fit_directly(*signature, fitted.data(), size)) {
      return f.native->call(*this, {fitted.data(), size, input, frame});
    }
  }
  if (signature != nullptr) {
    std::vector<Item> fitted;
    validate(*signature, arguments, size, input, fitted);
    if (f.kind == Function::Kind::native) {
      return f.native->call(*this, {fitted.data(), fitted.size(), input, frame});
    }
    return apply_lambda(f, fitted.data(), fitted.size());
  }
  switch (f.kind) {
    case Function::Kind::lambda:
      return apply_lambda(f, arguments, size);
    case Function::Kind::native: {
      // Partially applied: the open parameters in their order, the others as they were given.
      std::vector<Item> all(f.bound, f.bound + f.native->parameters);
      for (std::uint32_t i = 0; i < f.open_count; ++i) {
        all[f.open[i]] = i < size ? arguments[i] : Item();
      }
      // What is left out counts as given where the signature lets it.
      std::vector<std::uint32_t> taken;
      const Signature& wanted = *f.native->signature;
      const auto fits = [&] {
        std::string symbols;
        std::transform(all.begin(), all.end(), std::back_inserter(symbols), symbol_of);
        return wanted.fit(symbols.data(), symbols.size(), wanted.parameters().size(), true, taken);
      };
      while (!all.empty() && all.back().is_undefined() && !fits()) {
        all.pop_back();
      }
      std::vector<Item> fitted;
      validate(wanted, all.data(), all.size(), Item(), fitted);
      return f.native->call(*this, {fitted.data(), fitted.size(), Item(), frame});
    }
    case Function::Kind::regex: {
      const Item subject = size > 0 ? arguments[0] : Item();
      if (!subject.is_string()) {
        return {};
      }
      return match_item(*f.expr->regex, *f.expr, subject, 0, false);
    }
    case Function::Kind::next_match:
      return match_item(*f.expr->regex, *f.expr, f.input, static_cast<std::size_t>(f.second.number()), true);
    case Function::Kind::transform: {
      const Item subject = size > 0 ? arguments[0] : Item();
      if (size > 1 || !(subject.is_undefined() || subject.is_object() || subject.is_array())) {
        Problem p = problem("T0410");
        p.index = subject.is_undefined() || subject.is_object() || subject.is_array() ? 2 : 1;
        p.value_json = describe(subject);
        throw p;
      }
      return apply_transform(f, subject);
    }
    case Function::Kind::chain:
      break;  // apply_once()'s
  }
  return {};
}

Item Evaluator::apply_lambda(Function& f, const Item* arguments, std::size_t size) {
  const Expr& e = *f.expr;
  const Heap::Mark mark = heap_.mark();
  const std::uint64_t captures = captures_;
  Frame* frame = make_frame(f.frame, *e.scope);
  if (f.partial) {
    for (std::size_t i = 0; i < e.parameters.size(); ++i) {
      frame->slots[e.parameters[i]] = f.bound[i];
    }
    for (std::uint32_t i = 0; i < f.open_count; ++i) {
      frame->slots[e.parameters[f.open[i]]] = i < size ? arguments[i] : Item();
    }
  } else {
    for (std::size_t i = 0; i < e.parameters.size(); ++i) {
      frame->slots[e.parameters[i]] = i < size ? arguments[i] : Item();
    }
  }
  const Item result = eval(*e.a, f.input, frame);
  // Nothing that the call has made can be seen any more: the next call may have its memory.
  if (captures == captures_ && result.is_scalar()) {
    heap_.reset(mark);
  }
  return result;
}

// As call_lambda(), from a library function.
Item Evaluator::call_direct(Function& f, const Item* arguments, std::size_t size) {
  spend(1);
  const Expr& lambda = *f.expr;
  const Heap::Mark mark = heap_.mark();
  const std::uint64_t captures = captures_;
  Frame* frame = make_frame(f.frame, *lambda.scope);
  for (std::size_t i = 0; i < lambda.parameters.size(); ++i) {
    frame->slots[lambda.parameters[i]] = i < size ? arguments[i] : Item();
  }
  Item result;
  try {
    result = eval(*lambda.a, f.input, frame);
  } catch (Problem& p) {
    blame_function(p, f);
    throw;
  }
  if (result.tag() == Tag::tail_call) {
    return finish_calls(result, mark, captures, null_item(), nullptr);
  }
  if (captures == captures_ && result.is_scalar()) {
    heap_.reset(mark);
  }
  return result;
}

Item Evaluator::call(Function& function, const Item* arguments, std::size_t size) {
  if (function.direct) {
    return call_direct(function, arguments, size);
  }
  return apply(function_item(&function), arguments, size, null_item(), nullptr);
}

// --- partial application, chains ---

Item Evaluator::eval_partial(const Expr& e, Item input, Frame* frame) {
  ArgumentList arguments;
  std::vector<bool> open;
  for (const Expr* argument : e.items) {
    const bool is_open = argument->type == ExprType::operator_name && argument->text == "?";
    open.push_back(is_open);
    arguments.push(is_open ? Item() : eval(*argument, input, frame));
  }
  const Item procedure = eval(*e.a, input, frame);
  if (!procedure.is_function()) {
    const bool forgotten = procedure.is_undefined() && e.a->type == ExprType::path &&
                           truthy_or_function(lookup_name(e.a->items[0]->text, frame));
    Problem p = problem(forgotten ? "T1007" : "T1008", e.position);
    p.token = procedure_name(*e.a);
    p.has_token = true;
    throw p;
  }
  ++captures_;
  const Function& from = *procedure.function();
  auto* f = heap_.make_array<Function>(1);
  *f = from;
  f->direct = false;
  f->position = 0;
  f->token_text = nullptr;
  std::size_t parameters = 1;
  if (from.kind == Function::Kind::native) {
    parameters = from.native->parameters;
  } else if (from.kind == Function::Kind::lambda) {
    parameters = from.expr->parameters.size();
  } else {
    return function_item(f);  // a regex, a transform or a chain takes its one argument whenever it comes
  }
  auto* bound = heap_.make_array<Item>(parameters);
  auto* still_open = heap_.make_array<std::uint32_t>(parameters);
  if (from.partial) {
    std::copy_n(from.bound, parameters, bound);
  } else {
    std::fill_n(bound, parameters, Item());
  }
  const std::size_t available = from.partial ? from.open_count : parameters;
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < available; ++i) {
    const std::uint32_t parameter = from.partial ? from.open[i] : static_cast<std::uint32_t>(i);
    if (i < open.size() && open[i]) {
      still_open[count++] = parameter;
    } else {
      bound[parameter] = i < arguments.size() ? arguments.data()[i] : Item();
    }
  }
  f->partial = true;
  f->bound = bound;
  f->open = still_open;
  f->open_count = count;
  return function_item(f);
}

Item Evaluator::eval_apply(const Expr& e, Item input, Frame* frame) {
  check_stack();
  const Item left = eval(*e.a, input, frame);
  if (e.b->type == ExprType::function) {
    return eval_call(*e.b, input, frame, &left);
  }
  const Item function = eval(*e.b, input, frame);
  if (!function.is_function()) {
    Problem p = problem("T2006", e.position);
    p.value_json = describe(function);
    throw p;
  }
  if (!left.is_function()) {
    return apply(function, &left, 1, null_item(), frame);
  }
  ++captures_;
  auto* chain = heap_.make_array<Function>(1);
  *chain = new_function(Function::Kind::chain);
  chain->input = left;
  chain->second = function;
  return function_item(chain);
}

// --- transforms ---

namespace {

// A path has no place of its own.
std::int32_t clause_position(const Expr& clause) {
  return clause.type == ExprType::path ? -1 : clause.position;
}

}  // namespace

Item Evaluator::apply_transform(const Function& f, const Item& input) {
  if (input.is_undefined()) {
    return input;
  }
  const Expr& e = *f.expr;
  const Item cloner = eval_variable(*e.items[0], input, f.frame);
  if (!cloner.is_function()) {
    throw problem("T2013", e.position);
  }
  const Item result = apply(cloner, &input, 1, null_item(), f.frame);
  const Item matches = eval(*e.a, result, f.frame);
  if (matches.is_undefined()) {
    return result;
  }
  const std::size_t count = matches.is_array() ? size_of(matches) : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const Item match = matches.is_array() ? at(matches, i) : matches;
    const Item update = eval(*e.b, match, f.frame);
    if (!update.is_undefined()) {
      if (!update.is_object()) {
        Problem p = problem("T2011", clause_position(*e.b));
        p.value_json = describe(update);
        throw p;
      }
      if (match.tag() == Tag::object) {
        each_member(update, [&](std::string_view key, const Item& value) { set(*match.object(), key, value); });
      }
    }
    if (e.c == nullptr) {
      continue;
    }
    const Item deletions = eval(*e.c, match, f.frame);
    if (deletions.is_undefined()) {
      continue;
    }
    const std::size_t names = deletions.is_array() ? size_of(deletions) : 1;
    for (std::size_t k = 0; k < names; ++k) {
      const Item name = deletions.is_array() ? at(deletions, k) : deletions;
      if (!name.is_string()) {
        Problem p = problem("T2012", clause_position(*e.c));
        p.value_json = describe(deletions);
        throw p;
      }
    }
    for (std::size_t k = 0; k < names && match.tag() == Tag::object; ++k) {
      remove(*match.object(), (deletions.is_array() ? at(deletions, k) : deletions).as_string());
    }
  }
  return result;
}

}  // namespace lockstep::jsonata
