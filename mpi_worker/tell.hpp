// What a room has to say to people: it goes where the program's own messages go.
#pragma once

#include <string>

namespace lockstep::worker {

/// A line for people, without its end and the program's name. From any thread.
void tell(const std::string& line);
/// Where that goes from here on; before, to stderr. Before there is a second thread.
void set_teller(void (*teller)(const std::string& line));

}  // namespace lockstep::worker
