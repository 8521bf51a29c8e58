#include "journal/segment_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hdf5/image.hpp"
#include "journal/crc32c.hpp"

namespace lockstep::journal {

namespace {

tl::unexpected<Error> damaged(const std::string& path, std::string_view what) {
  return fail(ErrorKind::io, fmt::format("{} is damaged: {}", path, what));
}

Result<void> read_exactly(const File& file, std::span<std::byte> bytes, std::uint64_t offset, const std::string& path) {
  const auto got = TRY(file.read(bytes, offset));
  if (got != bytes.size()) {
    return damaged(path, "it is too short");
  }
  return {};
}

/// HDF5's own bytes: all that is neither header, rows nor payload.
Result<std::uint32_t> crc_of_rest(const File& file, const Header& header, const std::string& path) {
  const std::uint64_t rows_end = header.rows_offset + std::uint64_t{header.size.rows} * kRowBytes;
  const std::pair<std::uint64_t, std::uint64_t> ranges[] = {
      {kHeaderBytes, header.rows_offset},
      {rows_end, header.payload_offset},
      {header.payload_offset + header.size.payload, header.file_bytes}};
  constexpr std::uint64_t kMostRest = 16U << 20;
  std::uint32_t crc = 0;
  for (const auto& [from, to] : ranges) {
    if (to - from > kMostRest) {
      return damaged(path, "its header contradicts itself");
    }
    std::vector<std::byte> bytes(to - from);
    TRY(read_exactly(file, bytes, from, path));
    crc = crc32c(bytes, crc);
  }
  return crc;
}

/// The bytes of `row`'s body, if they lie within `payload`.
std::optional<std::span<const std::byte>> body_of(const Row& row, std::span<const std::byte> payload) {
  if (row.offset > payload.size() || row.length > payload.size() - row.offset) {
    return std::nullopt;
  }
  return payload.subspan(row.offset, row.length);
}

bool checksum_holds(const Row& row, std::span<const std::byte> payload, std::uint64_t salt) {
  const auto body = body_of(row, payload);
  return body && row.crc == row_crc(row, *body, salt);
}

/// Cuts `contents` behind its last sound row, and judges what comes after.
void keep_sound_rows(SegmentContents& contents, const std::string& path) {
  const Header& header = contents.header;
  std::vector<Row>& rows = contents.rows;
  std::uint64_t offset = 0;
  std::size_t sound = 0;
  while (sound < rows.size()) {
    const Row& row = rows[sound];
    if (row.seq != header.first_seq + sound || row.offset != offset ||
        !checksum_holds(row, contents.payload, header.salt)) {
      break;
    }
    offset += row.length;
    ++sound;
  }
  const SequenceNumber cut = header.first_seq + sound;
  for (std::size_t i = sound; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (row.seq == 0 && row.crc == 0) {
      continue;
    }
    ++contents.torn_rows;
    contents.torn_bytes += kRowBytes + (row.length <= contents.payload.size() ? row.length : 0);
    // A commit begins only when the one before is on stable storage. So a sound row of a later commit proves that the
    // rows up to that commit were durable: that one of them is not sound now is no torn tail.
    const bool is_sound = row.seq == header.first_seq + i && checksum_holds(row, contents.payload, header.salt);
    if (is_sound && header.sync != Sync::none && row.place <= row.seq && row.seq - row.place > cut &&
        contents.damage.empty()) {
      contents.damage = fmt::format(
          "{} is damaged: event {} cannot be read, but event {}, which was written after it "
          "had become durable, can",
          path, cut, row.seq);
    }
  }
  rows.resize(sound);
}

enum class Checks : std::uint8_t { all, rows_alone };

Result<SegmentContents> read_slab(const File& file, const Header& header, const std::string& path, Checks checks) {
  SegmentContents contents;
  contents.header = header;
  if (checks == Checks::all) {
    const auto rest = TRY(crc_of_rest(file, header, path));
    if (rest != header.rest_crc) {
      return damaged(path, "the checksum of HDF5's own bytes does not hold");
    }
  }
  contents.rows.resize(header.size.rows);
  TRY(read_exactly(file, std::as_writable_bytes(std::span(contents.rows)), header.rows_offset, path));
  std::uint64_t used = 0;
  for (const Row& row : contents.rows) {
    used = std::max(used, std::min<std::uint64_t>(std::uint64_t{row.offset} + row.length, header.size.payload));
  }
  contents.payload.resize(used);
  TRY(read_exactly(file, contents.payload, header.payload_offset, path));
  return contents;
}

Result<SegmentContents> read_packed(const File& file, const Header& header, const std::string& path) {
  const auto size = TRY(file.size());
  constexpr std::uint64_t kMostPacked = std::uint64_t{4} << 30;
  if (size != header.file_bytes || size > kMostPacked) {
    return damaged(path, "its length is not what its header says");
  }
  std::vector<std::byte> bytes(size);
  TRY(read_exactly(file, bytes, 0, path));
  // libhdf5 sees only what is as it was written.
  if (crc32c(std::span(bytes).subspan(kHeaderBytes)) != header.rest_crc) {
    return damaged(path, "its checksum does not hold");
  }
  const auto image = hdf5::Image::open(bytes);
  if (!image) {
    return damaged(path, image.error().message);
  }
  const auto rows = image->rows("events", row_type(), std::uint64_t{kMostRows} * kRowBytes);
  if (!rows) {
    return damaged(path, rows.error().message);
  }
  auto payload = image->bytes("payload", kMostPayload);
  if (!payload) {
    return damaged(path, payload.error().message);
  }
  SegmentContents contents;
  contents.header = header;
  contents.rows.resize(rows->size() / kRowBytes);
  if (!rows->empty()) {
    std::memcpy(contents.rows.data(), rows->data(), rows->size());
  }
  contents.payload = std::move(*payload);
  return contents;
}

Result<Header> header_of(const File& file, const std::string& path) {
  std::array<std::byte, kHeaderBytes> bytes{};
  TRY(read_exactly(file, bytes, 0, path));
  return parse_header(bytes, path);
}

Result<SegmentContents> read(const FileLayer& files, const std::string& path, Checks checks) {
  const auto file = TRY(files.open_to_read(path));
  const auto header = TRY(header_of(*file, path));
  auto contents = header.kind == FileKind::segment   ? read_slab(*file, header, path, checks)
                  : header.kind == FileKind::archive ? read_packed(*file, header, path)
                                                     : damaged(path, "it is neither a segment nor an archive");
  if (contents) {
    keep_sound_rows(*contents, path);
    if (contents->header.kind == FileKind::archive && contents->next_seq() != contents->header.last_seq + 1) {
      return damaged(path, "rows are missing");
    }
  }
  return contents;
}

}  // namespace

Result<Header> read_header(const FileLayer& files, const std::string& path) {
  const auto file = TRY(files.open_to_read(path));
  return header_of(*file, path);
}

Result<SegmentContents> read_segment(const FileLayer& files, const std::string& path) {
  return read(files, path, Checks::all);
}

Result<SegmentContents> read_rows_alone(const FileLayer& files, const std::string& path) {
  return read(files, path, Checks::rows_alone);
}

}  // namespace lockstep::journal
