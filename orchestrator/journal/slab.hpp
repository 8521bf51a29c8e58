// A segment in memory: the loop's thread encodes Events straight into it, the commit thread writes ranges of it to the
// disk. One producer, one consumer, no lock between them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "journal/event_codec.hpp"
#include "journal/format.hpp"

namespace lockstep::journal {

class Slab {
 public:
  explicit Slab(SegmentSize size)
      : size_(size),
        rows_(std::make_unique_for_overwrite<Row[]>(size.rows)),
        payload_(std::make_unique_for_overwrite<std::byte[]>(size.payload)) {}

  // Constant while the slab is in use.
  SegmentSize size() const { return size_; }
  SequenceNumber first_seq() const { return first_seq_; }
  /// Of the slab that will follow, unless an Event is too large for that.
  SegmentSize next_size() const { return next_size_; }

  /// Makes it empty; before it is handed to the producer.
  void reuse(SequenceNumber first_seq, SegmentSize next_size) {
    first_seq_ = first_seq;
    next_size_ = next_size;
    ready_.store(0);
    closed_.store(false);
  }

  std::span<std::byte> payload() { return {payload_.get(), size_.payload}; }
  Row& row(std::uint32_t i) { return rows_[i]; }
  std::span<const Row> rows(std::uint32_t from, std::uint32_t to) const { return {&rows_[from], to - from}; }

  /// Long texts that its rows name and that are not written yet. Whoever looks at them holds the journal's lock.
  std::vector<LongText>& texts() { return texts_; }

  /// Producer: rows before `count` are complete.
  void publish(std::uint32_t count) { ready_.store(count, std::memory_order_release); }
  /// Producer: no more rows will come.
  void close() { closed_.store(true, std::memory_order_release); }
  /// Consumer.
  std::uint32_t ready() const { return ready_.load(std::memory_order_acquire); }
  /// Consumer; look at ready() again after it said true.
  bool is_closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  SegmentSize size_;
  SegmentSize next_size_;
  SequenceNumber first_seq_ = 0;
  std::unique_ptr<Row[]> rows_;
  std::unique_ptr<std::byte[]> payload_;
  std::vector<LongText> texts_;
  std::atomic<std::uint32_t> ready_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace lockstep::journal
