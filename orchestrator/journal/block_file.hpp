// A file that is large, never changes, and is read here and there: each of its blocks has a checksum of its own, so
// that whoever needs a few rows reads a few blocks. A complete HDF5 file like all others; its header says where its
// datasets lie, so that nobody needs libhdf5 to read them. FORMAT.md, "Index".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hdf5/image.hpp"
#include "journal/files.hpp"
#include "journal/header.hpp"

namespace lockstep::journal {

/// A dataset that is to be written; nothing stands for one without bytes.
struct BlockSection {
  std::string name;
  const hdf5::RowType* type = nullptr;  ///< null: bytes
  std::span<const std::byte> bytes;
};

/// Puts a file of these sections at `folder`/`name`, durably; replaces what stands there. At most kMostSections - 1.
/// Of `header`, lengths, sections and checksums are filled in.
Result<void> write_block_file(FileLayer& files, const std::string& folder, const std::string& name, Header& header,
                              std::span<const BlockSection> sections, const std::string& format);

/// One thread.
class BlockFile {
 public:
  /// Reads only the header and the checksums.
  static Result<BlockFile> open(const FileLayer& files, const std::string& path);

  const Header& header() const { return header_; }
  /// Length in bytes of the section that was given as number `section`.
  std::uint64_t bytes(std::size_t section) const { return header_.sections[section + 1].bytes; }
  /// Fills `into` from `offset` in that section; what was read is as it was written.
  Result<void> read(std::size_t section, std::uint64_t offset, std::span<std::byte> into) const;
  /// Reads all of it.
  Result<void> check() const;

 private:
  BlockFile(std::string path, std::unique_ptr<File> file, const Header& header);
  Result<void> load(std::uint64_t block) const;

  std::string path_;
  std::unique_ptr<File> file_;
  Header header_;
  std::vector<std::uint32_t> checks_;
  mutable std::vector<std::byte> block_;  // the one that was read last
  mutable std::uint64_t loaded_ = UINT64_MAX;
};

}  // namespace lockstep::journal
