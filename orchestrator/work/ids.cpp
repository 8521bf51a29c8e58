#include "work/ids.hpp"

#include <charconv>

namespace lockstep::work {

std::string visit_text(const DispatchId& id) {
  return fmt::format("{}-{}", static_cast<std::uint64_t>(id.execution), id.place());
}

std::string dispatch_text(const DispatchId& id) {
  return fmt::format("{}-{}-{}", static_cast<std::uint64_t>(id.execution), id.place(), id.count);
}

std::optional<DispatchId> parse_dispatch(std::string_view text) {
  std::uint64_t execution = 0;
  std::uint64_t place = 0;
  std::uint32_t count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto read = [&](auto& number) {
    const auto [next, error] = std::from_chars(at, end, number);
    at = next;
    return error == std::errc();
  };
  const auto dash = [&] { return at != end && *at++ == '-'; };
  if (!read(execution) || !dash() || !read(place) || (at != end && (!dash() || !read(count))) || at != end) {
    return std::nullopt;
  }
  return DispatchId::at(ExecutionId{execution}, place, count);
}

}  // namespace lockstep::work
