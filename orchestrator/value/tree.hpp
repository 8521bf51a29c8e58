// The parsed form of a document. Internal to the value room.
#pragma once

#include <new>
#include <vector>

#include "value/arena.hpp"
#include "value/value.hpp"

namespace lockstep {

/// Lies in one piece of memory with the first `first_block` bytes of its arena and, where it is being built, with room
/// for its document in front: most values are small, and asking for memory is what making them would cost.
class Tree {
 public:
  static Tree* make(std::size_t first_block, bool with_document) {
    first_block = (first_block + 7) & ~std::size_t{7};
    const std::size_t before = with_document ? sizeof(Document) : 0;
    char* memory = static_cast<char*>(::operator new(before + sizeof(Tree) + first_block)) + before;
    return new (memory) Tree(memory + sizeof(Tree), first_block, with_document);
  }
  /// For a tree that belongs to no document yet, or that was not made with one.
  static void destroy(const Tree* tree) {
    auto* memory = const_cast<char*>(reinterpret_cast<const char*>(tree));
    memory -= tree->with_document ? sizeof(Document) : 0;
    tree->~Tree();
    ::operator delete(memory);
  }
  /// Where its document belongs; requires with_document.
  void* document_memory() { return reinterpret_cast<char*>(this) - sizeof(Document); }

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
  const bool with_document;            // its memory begins with that of its document

 private:
  Tree(char* memory, std::size_t size, bool documented) : arena(memory, size), with_document(documented) {}
};

}  // namespace lockstep
