// What is renamed into a folder by processes of this node, as it happens (inotify). Of what other nodes do there nobody
// tells.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "fleet/fleet.hpp"
#include "value/descriptor.hpp"

namespace lockstep::service {

class FolderWatch {
 public:
  /// Wakes `waker`, which must outlive it, whenever a file whose name ends with `suffix` has come. Null where the
  /// system has no more of that, or no thread.
  static std::unique_ptr<FolderWatch> start(const std::string& folder, std::string suffix, const fleet::Waker& waker);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// Whether one has come since the last forget(), or that may have been missed. Costs no system call.
  bool has_news() const { return news_.load(std::memory_order_acquire); }
  /// To be called before the folder is looked at.
  void forget() { news_.store(false, std::memory_order_release); }
  /// Whether more can come: the folder still stands.
  bool is_alive() const { return alive_.load(std::memory_order_relaxed); }

 private:
  FolderWatch(Descriptor events, std::string suffix, const fleet::Waker& waker)
      : events_(std::move(events)), suffix_(std::move(suffix)), waker_(waker) {}
  void run();
  bool read_events();

  Descriptor events_;
  const std::string suffix_;
  const fleet::Waker& waker_;
  fleet::Waker stop_;
  std::atomic<bool> news_{false};
  std::atomic<bool> alive_{true};
  std::thread thread_;
};

}  // namespace lockstep::service
