// The function library: what each function is called, which arguments it takes and what computes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "query/jsonata/item.hpp"
#include "query/jsonata/level.hpp"
#include "query/jsonata/signature.hpp"

namespace lockstep::jsonata {

class Evaluator;

/// The arguments of one call, made to fit the signature; arguments that were not given are undefined.
struct Arguments {
  const Item* items;
  std::size_t size;
  Item context;  ///< what the call was made on
  Frame* frame = nullptr;

  Item operator[](std::size_t i) const { return i < size ? items[i] : Item(); }
};

struct Native {
  std::string_view name;
  std::string_view signature_text;
  std::uint8_t arity;       ///< how many arguments a higher-order function passes to it at most
  std::uint8_t parameters;  ///< how many it declares, for partial application
  Item (*call)(Evaluator& evaluator, const Arguments& arguments);
  std::shared_ptr<const Signature> signature;
};

/// Null where there is no such function in that language. Lives as long as the process.
const Native* find_native(std::string_view name, Level level);

// The functions themselves, by subject. `evaluator` gives memory and budgets.
namespace fn {
using Fn = Item(Evaluator& evaluator, const Arguments& arguments);
// functions_numeric.cpp
Fn sum, max, min, average, number, floor, ceil, round, abs, sqrt, power, random, format_base;
// format_number.cpp, integers.cpp, dates.cpp
Fn format_number, format_integer, parse_integer, now, millis, to_millis, from_millis;
// functions_string.cpp
Fn string, substring, substring_before, substring_after, lowercase, uppercase, length, trim, pad, join;
Fn base64_encode, base64_decode, encode_url_component, encode_url, decode_url_component, decode_url;
// functions_regex.cpp
Fn match, contains, replace, split;
// functions_array.cpp
Fn count, boolean, not_, exists, type, append, reverse, shuffle, distinct, zip, sort, map, filter, single, reduce;
// functions_object.cpp
Fn keys, lookup, spread, merge, each, sift, error, assert_, clone, eval;
// functions_asl.cpp
Fn partition, range, hash, random_asl, uuid, parse;
}  // namespace fn

}  // namespace lockstep::jsonata
