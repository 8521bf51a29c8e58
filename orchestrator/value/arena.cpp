#include "value/arena.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace lockstep {

Arena::~Arena() {
  while (blocks_ != nullptr) {
    Block* previous = blocks_->previous;
    std::free(blocks_);
    blocks_ = previous;
  }
}

void Arena::grow(std::size_t bytes) {
  constexpr std::size_t kLargestStep = std::size_t{1} << 20;
  const std::size_t room = std::max(bytes, next_block_);
  void* memory = std::malloc(sizeof(Block) + room);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  blocks_ = new (memory) Block{blocks_};
  at_ = static_cast<char*>(memory) + sizeof(Block);
  end_ = at_ + room;
  capacity_ += room;
  next_block_ = std::min(std::max(room, next_block_) * 2, kLargestStep);
}

}  // namespace lockstep
