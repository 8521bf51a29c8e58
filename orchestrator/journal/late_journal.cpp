#include <iterator>

#include "journal/journal.hpp"

namespace lockstep::journal {

SequenceNumber LateJournal::append(std::vector<engine::Event>& events) {
  std::copy_if(std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()),
               std::back_inserter(events_), is_kept);
  events.clear();
  return events_.size();
}

SequenceNumber LateJournal::durable() {
  const SequenceNumber open = events_.size() - durable_;
  if (open > 0) {
    durable_ += random_() % (open + 1);
  }
  return durable_;
}

}  // namespace lockstep::journal
