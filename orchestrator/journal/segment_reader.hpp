// What stands in one segment or archive: the rows whose checksums hold, in order, and what was found behind them.
// Reads only; needs no lock, also while the segment is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "journal/event_codec.hpp"
#include "journal/files.hpp"
#include "journal/header.hpp"

namespace lockstep::journal {

struct SegmentContents {
  Header header;
  std::vector<Row> rows;           ///< sound, without a gap from header.first_seq
  std::vector<std::byte> payload;  ///< as far as those rows need it
  /// Rows behind the sound ones that were begun but never became durable: a torn tail.
  std::uint64_t torn_rows = 0;
  std::uint64_t torn_bytes = 0;
  /// Not a torn tail but damage: something that was durable before a later row was written is not as it was. In words;
  /// empty: none.
  std::string damage;

  SequenceNumber next_seq() const { return header.first_seq + rows.size(); }
};

/// Only the header.
Result<Header> read_header(const FileLayer& files, const std::string& path);

/// An error if the header or HDF5's own bytes are not as they were written. Rows are checked one by one.
Result<SegmentContents> read_segment(const FileLayer& files, const std::string& path);

/// As read_segment(), but HDF5's own bytes of a segment may be damaged: each row has a checksum of its own. For
/// salvage.
Result<SegmentContents> read_rows_alone(const FileLayer& files, const std::string& path);

}  // namespace lockstep::journal
