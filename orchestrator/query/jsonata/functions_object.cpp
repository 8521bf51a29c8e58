// Objects, $error, $assert, $eval.
#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

Item call_on(Evaluator& e, const Item& function, const Item& value, std::string_view key, const Item& whole) {
  Function& f = *function.function();
  const Item arguments[] = {value, string_item(key, is_ascii(key)), whole};
  const std::size_t arity = Evaluator::arity(f);
  return e.call(f, arguments, arity >= 3 ? 3 : arity >= 2 ? 2 : 1);
}

void spread_into(Evaluator& e, const Item& value, Evaluator::Collector& out) {
  if (value.is_array()) {
    e.check_stack();
    for (std::size_t i = 0; i < size_of(value); ++i) {
      e.spend(1);
      spread_into(e, at(value, i), out);
    }
  } else if (value.is_object()) {
    e.each_member(value, [&](std::string_view key, const Item& member) {
      e.spend(1);
      Object* object = e.make_object(1);
      e.set(*object, key, member);
      out.push(object_item(object));
    });
  } else if (!value.is_undefined()) {
    out.push(value);
  }
}

[[noreturn]] void fail_with(std::string_view code, const Item& message, std::string_view otherwise) {
  Problem p = problem(code);
  p.text = message.is_string() && !message.as_string().empty() ? message.as_string() : otherwise;
  throw p;
}

}  // namespace

namespace fn {

Item keys(Evaluator& e, const Arguments& a) {
  return e.keys(a[0]);
}

Item lookup(Evaluator& e, const Arguments& a) {
  if (a[1].is_undefined()) {
    return {};
  }
  return e.lookup(a[0], a[1].as_string(), hash_key(a[1].as_string()));
}

Item spread(Evaluator& e, const Arguments& a) {
  if (!a[0].is_array() && !a[0].is_object()) {
    return a[0];
  }
  Evaluator::Collector out(e);
  spread_into(e, a[0], out);
  // Concatenating several spreads makes a plain array of the sequence.
  return out.to_array(a[0].is_object() || size_of(a[0]) == 0);
}

Item merge(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  const std::size_t size = size_of(a[0]);
  if (a[0].tag() == Tag::node_array) {
    return e.merge_nodes(*a[0].node(), a[0].count());
  }
  std::size_t members = 0;
  for (std::size_t i = 0; i < size; ++i) {
    members += Evaluator::member_count(at(a[0], i));
  }
  e.spend(members + size);
  Object* out = e.make_object(std::min(members, size * 8 + 64));
  for (std::size_t i = 0; i < size; ++i) {
    const Item object = at(a[0], i);
    if (object.tag() == Tag::node_object) {
      const Node& node = *object.node();
      for (std::size_t k = 0; k < node.size(); ++k) {
        const Member& member = node.member(k);
        e.at_key(*out, member.key(), member.key_hash) = node_item(member.value(), object.count());
      }
      continue;
    }
    // In the order of insertion and with the hashes at hand; the result's own order is settled when it is read.
    const Object& from = *object.object();
    for (std::uint32_t k = 0; k < from.size; ++k) {
      const Property& property = from.properties[k];
      e.at_key(*out, property.key(), property.hash) = load(property.value);
    }
  }
  return object_item(out);
}

Item each(Evaluator& e, const Arguments& a) {
  Evaluator::Collector out(e);
  if (a[0].is_object()) {
    e.each_member(a[0], [&](std::string_view key, const Item& member) {
      const Item value = call_on(e, a[1], member, key, a[0]);
      if (!value.is_undefined()) {
        out.push(value);
      }
    });
  }
  return out.to_array(true);
}

Item sift(Evaluator& e, const Arguments& a) {
  if (!a[0].is_object() || !a[1].is_function()) {
    return {};
  }
  Object* out = e.make_object(4);
  e.each_member(a[0], [&](std::string_view key, const Item& member) {
    if (e.truthy(call_on(e, a[1], member, key, a[0]))) {
      e.set(*out, key, member);
    }
  });
  return out->size == 0 ? Item() : object_item(out);
}

Item error(Evaluator&, const Arguments& a) {
  fail_with("D3137", a[0], "$error() function evaluated");
}

Item assert_(Evaluator&, const Arguments& a) {
  if (!a[0].is_boolean() || !a[0].as_boolean()) {
    fail_with("D3141", a[1], "$assert() statement failed");
  }
  return {};
}

Item clone(Evaluator& e, const Arguments& a) {
  return a[0].is_undefined() ? Item() : e.clone(is_outer_wrapper(a[0]) ? a[0].array()->items[0] : a[0]);
}

Item eval(Evaluator& e, const Arguments& a) {
  return a[0].is_undefined() ? Item() : e.eval_text(a[0].as_string(), !a[1].is_undefined(), a[1], a);
}

}  // namespace fn

}  // namespace lockstep::jsonata
