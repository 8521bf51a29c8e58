// Keeping signals away for a moment.
#pragma once

#include <pthread.h>

#include <csignal>

namespace lockstep::worker {

/// While it lives, no signal reaches this thread, nor ever a thread that it starts meanwhile: signals are for the
/// thread that was there first.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace lockstep::worker
