// Arguments made to fit a function's signature.
#include "query/jsonata/evaluator.hpp"

namespace lockstep::jsonata {

namespace {

std::string plural_of(std::string_view subtype) {
  if (subtype == "a") {
    return "\"arrays\"";
  }
  if (subtype == "b") {
    return "\"booleans\"";
  }
  if (subtype == "f") {
    return "\"functions\"";
  }
  if (subtype == "n") {
    return "\"numbers\"";
  }
  if (subtype == "o") {
    return "\"objects\"";
  }
  return subtype == "s" ? "\"strings\"" : "";
}

}  // namespace

// The usual case without ceremony: each argument fits the parameter at its place, and what is left over may be.
bool Evaluator::fit_directly(const Signature& signature, Item* arguments, std::size_t size) {
  const auto& parameters = signature.parameters();
  if (!signature.is_simple() || size < signature.least() || size > parameters.size()) {
    return false;
  }
  for (std::size_t i = 0; i < size; ++i) {
    if ((parameters[i].mask & symbol_bit(arguments[i])) == 0) {
      return false;
    }
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (parameters[i].type == 'a') {
      const char symbol = symbol_of(arguments[i]);
      arguments[i] = coerce(parameters[i], arguments[i], symbol, std::string_view(&symbol, 1), i);
    }
  }
  return true;
}

Item Evaluator::coerce(const Signature::Parameter& parameter, Item argument, char symbol, std::string_view matched,
                       std::size_t index) {
  if (parameter.type != 'a') {
    return argument;
  }
  if (symbol == 'm') {
    return {};
  }
  if (parameter.has_subtype) {
    bool fits = true;
    if (symbol != 'a') {
      fits = matched == parameter.subtype;
    } else if (size_of(argument) > 0) {
      const char wanted = parameter.subtype.empty() ? '\0' : parameter.subtype[0];
      const std::size_t size = size_of(argument);
      if (argument.tag() == Tag::range) {
        fits = wanted == 'n';
      } else {
        spend(size / 8 + 1);
        const std::uint16_t bit = Signature::bit(wanted);
        const Node* list = argument.tag() == Tag::node_array ? argument.node() : nullptr;
        for (std::size_t i = 0; list != nullptr && i < size && fits; ++i) {
          fits = symbol_bit(list->at(i).kind()) == bit;
        }
        for (std::size_t i = 0; list == nullptr && i < size && fits; ++i) {
          fits = symbol_bit(at(argument, i)) == bit;
        }
      }
    }
    if (!fits) {
      Problem p = problem("T0412");
      p.index = static_cast<std::int32_t>(index + 1);
      p.value_json = describe(argument);
      p.value2_json = plural_of(parameter.subtype);
      throw p;
    }
  }
  return symbol == 'a' ? argument : array_of(&argument, 1, false);
}

void Evaluator::validate(const Signature& signature, const Item* arguments, std::size_t size, const Item& context,
                         std::vector<Item>& out) {
  const auto& parameters = signature.parameters();
  std::string symbols;
  for (std::size_t i = 0; i < size; ++i) {
    symbols += symbol_of(arguments[i]);
  }
  std::vector<std::uint32_t> taken;
  if (!signature.fit(symbols.data(), size, parameters.size(), true, taken)) {
    std::size_t good = 0;
    for (std::size_t count = 1; count <= parameters.size(); ++count) {
      if (!signature.fit(symbols.data(), size, count, false, taken)) {
        break;
      }
      good = 0;
      for (const std::uint32_t n : taken) {
        good += n;
      }
    }
    Problem p = problem("T0410");
    p.index = static_cast<std::int32_t>(good + 1);
    p.value_json = describe(good < size ? arguments[good] : Item());
    throw p;
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Signature::Parameter& parameter = parameters[i];
    if (taken[i] == 0) {
      if (!parameter.context) {
        out.push_back(next < size ? arguments[next] : Item());
        ++next;
        continue;
      }
      if ((parameter.mask & Signature::bit(symbol_of(context))) == 0) {
        Problem p = problem("T0411");
        p.index = static_cast<std::int32_t>(next + 1);
        p.value_json = describe(context);
        throw p;
      }
      out.push_back(context);
      continue;
    }
    const std::string_view matched = std::string_view(symbols).substr(next, taken[i]);
    for (std::uint32_t k = 0; k < taken[i]; ++k, ++next) {
      out.push_back(coerce(parameter, next < size ? arguments[next] : Item(), matched[k], matched, next));
    }
  }
}

}  // namespace lockstep::jsonata
