// HDF5 files on a disk that hold rows of a number, a name and a text: three extendable datasets of the same length,
// "index" (64 bit), "status" (an enumeration) and "results" (UTF-8 strings of any length), as h5py reads them.
//
// For what is written once and then published: libhdf5 itself writes the file, so it is whole only once close() was
// called and its bytes were synced; write it under a temporary name. Memory stays at some MiB however long it gets.
// Calls take the process-wide lock for as long as one of them lasts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hdf5/image.hpp"
#include "value/error.hpp"

namespace lockstep::hdf5 {

struct TextRow {
  std::uint64_t index = 0;
  std::uint16_t status = 0;  ///< one of the names' values
  std::string text;          ///< without a zero byte
};

struct TableState;  // open handles; text_table.cpp

/// Destroying it without close() leaves a file that is of no use. One thread at a time. Errors (io).
class TextTableWriter {
 public:
  /// Replaces what stands at `path`.
  static Result<TextTableWriter> create(const std::string& path, std::span<const NamedValue> names);
  TextTableWriter(TextTableWriter&&) noexcept;
  TextTableWriter& operator=(TextTableWriter&&) noexcept;
  ~TextTableWriter();

  /// Some thousands at once do best.
  Result<void> append(std::span<const TextRow> rows);
  /// Of the file's root group.
  Result<void> attribute(const std::string& name, std::uint64_t value);
  /// All is handed to the system, not synced. The writer is spent.
  Result<void> close();

 private:
  explicit TextTableWriter(std::unique_ptr<TableState> state);
  std::unique_ptr<TableState> state_;
};

/// Requires a file that a TextTableWriter made and closed. One thread at a time. Errors (io).
class TextTableReader {
 public:
  static Result<TextTableReader> open(const std::string& path);
  TextTableReader(TextTableReader&&) noexcept;
  TextTableReader& operator=(TextTableReader&&) noexcept;
  ~TextTableReader();

  std::uint64_t size() const;
  /// `count` rows from `from`, or as many as there are.
  Result<std::vector<TextRow>> read(std::uint64_t from, std::uint64_t count) const;
  Result<std::uint64_t> attribute(const std::string& name) const;

 private:
  explicit TextTableReader(std::unique_ptr<TableState> state);
  std::unique_ptr<TableState> state_;
};

}  // namespace lockstep::hdf5
