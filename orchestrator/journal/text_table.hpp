// Remembers where in a buffer texts stand, so that an equal text can be referred to instead of written again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace lockstep::journal {

/// Of fixed size until it is told to grow: a newer text may push an older one out. Never allocates by itself.
class TextTable {
 public:
  /// Remembers up to `entries` texts; a power of two.
  explicit TextTable(std::size_t entries);
  void clear();
  std::size_t entries() const { return entries_.size(); }
  /// Remembers twice as many from here on, and still all that it remembers now.
  void grow();

  /// A text's hash, for find() and remember().
  static std::uint64_t hash(std::string_view text);

  /// Where `text` stands in `buffer`, if that is known.
  std::optional<std::uint64_t> find(std::string_view text, std::uint64_t hash, std::span<const std::byte> buffer) const;
  void remember(std::uint64_t hash, std::uint64_t offset, std::size_t length);

 private:
  struct Entry {
    std::uint64_t offset;
    std::uint32_t length;  // 0: empty
    std::uint32_t check;   // the upper half of the hash; says, too, in which entry it is
  };
  Entry& entry_of(std::uint32_t check) { return entries_[check & (entries_.size() - 1)]; }
  const Entry& entry_of(std::uint32_t check) const { return entries_[check & (entries_.size() - 1)]; }
  std::vector<Entry> entries_;
};

}  // namespace lockstep::journal
