// A bump allocator: memory is handed out in order and freed all at once. Holds the nodes of one parsed or built
// document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lockstep {

/// Not thread-safe while it is written; what it holds may be read by any number of threads once it is published.
class Arena {
 public:
  /// `first_block` bytes are set aside with the first allocation; later blocks double, up to 1 MiB.
  explicit Arena(std::size_t first_block = 256) : next_block_(first_block) {}
  /// Hands out the `size` bytes at `memory` first, which must outlive the arena and be aligned to 8.
  Arena(char* memory, std::size_t size)
      : at_(memory), end_(memory + size), next_block_(size < 128 ? 256 : size * 2), capacity_(size) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Uninitialised memory for `bytes` bytes, aligned to 8. Never null; throws std::bad_alloc when memory is out.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + 7) & ~std::size_t{7};
    if (bytes > static_cast<std::size_t>(end_ - at_)) {
      grow(bytes);
    }
    void* p = at_;
    at_ += bytes;
    return p;
  }

  /// A copy of `text` that lives as long as the arena.
  std::string_view copy(std::string_view text) {
    if (text.empty()) {
      return "";
    }
    char* p = static_cast<char*>(allocate(text.size()));
    std::memcpy(p, text.data(), text.size());
    return {p, text.size()};
  }

  /// Bytes taken from the system.
  std::size_t capacity() const { return capacity_; }

 private:
  struct Block {
    Block* previous;
  };
  void grow(std::size_t bytes);

  Block* blocks_ = nullptr;
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::size_t next_block_;
  std::size_t capacity_ = 0;
};

}  // namespace lockstep
