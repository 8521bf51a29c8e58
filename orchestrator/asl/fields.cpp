#include "asl/fields.hpp"

#include <array>

namespace lockstep::asl {

namespace {

using Types = std::uint8_t;
constexpr Types bit(StateType type) {
  return static_cast<Types>(1U << static_cast<unsigned>(type));
}

constexpr auto kTypes =
    std::to_array<StateType>({StateType::task, StateType::pass, StateType::choice, StateType::wait, StateType::succeed,
                              StateType::fail, StateType::parallel, StateType::map});

constexpr Types kTask = bit(StateType::task);
constexpr Types kPass = bit(StateType::pass);
constexpr Types kChoice = bit(StateType::choice);
constexpr Types kWait = bit(StateType::wait);
constexpr Types kFail = bit(StateType::fail);
constexpr Types kParallel = bit(StateType::parallel);
constexpr Types kMap = bit(StateType::map);
constexpr Types kEvery = 0xFF;
constexpr Types kNone = 0;
constexpr Types kWorking = kTask | kParallel | kMap;
constexpr Types kMoving = kWorking | kPass | kWait;
constexpr Types kNotFail = static_cast<Types>(kEvery & ~kFail);

struct Field {
  std::string_view name;
  Types jsonpath;
  Types jsonata;
};

constexpr auto kFields = std::to_array<Field>({
    {"Type", kEvery, kEvery},
    {"Comment", kEvery, kEvery},
    {"QueryLanguage", kEvery, kEvery},
    {"Next", kMoving, kMoving},
    {"End", kMoving, kMoving},
    {"InputPath", kNotFail, kNone},
    {"OutputPath", kNotFail, kNone},
    {"Parameters", kWorking | kPass, kNone},
    {"ResultSelector", kWorking, kNone},
    {"ResultPath", kWorking | kPass, kNone},
    {"Arguments", kNone, kTask | kParallel},
    {"Output", kNone, kNotFail},
    {"Assign", kMoving | kChoice, kMoving | kChoice},
    {"Retry", kWorking, kWorking},
    {"Catch", kWorking, kWorking},
    {"Resource", kTask, kTask},
    {"TimeoutSeconds", kTask, kTask},
    {"TimeoutSecondsPath", kTask, kNone},
    {"HeartbeatSeconds", kTask, kTask},
    {"HeartbeatSecondsPath", kTask, kNone},
    {"Credentials", kTask, kTask},
    {"Result", kPass, kNone},
    {"Choices", kChoice, kChoice},
    {"Default", kChoice, kChoice},
    {"Seconds", kWait, kWait},
    {"SecondsPath", kWait, kNone},
    {"Timestamp", kWait, kWait},
    {"TimestampPath", kWait, kNone},
    {"Error", kFail, kFail},
    {"ErrorPath", kFail, kNone},
    {"Cause", kFail, kFail},
    {"CausePath", kFail, kNone},
    {"Branches", kParallel, kParallel},
    {"ItemProcessor", kMap, kMap},
    {"Iterator", kMap, kMap},
    {"ItemsPath", kMap, kNone},
    {"Items", kNone, kMap},
    {"ItemSelector", kMap, kMap},
    {"MaxConcurrency", kMap, kMap},
    {"MaxConcurrencyPath", kMap, kNone},
    {"ToleratedFailureCount", kMap, kMap},
    {"ToleratedFailureCountPath", kMap, kNone},
    {"ToleratedFailurePercentage", kMap, kMap},
    {"ToleratedFailurePercentagePath", kMap, kNone},
    {"ItemReader", kMap, kMap},
    {"ItemBatcher", kMap, kMap},
    {"ResultWriter", kMap, kMap},
    {"Label", kMap, kMap},
});

}  // namespace

FieldUse field_use(StateType type, QueryLanguage language, std::string_view field) {
  for (const Field& known : kFields) {
    if (known.name != field) {
      continue;
    }
    const bool jsonpath = (known.jsonpath & bit(type)) != 0;
    const bool jsonata = (known.jsonata & bit(type)) != 0;
    if (language == QueryLanguage::jsonpath ? jsonpath : jsonata) {
      return FieldUse::allowed;
    }
    return jsonpath || jsonata ? FieldUse::other_language : FieldUse::unsupported;
  }
  return FieldUse::unsupported;
}

std::vector<std::string> field_names(StateType type, QueryLanguage language) {
  std::vector<std::string> names;
  for (const Field& known : kFields) {
    if (((language == QueryLanguage::jsonpath ? known.jsonpath : known.jsonata) & bit(type)) != 0) {
      names.emplace_back(known.name);
    }
  }
  return names;
}

std::vector<std::string> state_type_names() {
  std::vector<std::string> names;
  for (const StateType type : kTypes) {
    names.emplace_back(to_string(type));
  }
  return names;
}

std::optional<StateType> find_state_type(std::string_view name) {
  for (const StateType type : kTypes) {
    if (to_string(type) == name) {
      return type;
    }
  }
  return std::nullopt;
}

}  // namespace lockstep::asl
