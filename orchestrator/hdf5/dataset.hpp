// A dataset of somebody's file, read a piece at a time: a row each of a table, a slice each along an array's first
// axis. As image.hpp says, calls take the one lock and may take milliseconds.
//
// Unlike an Image this is libhdf5 reading a file that nobody has checked; it does not promise to survive a damaged one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "value/error.hpp"
#include "value/value.hpp"

namespace lockstep::hdf5 {

/// One thread at a time.
class Dataset {
 public:
  /// Bytes in memory: of a block that is read at once, unless one row is more; and of the largest row.
  struct Sizes {
    std::size_t block = std::size_t{256} * 1024;
    std::size_t largest = std::size_t{64} << 20;
  };
  /// `name`: its path in the file, `/a/b`; empty: the only dataset in the root group. Errors (io): not an HDF5 file;
  /// (invalid): there is no such dataset (the message names some), it has no axis, its rows are too large, or their
  /// type has no form in JSON.
  static Result<Dataset> open(const std::string& path, const std::string& name, Sizes sizes);
  static Result<Dataset> open(const std::string& path, const std::string& name);
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  /// The next row, as Element (element.hpp) shows it; nothing: that was all. Errors (io): it cannot be read; (invalid):
  /// a text in it is not UTF-8, it is too large.
  Result<std::optional<Value>> next();
  /// How many rows there are in all.
  std::uint64_t size() const;

 private:
  struct State;
  explicit Dataset(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lockstep::hdf5
