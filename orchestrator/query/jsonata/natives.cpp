#include "query/jsonata/natives.hpp"

#include <algorithm>
#include <vector>

namespace lockstep::jsonata {

namespace {

std::vector<Native> make_natives(Level level) {
  std::vector<Native> table = {
      {"sum", "<a<n>:n>", 1, 1, fn::sum, nullptr},
      {"count", "<a:n>", 1, 1, fn::count, nullptr},
      {"max", "<a<n>:n>", 1, 1, fn::max, nullptr},
      {"min", "<a<n>:n>", 1, 1, fn::min, nullptr},
      {"average", "<a<n>:n>", 1, 1, fn::average, nullptr},
      {"string", "<x-b?:s>", 1, 2, fn::string, nullptr},
      {"substring", "<s-nn?:s>", 3, 3, fn::substring, nullptr},
      {"substringBefore", "<s-s:s>", 2, 2, fn::substring_before, nullptr},
      {"substringAfter", "<s-s:s>", 2, 2, fn::substring_after, nullptr},
      {"lowercase", "<s-:s>", 1, 1, fn::lowercase, nullptr},
      {"uppercase", "<s-:s>", 1, 1, fn::uppercase, nullptr},
      {"length", "<s-:n>", 1, 1, fn::length, nullptr},
      {"trim", "<s-:s>", 1, 1, fn::trim, nullptr},
      {"pad", "<s-ns?:s>", 3, 3, fn::pad, nullptr},
      {"match", "<s-f<s:o>n?:a<o>>", 3, 3, fn::match, nullptr},
      {"contains", "<s-(sf):b>", 2, 2, fn::contains, nullptr},
      {"replace", "<s-(sf)(sf)n?:s>", 4, 4, fn::replace, nullptr},
      {"split", "<s-(sf)n?:a<s>>", 3, 3, fn::split, nullptr},
      {"join", "<a<s>s?:s>", 2, 2, fn::join, nullptr},
      {"formatNumber", "<n-so?:s>", 3, 3, fn::format_number, nullptr},
      {"formatBase", "<n-n?:s>", 2, 2, fn::format_base, nullptr},
      {"formatInteger", "<n-s:s>", 2, 2, fn::format_integer, nullptr},
      {"parseInteger", "<s-s:n>", 2, 2, fn::parse_integer, nullptr},
      {"number", "<(nsb)-:n>", 1, 1, fn::number, nullptr},
      {"floor", "<n-:n>", 1, 1, fn::floor, nullptr},
      {"ceil", "<n-:n>", 1, 1, fn::ceil, nullptr},
      {"round", "<n-n?:n>", 2, 2, fn::round, nullptr},
      {"abs", "<n-:n>", 1, 1, fn::abs, nullptr},
      {"sqrt", "<n-:n>", 1, 1, fn::sqrt, nullptr},
      {"power", "<n-n:n>", 2, 2, fn::power, nullptr},
      {"random", "<:n>", 0, 0, fn::random, nullptr},
      {"boolean", "<x-:b>", 1, 1, fn::boolean, nullptr},
      {"not", "<x-:b>", 1, 1, fn::not_, nullptr},
      {"map", "<af>", 2, 2, fn::map, nullptr},
      {"zip", "<a+>", 0, 1, fn::zip, nullptr},
      {"filter", "<af>", 2, 2, fn::filter, nullptr},
      {"single", "<af?>", 2, 2, fn::single, nullptr},
      {"reduce", "<afj?:j>", 3, 3, fn::reduce, nullptr},
      {"sift", "<o-f?:o>", 2, 2, fn::sift, nullptr},
      {"keys", "<x-:a<s>>", 1, 1, fn::keys, nullptr},
      {"lookup", "<x-s:x>", 2, 2, fn::lookup, nullptr},
      {"append", "<xx:a>", 2, 2, fn::append, nullptr},
      {"exists", "<x:b>", 1, 1, fn::exists, nullptr},
      {"spread", "<x-:a<o>>", 1, 1, fn::spread, nullptr},
      {"merge", "<a<o>:o>", 1, 1, fn::merge, nullptr},
      {"reverse", "<a:a>", 1, 1, fn::reverse, nullptr},
      {"each", "<o-f:a>", 2, 2, fn::each, nullptr},
      {"error", "<s?:x>", 1, 1, fn::error, nullptr},
      {"assert", "<bs?:x>", 2, 2, fn::assert_, nullptr},
      {"type", "<x:s>", 1, 1, fn::type, nullptr},
      {"sort", "<af?:a>", 2, 2, fn::sort, nullptr},
      {"shuffle", "<a:a>", 1, 1, fn::shuffle, nullptr},
      {"distinct", "<x:x>", 1, 1, fn::distinct, nullptr},
      {"base64encode", "<s-:s>", 1, 1, fn::base64_encode, nullptr},
      {"base64decode", "<s-:s>", 1, 1, fn::base64_decode, nullptr},
      {"encodeUrlComponent", "<s-:s>", 1, 1, fn::encode_url_component, nullptr},
      {"encodeUrl", "<s-:s>", 1, 1, fn::encode_url, nullptr},
      {"decodeUrlComponent", "<s-:s>", 1, 1, fn::decode_url_component, nullptr},
      {"decodeUrl", "<s-:s>", 1, 1, fn::decode_url, nullptr},
      {"eval", "<sx?:x>", 2, 2, fn::eval, nullptr},
      {"toMillis", "<s-s?:n>", 2, 2, fn::to_millis, nullptr},
      {"fromMillis", "<n-s?s?:s>", 3, 3, fn::from_millis, nullptr},
      {"clone", "<(oa)-:o>", 1, 1, fn::clone, nullptr},
      {"now", "<s?s?:s>", 2, 2, fn::now, nullptr},
      {"millis", "<:n>", 0, 0, fn::millis, nullptr},
  };
  if (level == Level::asl) {
    std::erase_if(table, [](const Native& native) { return native.name == "eval" || native.name == "random"; });
    const Native added[] = {
        {"partition", "<an?:a<a>>", 2, 2, fn::partition, nullptr},
        {"range", "<nnn?:a<n>>", 3, 3, fn::range, nullptr},
        {"hash", "<ss?:s>", 2, 2, fn::hash, nullptr},
        {"random", "<n?:n>", 1, 1, fn::random_asl, nullptr},
        {"uuid", "<:s>", 0, 0, fn::uuid, nullptr},
        {"parse", "<s?:x>", 1, 1, fn::parse, nullptr},
    };
    table.insert(table.end(), std::begin(added), std::end(added));
  }
  for (Native& native : table) {
    native.signature = Signature::parse(native.signature_text);
  }
  std::sort(table.begin(), table.end(), [](const Native& a, const Native& b) { return a.name < b.name; });
  return table;
}

}  // namespace

const Native* find_native(std::string_view name, Level level) {
  static const std::vector<Native> kSuite = make_natives(Level::suite);
  static const std::vector<Native> kAsl = make_natives(Level::asl);
  const auto& table = level == Level::suite ? kSuite : kAsl;
  const auto found =
      std::lower_bound(table.begin(), table.end(), name,
                       [](const Native& native, std::string_view wanted) { return native.name < wanted; });
  return found != table.end() && found->name == name ? &*found : nullptr;
}

}  // namespace lockstep::jsonata
