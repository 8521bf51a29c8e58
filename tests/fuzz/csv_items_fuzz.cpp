// Delimited text: it gives rows of as many texts as there are headers, or one line that says what is wrong, and the
// same whatever the size of the blocks in which it is read. The first byte chooses the format.
#include <array>
#include <cstdint>

#include "items.hpp"

namespace {

constexpr std::array kDelimiters = {',', '|', ';', ' ', '\t'};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lockstep;
  if (size == 0) {
    return 0;
  }
  map_run::CsvFormat format;
  format.delimiter = kDelimiters[data[0] % kDelimiters.size()];
  format.header_in_first_row = (data[0] & 0x80U) != 0;
  format.headers = {"a", "b"};
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const fuzz::Items items = fuzz::all_of(map_run::csv_items(fuzz::in_blocks(text, 4096), format));
  if (!(fuzz::all_of(map_run::csv_items(fuzz::in_blocks(text, 1 + data[0] % 7), format)) == items)) {
    std::abort();
  }
  for (const Value& row : items.values) {
    JsonProblem problem;
    const bool as_wide = row.node().size() == (format.header_in_first_row ? items.values[0].node().size() : 2);
    if (!as_wide || !check_json(row.to_text(), problem)) {
      std::abort();
    }
  }
  return 0;
}
