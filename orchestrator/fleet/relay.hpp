// Copies what comes out of a pipe to our standard output, and notices when that cannot be written: mpirun does not.
#pragma once

#include <thread>

#include "fleet/fleet.hpp"
#include "value/descriptor.hpp"

namespace lockstep::fleet {

class Relay {
 public:
  /// Starts a thread. check write_end() afterwards: -1 where no pipe could be made.
  Relay();
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// For the program whose output it is; close-on-exec, above 2.
  int write_end() const { return write_end_.get(); }
  /// That program has it, or never will.
  void close_write_end() { write_end_.reset(); }
  /// Copies what is left in the pipe and ends. 0, or the errno of the first write that failed; what came after that was
  /// read and dropped, so that nobody waited for us.
  int finish();

 private:
  void run();
  bool copy();

  Descriptor read_end_, write_end_;
  Waker stop_;
  int failure_ = 0;  // the thread's, until it has ended
  std::thread thread_;
};

}  // namespace lockstep::fleet
