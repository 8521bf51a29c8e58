// The memory of one evaluation: handed out in order, taken back to a mark, freed all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lockstep::jsonata {

/// Thrown when an evaluation asks for more memory than its budget; caught where the evaluation ends.
struct OutOfBudget {};

/// Holds trivially destructible objects only. One thread at a time; blocks are kept for the next evaluation.
class Heap {
 public:
  struct Mark {
    std::size_t block;
    char* at;
  };

  Heap() = default;
  ~Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  /// Uninitialised, aligned to 8. Throws OutOfBudget.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + 7) & ~std::size_t{7};
    if (bytes > static_cast<std::size_t>(end_ - at_)) {
      next_block(bytes);
    }
    void* p = at_;
    at_ += bytes;
    return p;
  }

  template <class T>
  T* make_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(count * sizeof(T)));
  }

  std::string_view copy(std::string_view text) {
    char* p = static_cast<char*>(allocate(text.size()));
    if (!text.empty()) {
      std::memcpy(p, text.data(), text.size());
    }
    return {p, text.size()};
  }

  Mark mark() const { return {current_, at_}; }
  /// Takes back everything that was allocated since `mark`.
  void reset(Mark mark) {
    if (mark.block == current_) {
      at_ = mark.at;
    } else {
      reset_blocks(mark);
    }
  }
  /// Takes back everything; keeps a little memory for the next evaluation.
  void clear();
  /// `bytes`: how much may be in use at once from now on.
  void set_budget(std::size_t bytes) { budget_ = bytes; }

 private:
  struct Block {
    char* memory;
    std::size_t size;
  };
  void next_block(std::size_t bytes);
  void reset_blocks(Mark mark);

  std::vector<Block> blocks_;
  std::size_t current_ = 0;  // blocks_[current_ - 1] is being filled; 0: none yet
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::size_t used_ = 0;  // in blocks up to current_
  std::size_t budget_ = SIZE_MAX;
};

}  // namespace lockstep::jsonata
