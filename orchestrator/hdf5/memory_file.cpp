#include "hdf5/memory_file.hpp"

#include <algorithm>
#include <cstring>

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

namespace lockstep::hdf5 {

namespace {

/// What libhdf5 holds of an open file; begins with what it looks at itself.
struct OpenFile {
  H5FD_t base;
  MemoryFile* bytes;
  haddr_t end;  // of what is allocated
};

struct Access {
  MemoryFile* bytes;
};

OpenFile& opened(H5FD_t* file) {
  return *reinterpret_cast<OpenFile*>(file);
}
const OpenFile& opened(const H5FD_t* file) {
  return *reinterpret_cast<const OpenFile*>(file);
}

H5FD_t* open(const char* /*name*/, unsigned /*flags*/, hid_t access, haddr_t /*most*/) {
  const auto* info = static_cast<const Access*>(H5Pget_driver_info(access));
  if (info == nullptr) {
    return nullptr;
  }
  return &(new OpenFile{{}, info->bytes, 0})->base;
}

herr_t close(H5FD_t* file) {
  delete &opened(file);
  return 0;
}

herr_t query(const H5FD_t* /*file*/, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

haddr_t get_end(const H5FD_t* file, H5FD_mem_t /*type*/) {
  return opened(file).end;
}

herr_t set_end(H5FD_t* file, H5FD_mem_t /*type*/, haddr_t end) {
  opened(file).end = end;
  return 0;
}

haddr_t get_size(const H5FD_t* file, H5FD_mem_t /*type*/) {
  return opened(file).bytes->size();
}

herr_t read(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t at, std::size_t size, void* buffer) {
  opened(file).bytes->read(at, {static_cast<std::byte*>(buffer), size});
  return 0;
}

herr_t write(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t at, std::size_t size, const void* buffer) {
  opened(file).bytes->write(at, {static_cast<const std::byte*>(buffer), size});
  return 0;
}

herr_t truncate(H5FD_t* file, hid_t /*transfer*/, hbool_t /*closing*/) {
  OpenFile& one = opened(file);
  if (one.end > one.bytes->size()) {
    one.bytes->resize(one.end);
  }
  return 0;
}

hid_t register_driver() {
  static H5FD_class_t driver{};
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(H5_VFD_RESERVED);  // for drivers that nobody else opens by number
#endif
  driver.name = "lockstep-memory";
  driver.maxaddr = HADDR_MAX - 1;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(Access);
  driver.open = open;
  driver.close = close;
  driver.query = query;
  driver.get_eoa = get_end;
  driver.set_eoa = set_end;
  driver.get_eof = get_size;
  driver.read = read;
  driver.write = write;
  driver.truncate = truncate;
  constexpr H5FD_mem_t kTwoKinds[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;  // as "core": metadata and raw data
  std::copy(std::begin(kTwoKinds), std::end(kTwoKinds), std::begin(driver.fl_map));
  return H5FDregister(&driver);
}

}  // namespace

PropertiesHandle MemoryFile::access() {
  static const hid_t driver = register_driver();
  PropertiesHandle properties(H5Pcreate(H5P_FILE_ACCESS));
  const Access info{this};
  H5Pset_driver(properties.get(), driver, &info);
  return properties;
}

void MemoryFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  if (!borrowed_.empty()) {
    const std::uint64_t from = std::min<std::uint64_t>(offset, borrowed_.size());
    const std::size_t there = std::min<std::uint64_t>(bytes.size(), borrowed_.size() - from);
    std::copy_n(borrowed_.begin() + static_cast<std::ptrdiff_t>(from), there, bytes.begin());
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(there), bytes.end(), std::byte{0});
    return;
  }
  while (!bytes.empty()) {
    const std::uint64_t page = offset / kPageBytes;
    const std::uint64_t within = offset % kPageBytes;
    const std::size_t part = std::min<std::uint64_t>(bytes.size(), kPageBytes - within);
    if (page < pages_.size() && pages_[page] != nullptr) {
      std::memcpy(bytes.data(), pages_[page].get() + within, part);
    } else {
      std::memset(bytes.data(), 0, part);
    }
    bytes = bytes.subspan(part);
    offset += part;
  }
}

std::vector<std::byte> MemoryFile::read(std::uint64_t from, std::uint64_t to) const {
  std::vector<std::byte> bytes(to - from);
  read(from, bytes);
  return bytes;
}

void MemoryFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  size_ = std::max<std::uint64_t>(size_, offset + bytes.size());
  pages_.resize(std::max<std::size_t>(pages_.size(), (offset + bytes.size() + kPageBytes - 1) / kPageBytes));
  while (!bytes.empty()) {
    std::unique_ptr<std::byte[]>& page = pages_[offset / kPageBytes];
    if (page == nullptr) {
      page = std::make_unique<std::byte[]>(kPageBytes);
    }
    const std::uint64_t within = offset % kPageBytes;
    const std::size_t part = std::min<std::uint64_t>(bytes.size(), kPageBytes - within);
    std::memcpy(page.get() + within, bytes.data(), part);
    bytes = bytes.subspan(part);
    offset += part;
  }
}

}  // namespace lockstep::hdf5
