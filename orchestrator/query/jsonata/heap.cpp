#include "query/jsonata/heap.hpp"

#include <algorithm>
#include <cstdlib>

namespace lockstep::jsonata {

namespace {
constexpr std::size_t kFirstBlock = std::size_t{64} << 10;
constexpr std::size_t kLargestBlock = std::size_t{8} << 20;
constexpr std::size_t kKept = std::size_t{1} << 20;
}  // namespace

Heap::~Heap() {
  for (const Block& block : blocks_) {
    std::free(block.memory);
  }
}

void Heap::next_block(std::size_t bytes) {
  if (used_ > budget_ || bytes > budget_ - used_) {
    throw OutOfBudget{};
  }
  // A kept block that is too small makes room for one that fits.
  while (current_ < blocks_.size() && blocks_[current_].size < bytes) {
    std::free(blocks_.back().memory);
    blocks_.pop_back();
  }
  if (current_ == blocks_.size()) {
    const std::size_t wanted = std::min(blocks_.empty() ? kFirstBlock : blocks_.back().size * 2, kLargestBlock);
    const std::size_t size = std::max(bytes, wanted);
    auto* memory = static_cast<char*>(std::malloc(size));
    if (memory == nullptr) {
      throw OutOfBudget{};
    }
    blocks_.push_back({memory, size});
  }
  const Block& block = blocks_[current_++];
  used_ += block.size;
  at_ = block.memory;
  end_ = block.memory + block.size;
}

void Heap::reset_blocks(Mark mark) {
  while (current_ > mark.block) {
    used_ -= blocks_[--current_].size;
  }
  at_ = mark.at;
  end_ = current_ == 0 ? nullptr : blocks_[current_ - 1].memory + blocks_[current_ - 1].size;
}

void Heap::clear() {
  std::size_t kept = 0;
  std::size_t n = 0;
  while (n < blocks_.size() && kept + blocks_[n].size <= kKept) {
    kept += blocks_[n++].size;
  }
  while (blocks_.size() > n) {
    std::free(blocks_.back().memory);
    blocks_.pop_back();
  }
  // The first block is ready for use at once.
  current_ = blocks_.empty() ? 0 : 1;
  used_ = blocks_.empty() ? 0 : blocks_[0].size;
  at_ = blocks_.empty() ? nullptr : blocks_[0].memory;
  end_ = at_ + used_;
}

}  // namespace lockstep::jsonata
