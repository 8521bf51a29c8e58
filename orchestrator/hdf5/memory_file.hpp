// The file that libhdf5 sees: bytes in memory, through a file driver of its own. libhdf5's "core" driver would copy
// what is read, and fill and copy what is reserved, however large. Internal to the hdf5 room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hdf5/handle.hpp"

namespace lockstep::hdf5 {

/// Must outlive the HDF5 file that is opened on it. Requires a Session for all but construction.
class MemoryFile {
 public:
  /// Empty, to be written. Only what is written takes memory; the rest reads as zeros.
  MemoryFile() = default;
  /// Read only. `bytes` are borrowed.
  explicit MemoryFile(std::span<const std::byte> bytes) : borrowed_(bytes), size_(bytes.size()) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  /// With these, H5Fcreate or H5Fopen uses this file; the name given there does not matter.
  PropertiesHandle access();
  std::span<const std::byte> borrowed() const { return borrowed_; }
  /// Up to where the file goes, once it was flushed.
  std::uint64_t size() const { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> bytes) const;
  std::vector<std::byte> read(std::uint64_t from, std::uint64_t to) const;
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void resize(std::uint64_t size) { size_ = size; }

 private:
  static constexpr std::uint64_t kPageBytes = 1 << 16;

  std::span<const std::byte> borrowed_;
  std::vector<std::unique_ptr<std::byte[]>> pages_;  // null: zeros
  std::uint64_t size_ = 0;
};

}  // namespace lockstep::hdf5
