// Lines of JSON: each that the check takes is an item, up to the first that it does not; the same whatever the size of
// the blocks.
#include <cstdint>
#include <string_view>

#include "items.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lockstep;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const fuzz::Items items = fuzz::all_of(map_run::json_line_items(fuzz::in_blocks(text, 4096)));
  if (!(fuzz::all_of(map_run::json_line_items(fuzz::in_blocks(text, 1 + size % 7))) == items)) {
    std::abort();
  }
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) {
    rest.remove_prefix(3);
  }
  std::size_t good = 0;
  bool wrong = false;
  while (!rest.empty() && !wrong) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    JsonProblem problem;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      wrong = !check_json(line, problem);
      good += wrong ? 0 : 1;
    }
  }
  if (items.values.size() != good || items.error.empty() == wrong) {
    std::abort();
  }
  fuzz::all_of(map_run::line_items(fuzz::in_blocks(text, 1 + size % 7)));
  return 0;
}
