// In which order tasks go out that wait for room in the fleet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <unordered_map>
#include <utility>

namespace lockstep::fleet {

/// Of those with the highest priority, each source's in the order in which they came, the sources in turn: one that has
/// a million tasks does not keep another's single one waiting. Every operation but erase_if() costs the same however
/// many wait; a source without tasks takes up nothing.
template <class T>
class FairQueue {
 public:
  void push(std::int32_t priority, std::uint64_t source, T item) {
    Level& level = levels_[priority];
    std::list<T>& line = level.lines[source];
    if (line.empty()) {
      level.turns.push_back(source);
    }
    line.push_back(std::move(item));
    ++size_;
  }

  /// The next one; the queue must not be empty.
  T pop() {
    const auto level = levels_.begin();
    const std::uint64_t source = level->second.turns.front();
    level->second.turns.pop_front();
    const auto line = level->second.lines.find(source);
    T item = std::move(line->second.front());
    line->second.pop_front();
    --size_;
    if (!line->second.empty()) {
      level->second.turns.push_back(source);
    } else if (level->second.lines.erase(line); level->second.lines.empty()) {
      levels_.erase(level);
    }
    return item;
  }

  /// Drops all that `unwanted` says true of.
  template <class Predicate>
  void erase_if(Predicate unwanted) {
    for (auto level = levels_.begin(); level != levels_.end();) {
      std::unordered_map<std::uint64_t, std::list<T>>& lines = level->second.lines;
      for (auto line = lines.begin(); line != lines.end();) {
        size_ -= line->second.remove_if(unwanted);
        line = line->second.empty() ? lines.erase(line) : std::next(line);
      }
      std::erase_if(level->second.turns, [&](std::uint64_t source) { return !lines.contains(source); });
      level = lines.empty() ? levels_.erase(level) : std::next(level);
    }
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Level {
    std::unordered_map<std::uint64_t, std::list<T>> lines;  // by source; none is empty
    std::deque<std::uint64_t> turns;                        // the sources, whose turn is next in front
  };

  std::map<std::int32_t, Level, std::greater<>> levels_;  // none is empty
  std::size_t size_ = 0;
};

}  // namespace lockstep::fleet
