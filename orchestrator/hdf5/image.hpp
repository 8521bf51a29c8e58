// HDF5 files as bytes in memory: libhdf5 lays them out and takes them apart here, and never touches a disk. Who reads
// or writes the bytes decides about syncs and faults (journal/files.hpp); no HDF5 metadata is ever in flight (wall 9).
// (Files of users' own data are read where they lie: dataset.hpp.)
//
// All calls take the one process-wide lock that libhdf5 needs (Debian's build has no threads of its own) and may take
// milliseconds: background threads only. HDF5's own error output is off; an error becomes one line of an Error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "value/error.hpp"

namespace lockstep::hdf5 {

enum class ColumnType : std::uint8_t { u16, u32, u64, i64, name, text };

/// One member of a row. `name` columns are 16 bit wide and show RowType::names; `text` is `size` bytes, zero padded.
struct Column {
  std::string_view name;
  ColumnType type;
  std::size_t offset;    ///< in the row
  std::size_t size = 0;  ///< with text
};
struct NamedValue {
  std::uint16_t value;
  std::string_view name;
};
/// A fixed-size little-endian compound. Borrowed; describe it with constants.
struct RowType {
  std::size_t size;
  std::span<const Column> columns;
  std::span<const NamedValue> names;
};

/// Where a dataset's bytes lie in the finished file, user block included.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

struct State;  // open handles; image.cpp

/// Composes one file. Datasets lie in the root group. One thread at a time.
class Composer {
 public:
  /// `user_block` (512 or a larger power of two) zero bytes stand before HDF5's own; they are the caller's to use.
  static Result<Composer> create(std::size_t user_block);
  Composer(Composer&&) noexcept;
  Composer& operator=(Composer&&) noexcept;
  ~Composer();

  Result<void> attribute(const std::string& name, std::uint64_t value);
  Result<void> attribute(const std::string& name, const std::string& value);

  /// Contiguous, allocated at once, zero filled: to be overwritten in place. Requires count > 0.
  Result<Extent> reserve_rows(const std::string& name, const RowType& type, std::uint64_t count);
  Result<Extent> reserve_bytes(const std::string& name, std::uint64_t count);
  /// Contiguous, holding `bytes`.
  Result<void> write_rows(const std::string& name, const RowType& type, std::span<const std::byte> bytes);
  Result<void> write_bytes(const std::string& name, std::span<const std::byte> bytes);
  /// Chunked with shuffle, deflate 1 and fletcher32: for archives. That takes 10 ms for each MiB; `give_up` is asked
  /// about once in that time, and true makes it an error of kind interrupted.
  Result<void> pack_rows(const std::string& name, const RowType& type, std::span<const std::byte> bytes,
                         const std::function<bool()>& give_up = {});
  Result<void> pack_bytes(const std::string& name, std::span<const std::byte> bytes,
                          const std::function<bool()>& give_up = {});

  /// The whole file, user block included. The composer is spent.
  Result<std::vector<std::byte>> finish();
  struct Around {
    std::vector<std::byte> before;
    std::vector<std::byte> behind;
  };
  /// The same but for what was reserved at `hole` and takes no memory; where that is empty, all is `before`.
  Result<Around> finish_around(const Extent& hole);

 private:
  explicit Composer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Takes a file apart. Give it only bytes whose checksum holds: libhdf5 does not promise to survive others.
class Image {
 public:
  /// `file` includes the user block and must outlive the Image.
  static Result<Image> open(std::span<const std::byte> file);
  Image(Image&&) noexcept;
  Image& operator=(Image&&) noexcept;
  ~Image();

  /// A dataset's contents as rows of `type`; an error if it has other columns or is larger than `max_bytes`.
  Result<std::vector<std::byte>> rows(const std::string& name, const RowType& type, std::uint64_t max_bytes) const;
  Result<std::vector<std::byte>> bytes(const std::string& name, std::uint64_t max_bytes) const;
  /// A dataset of bytes where it stands in `file`; an error if it is packed.
  Result<std::span<const std::byte>> view(const std::string& name) const;
  Result<std::uint64_t> number(const std::string& attribute) const;
  Result<std::string> text(const std::string& attribute) const;

 private:
  explicit Image(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lockstep::hdf5
