// The strands of an execution, by id.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>

#include "engine/strand.hpp"

namespace lockstep::engine {

/// Most executions have one strand, a Map's has thousands that come and go: a few are found by looking at each, more
/// through a table whose slots are the low bits of their ids, which are given out in sequence. A strand stays where it
/// is until it is erased. Goes through them in the order in which they came. One thread.
class StrandTable {
  struct Entry;

  template <class S>
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Strand;
    using difference_type = std::ptrdiff_t;
    using pointer = S*;
    using reference = S&;

    explicit Iterator(Entry* at) : at_(at) {}
    S& operator*() const { return at_->strand; }
    Iterator& operator++() {
      at_ = at_->later;
      return *this;
    }
    friend bool operator==(Iterator a, Iterator b) { return a.at_ == b.at_; }

   private:
    Entry* at_;
  };

 public:
  StrandTable() = default;
  ~StrandTable() { clear(); }
  StrandTable(const StrandTable&) = delete;
  StrandTable& operator=(const StrandTable&) = delete;

  /// Null where there is none.
  Strand* find(StrandId id) {
    Entry* found = find_entry(id);
    return found == nullptr ? nullptr : &found->strand;
  }
  const Strand* find(StrandId id) const { return const_cast<StrandTable*>(this)->find(id); }
  /// Adds `strand`, whose id must not be there yet.
  Strand& add(Strand strand);
  /// Does nothing where there is none.
  void erase(StrandId id);
  void clear();

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Iterator<Strand> begin() { return Iterator<Strand>(first_); }
  Iterator<Strand> end() { return Iterator<Strand>(nullptr); }
  Iterator<const Strand> begin() const { return Iterator<const Strand>(first_); }
  Iterator<const Strand> end() const { return Iterator<const Strand>(nullptr); }

 private:
  struct Entry {
    Strand strand;
    Entry* same_slot = nullptr;
    Entry* earlier = nullptr;
    Entry* later = nullptr;
  };
  Entry* find_entry(StrandId id) {
    Entry* at = table_ == nullptr ? first_ : slot(id);
    while (at != nullptr && at->strand.id != id) {
      at = table_ == nullptr ? at->later : at->same_slot;
    }
    return at;
  }
  Entry*& slot(StrandId id) { return table_[static_cast<std::uint32_t>(id) & mask_]; }
  void make_table(std::size_t slots);

  Entry* first_ = nullptr;
  Entry* last_ = nullptr;
  std::unique_ptr<Entry*[]> table_;  // null: few enough to look at each
  std::uint32_t size_ = 0;           // ids are as long
  std::uint32_t mask_ = 0;           // slots of the table, minus 1; a power of two minus 1
};

}  // namespace lockstep::engine
