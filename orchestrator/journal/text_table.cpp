#include "journal/text_table.hpp"

#include <algorithm>
#include <cstring>

namespace lockstep::journal {

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  const auto product = static_cast<Wide>(hash ^ word) * kOdd;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

TextTable::TextTable(std::size_t entries) : entries_(entries) {}

void TextTable::clear() {
  std::memset(entries_.data(), 0, entries_.size() * sizeof(Entry));
}

void TextTable::grow() {
  std::vector<Entry> before(entries_.size() * 2);
  before.swap(entries_);
  for (const Entry& entry : before) {
    if (entry.length != 0) {
      entry_of(entry.check) = entry;
    }
  }
}

std::uint64_t TextTable::hash(std::string_view text) {
  std::uint64_t hash = text.size() + 1;
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = mix(hash, word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, at, left);
  return mix(mix(hash, rest), 0x5bd1e995);
}

std::optional<std::uint64_t> TextTable::find(std::string_view text, std::uint64_t hash,
                                             std::span<const std::byte> buffer) const {
  const auto check = static_cast<std::uint32_t>(hash >> 32);
  const Entry& entry = entry_of(check);
  if (entry.length != text.size() || entry.check != check ||
      std::memcmp(buffer.data() + entry.offset, text.data(), text.size()) != 0) {
    return std::nullopt;
  }
  return entry.offset;
}

void TextTable::remember(std::uint64_t hash, std::uint64_t offset, std::size_t length) {
  const auto check = static_cast<std::uint32_t>(hash >> 32);
  entry_of(check) = {offset, static_cast<std::uint32_t>(length), check};
}

}  // namespace lockstep::journal
