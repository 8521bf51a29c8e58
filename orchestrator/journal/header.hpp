// The 512 bytes in front of every file of the journal: what the file is, where its rows and payload lie, and the
// checksums of all that no row covers. FORMAT.md, "Header".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "journal/format.hpp"
#include "value/error.hpp"

namespace lockstep::journal {

/// Where the bytes of a dataset lie in the file.
struct Section {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};
inline constexpr std::size_t kMostSections = 8;

struct Header {
  FileKind kind = FileKind::segment;
  Sync sync = Sync::group;
  Epoch epoch = 0;
  std::uint64_t number = 0;          ///< of the segment or checkpoint
  SequenceNumber first_seq = 0;      ///< of the first row; checkpoint: the last Event that is wholly folded in
  SequenceNumber last_seq = 0;       ///< archive: of the last row; checkpoint: of the last Event that it saw
  std::int64_t created_us = 0;       ///< UTC
  std::uint64_t salt = 0;            ///< goes into every row's CRC
  std::uint64_t rows_offset = 0;     ///< of /events, in bytes from the file's start; 0: packed, read it by HDF5
  std::uint64_t payload_offset = 0;  ///< of /payload, likewise
  SegmentSize size;                  ///< rows of /events, bytes of /payload
  std::uint64_t file_bytes = 0;      ///< of the whole file
  std::uint32_t previous_crc = 0;    ///< segment: of the row before the first; 0: there was none
  std::uint32_t rest_crc = 0;        ///< of the file's bytes that are neither header, rows nor payload; packed: of all
                                     ///< bytes but the header
  /// The first file of texts/ that something in this file may name; 0: also files of blobs/. Of a segment no less than
  /// of the segment before.
  std::uint64_t texts_from = 0;
  std::array<Section, kMostSections> sections{};  ///< index: its datasets, the checksums of its blocks first
};

std::array<std::byte, kHeaderBytes> to_bytes(const Header& header);

/// The error names `path` and what is wrong: not ours, a newer version's, damaged.
Result<Header> parse_header(std::span<const std::byte> bytes, const std::string& path);

}  // namespace lockstep::journal
