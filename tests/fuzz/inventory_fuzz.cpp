// Manifests of S3 inventories: whatever the text is, it names files (which are not there) or one line says what is
// wrong.
#include <cstdint>

#include "items.hpp"
#include "map_run/inventory_items.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lockstep;
  const map_run::Buckets buckets{{}, "/nonexistent"};
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto source = map_run::inventory_items(fuzz::in_blocks(text, 1 + size % 7), buckets);
  const std::size_t files = source ? (*source)->files().size() : 0;
  const fuzz::Items items = fuzz::all_of(std::move(source));
  if (!items.values.empty() || (files > 1 && items.error.empty())) {
    std::abort();
  }
  return 0;
}
