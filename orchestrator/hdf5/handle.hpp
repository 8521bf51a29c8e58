// Owners for libhdf5's handles, its lock and its errors. Internal to the hdf5 room.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "value/error.hpp"

namespace lockstep::hdf5 {

/// Holds the lock that every call into libhdf5 needs, and keeps libhdf5 from printing.
class Session {
 public:
  Session();

 private:
  std::lock_guard<std::mutex> lock_;
};

/// What went wrong in the innermost call of libhdf5, as one line. `what` says what was being done.
tl::unexpected<Error> hdf5_failure(const std::string& what);

/// Closes on destruction; requires a Session while it lives.
template <herr_t (*Close)(hid_t)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() { reset(); }

  void reset() {
    if (id_ >= 0) {
      Close(std::exchange(id_, H5I_INVALID_HID));
    }
  }
  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using FileHandle = Handle<H5Fclose>;
using DatasetHandle = Handle<H5Dclose>;
using SpaceHandle = Handle<H5Sclose>;
using TypeHandle = Handle<H5Tclose>;
using AttributeHandle = Handle<H5Aclose>;
using PropertiesHandle = Handle<H5Pclose>;

/// How files are opened: locks of libhdf5's own are refused by some parallel file systems.
PropertiesHandle without_locks();

}  // namespace lockstep::hdf5
