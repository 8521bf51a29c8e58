#include "engine/strand_table.hpp"

#include <new>
#include <utility>

namespace lockstep::engine {

namespace {

constexpr std::size_t kFew = 8;

// Memory of strands that are gone, for those that come next: a Map's come and go by the thousand, and memory that was
// just used is in the cache. Bounded, so that it does not follow what has been.
class SpareMemory {
 public:
  ~SpareMemory() {
    while (count_ > 0) {
      ::operator delete(take());
    }
  }
  /// Null: none is left.
  void* take() {
    if (count_ == 0) {
      return nullptr;
    }
    --count_;
    return std::exchange(first_, first_->next);
  }
  /// False: there is enough.
  bool keep(void* memory) {
#ifdef LOCKSTEP_SANITIZED
    constexpr std::size_t kMost = 0;  // who uses what is gone shall be caught
#else
    constexpr std::size_t kMost = 4096;
#endif
    if (count_ == kMost) {
      return false;
    }
    first_ = new (memory) Piece{first_};
    ++count_;
    return true;
  }

 private:
  struct Piece {
    Piece* next;
  };
  Piece* first_ = nullptr;
  std::size_t count_ = 0;
};

thread_local SpareMemory spare;

}  // namespace

Strand& StrandTable::add(Strand strand) {
  void* memory = spare.take();
  if (memory == nullptr) {
    memory = ::operator new(sizeof(Entry));
  }
  auto* entry = new (memory) Entry{std::move(strand), nullptr, last_, nullptr};
  (last_ == nullptr ? first_ : last_->later) = entry;
  last_ = entry;
  ++size_;
  if (size_ > kFew && size_ > mask_) {
    make_table(size_ * 2);
  } else if (table_ != nullptr) {
    entry->same_slot = std::exchange(slot(entry->strand.id), entry);
  }
  return entry->strand;
}

void StrandTable::erase(StrandId id) {
  Entry* entry = find_entry(id);
  if (entry == nullptr) {
    return;
  }
  if (table_ != nullptr) {
    Entry** at = &slot(id);
    while (*at != entry) {
      at = &(*at)->same_slot;
    }
    *at = entry->same_slot;
  }
  (entry->earlier == nullptr ? first_ : entry->earlier->later) = entry->later;
  (entry->later == nullptr ? last_ : entry->later->earlier) = entry->earlier;
  entry->~Entry();
  if (!spare.keep(entry)) {
    ::operator delete(entry);
  }
  --size_;
  constexpr std::size_t kSparse = 16;
  if (mask_ > size_ * kSparse) {
    make_table(size_ * 2);
  }
}

void StrandTable::clear() {
  while (first_ != nullptr) {
    Entry* gone = std::exchange(first_, first_->later);
    gone->~Entry();
    if (!spare.keep(gone)) {
      ::operator delete(gone);
    }
  }
  last_ = nullptr;
  size_ = 0;
  table_.reset();
  mask_ = 0;
}

/// Of at least `slots`, or none where there are few strands.
void StrandTable::make_table(std::size_t slots) {
  table_.reset();
  mask_ = 0;
  if (size_ <= kFew) {
    return;
  }
  while (mask_ + std::size_t{1} < slots) {
    mask_ = mask_ * 2 + 1;
  }
  table_ = std::make_unique<Entry*[]>(mask_ + std::size_t{1});
  for (Entry* entry = first_; entry != nullptr; entry = entry->later) {
    entry->same_slot = std::exchange(slot(entry->strand.id), entry);
  }
}

}  // namespace lockstep::engine
