// Retry and Catch (asl.md 8.2, 8.3).
#include <limits>

#include "asl/reader.hpp"

namespace lockstep::asl {

namespace {

constexpr std::int64_t kMaxDelay = 31'622'400;  // 366 days

}  // namespace

std::vector<std::string> Reader::read_error_equals(const Object& handler, bool last) {
  std::vector<std::string> names;
  const Node* errors = handler.find("ErrorEquals");
  if (errors == nullptr) {
    return names;
  }
  const Place place(handler.place, "ErrorEquals");
  if (!errors->is_array()) {
    wrong_type(place, "ARRAY");
    return names;
  }
  if (errors->size() == 0) {
    report_.schema(place, "Value cannot be empty");
  }
  for (std::size_t i = 0; i < errors->size(); ++i) {
    const Place element(place, i);
    if (!errors->at(i).is_string()) {
      wrong_type(element, "STRING");
      continue;
    }
    const std::string_view name = errors->at(i).as_string();
    if (name == "States.ALL" && (errors->size() > 1 || !last)) {
      report_.schema(element, "States.ALL must appear alone and at end of list");
    }
    names.emplace_back(name);
  }
  return names;
}

void Reader::read_retry(const Object& object, State& state) {
  const Node* list = object.find("Retry");
  if (list == nullptr) {
    return;
  }
  const Place list_place(object.place, "Retry");
  if (!list->is_array()) {
    wrong_type(list_place, "ARRAY");
    return;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Place place(list_place, i);
    Retrier& retrier = state.retry.emplace_back();
    if (!list->at(i).is_object()) {
      wrong_type(place, "OBJECT");
      continue;
    }
    const Object handler = child(object, list->at(i), place);
    check_keys(handler, {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds",
                         "JitterStrategy", "Comment"});
    require(handler, {"ErrorEquals"});
    check_comment(handler);
    retrier.error_equals = read_error_equals(handler, i + 1 == list->size());
    const auto interval = read_integer(handler, "IntervalSeconds", {0, kMaxSeconds});
    retrier.interval_seconds = interval.value_or(retrier.interval_seconds);
    retrier.max_attempts = read_integer(handler, "MaxAttempts", {0, kMaxSeconds}).value_or(retrier.max_attempts);
    retrier.backoff_rate =
        read_number(handler, "BackoffRate", 1.0, std::numeric_limits<double>::max()).value_or(retrier.backoff_rate);
    retrier.max_delay_seconds = read_integer(handler, "MaxDelaySeconds", {1, kMaxDelay});
    if (interval.has_value() && retrier.max_delay_seconds.has_value() && *retrier.max_delay_seconds <= *interval) {
      report_.schema(Place(place, "MaxDelaySeconds"), "MaxDelaySeconds should be greater than IntervalSeconds");
    }
    retrier.full_jitter = read_choice_of(handler, "JitterStrategy", {"FULL", "NONE"}) == "FULL";
  }
}

void Reader::read_catch(const Object& object, State& state) {
  const Node* list = object.find("Catch");
  if (list == nullptr) {
    return;
  }
  const Place list_place(object.place, "Catch");
  if (!list->is_array()) {
    wrong_type(list_place, "ARRAY");
    graph_.set_incomplete(state.scope);
    return;
  }
  const jsonata::FieldScope caught{.result = false, .error_output = true};
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Place place(list_place, i);
    Catcher& catcher = state.catchers.emplace_back();
    if (!list->at(i).is_object()) {
      wrong_type(place, "OBJECT");
      graph_.set_incomplete(state.scope);
      continue;
    }
    const Object handler = child(object, list->at(i), place);
    check_keys(handler, {"ErrorEquals", "Next", "ResultPath", "Output", "Assign", "Comment"});
    require(handler, {"ErrorEquals", "Next"});
    check_comment(handler);
    catcher.error_equals = read_error_equals(handler, i + 1 == list->size());
    if (const auto next = read_string(handler, "Next"); next.has_value()) {
      graph_.add_transition(state.scope, state.id, Slot::catcher, i, *next, Place(place, "Next"));
    } else {
      graph_.set_incomplete(state.scope);
    }
    const std::string_view foreign = handler.jsonata() ? "ResultPath" : "Output";
    if (handler.has(foreign)) {
      other_language(handler, foreign);
    }
    if (handler.jsonata()) {
      catcher.output = read_jsonata(handler, "Output", caught);
    } else {
      catcher.result_path = read_result_path(handler);
    }
    catcher.assign = read_assign(handler, caught, state.id);
  }
}

}  // namespace lockstep::asl
