// The parsed form of a document. Internal to the value room.
#pragma once

#include <vector>

#include "value/arena.hpp"
#include "value/value.hpp"

namespace lockstep {

class Tree {
 public:
  explicit Tree(std::size_t first_block) : arena(first_block) {}
  ~Tree() {
    for (const Document* document : links) {
      document->release();
    }
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  Arena arena;
  Node root;
  std::vector<const Document*> links;  // each holds one reference
};

}  // namespace lockstep
