// Which workers give back tasks that they hold ahead, where others have nothing to do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lockstep::fleet {

/// A worker, as far as that depends on it.
struct Load {
  int rank = 0;
  std::size_t slots = 0;
  std::size_t assigned = 0;   ///< tasks with it, begun or not
  std::size_t capacity = 0;   ///< tasks that it may hold
  bool may_be_asked = false;  ///< no answer of its is awaited, and the last one was not that it has none
};

struct Recall {
  int rank = 0;
  std::size_t count = 0;
  friend bool operator==(const Recall&, const Recall&) = default;
};

/// A worker that has a slot free can use what fills it, and as much again ahead as it may hold. Of those that hold
/// tasks ahead, whoever holds most is asked first, and for no more than half: it goes on as well.
inline std::vector<Recall> choose_recalls(const std::vector<Load>& workers) {
  std::size_t wanted = 0;
  std::vector<Recall> surplus;
  for (const Load& one : workers) {
    if (one.assigned < std::min(one.slots, one.capacity)) {
      wanted += one.capacity - one.assigned;
    } else if (one.assigned > one.slots && one.may_be_asked) {
      surplus.push_back({one.rank, one.assigned - one.slots});
    }
  }
  std::stable_sort(surplus.begin(), surplus.end(), [](const Recall& a, const Recall& b) { return a.count > b.count; });
  std::vector<Recall> recalls;
  for (const Recall& one : surplus) {
    const std::size_t count = std::min(wanted, (one.count + 1) / 2);
    if (count == 0) {
      break;
    }
    wanted -= count;
    recalls.push_back({one.rank, count});
  }
  return recalls;
}

}  // namespace lockstep::fleet
