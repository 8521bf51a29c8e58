#include "query/intrinsics/call.hpp"

#include <algorithm>
#include <array>

#include "query/intrinsics/functions.hpp"

namespace lockstep::intrinsics {

namespace {

constexpr std::size_t kAny = SIZE_MAX;
constexpr std::array<Definition, 18> kFunctions{{{"States.Array", 0, kAny, array},
                                                 {"States.ArrayContains", 2, 2, array_contains},
                                                 {"States.ArrayGetItem", 2, 2, array_get_item},
                                                 {"States.ArrayLength", 1, 1, array_length},
                                                 {"States.ArrayPartition", 2, 2, array_partition},
                                                 {"States.ArrayRange", 3, 3, array_range},
                                                 {"States.ArrayUnique", 1, 1, array_unique},
                                                 {"States.Base64Decode", 1, 1, base64_decode},
                                                 {"States.Base64Encode", 1, 1, base64_encode},
                                                 {"States.Format", 1, kAny, format},
                                                 {"States.Hash", 2, 2, hash},
                                                 {"States.JsonMerge", 3, 3, json_merge},
                                                 {"States.JsonToString", 1, 1, json_to_string},
                                                 {"States.MathAdd", 2, 2, math_add},
                                                 {"States.MathRandom", 2, 3, math_random},
                                                 {"States.StringSplit", 2, 2, string_split},
                                                 {"States.StringToJson", 1, 1, string_to_json},
                                                 {"States.UUID", 0, 0, uuid}}};

}  // namespace

const Definition* find_function(std::string_view name) {
  const auto* const found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                         [&](const Definition& definition) { return definition.name == name; });
  return found == kFunctions.end() ? nullptr : found;
}

tl::expected<Value, Trouble> Call::evaluate(const query::Environment& environment) const {
  std::vector<Value> values;
  values.reserve(arguments_.size());
  for (const Argument& argument : arguments_) {
    if (const auto* literal = std::get_if<Value>(&argument)) {
      values.push_back(*literal);
    } else if (const auto* path = std::get_if<jsonpath::Path>(&argument)) {
      tl::expected<Value, jsonpath::Miss> selected = path->select(environment);
      if (!selected) {
        return tl::unexpected(Trouble{path, {}});
      }
      values.push_back(std::move(*selected));
    } else {
      tl::expected<Value, Trouble> inner = std::get<std::unique_ptr<const Call>>(argument)->evaluate(environment);
      if (!inner) {
        return inner;
      }
      values.push_back(std::move(*inner));
    }
  }
  Outcome outcome = function_({environment, values});
  if (outcome && outcome->text_size() > kMaxResult) {
    outcome = wrong(fmt::format("the result must not have more than {} bytes", kMaxResult));
  }
  if (!outcome) {
    return tl::unexpected(
        Trouble{nullptr, fmt::format("The function '{}' had the following error: {}", text_, outcome.error())});
  }
  return std::move(*outcome);
}

}  // namespace lockstep::intrinsics
