// JSON text with items in it, behind a line with the pointer to them: what is an array to the check and the parser has
// just its elements as items, what is none does not pass; the same whatever the size of the blocks.
#include <cstdint>
#include <string_view>

#include "items.hpp"

namespace {

/// That the whole text nests one level too deep, which its elements do not.
bool is_depth(const lockstep::JsonProblem& problem) {
  return problem.message.find("nesting depth") != std::string::npos;
}

void compare(const std::string& text, const lockstep::fuzz::Items& items) {
  lockstep::JsonProblem problem;
  if (!lockstep::check_json(text, problem)) {
    if (items.error.empty() && !is_depth(problem) && !text.starts_with("\xEF\xBB\xBF")) {
      std::abort();
    }
    return;
  }
  const auto whole = lockstep::Value::from_checked_text(text);
  if (!whole.node().is_array()) {
    return items.error.empty() ? std::abort() : void();
  }
  if (!items.error.empty() || items.values.size() != whole.node().size()) {
    std::abort();
  }
  for (std::size_t i = 0; i < items.values.size(); ++i) {
    if (!equal(items.values[i].node(), whole.node().at(i))) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lockstep;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = all.find('\n');
  if (end == std::string_view::npos || size > 60'000) {
    return 0;
  }
  const std::string pointer(all.substr(0, end));
  const std::string text(all.substr(end + 1));
  const fuzz::Items items = fuzz::all_of(map_run::json_items(fuzz::in_blocks(text, 4096), pointer));
  if (!(fuzz::all_of(map_run::json_items(fuzz::in_blocks(text, 1 + size % 7), pointer)) == items)) {
    std::abort();
  }
  if (pointer.empty()) {
    compare(text, items);
  }
  return 0;
}
