#include "journal/header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "journal/crc32c.hpp"

namespace lockstep::journal {

namespace {

// As it stands in the file; little-endian.
struct Stored {
  char magic[8];
  std::uint16_t version_major;
  std::uint16_t version_minor;
  std::uint16_t kind;
  std::uint16_t sync;
  std::uint64_t epoch;
  std::uint64_t number;
  std::uint64_t first_seq;
  std::uint64_t last_seq;
  std::int64_t created_us;
  std::uint64_t salt;
  std::uint64_t rows_offset;
  std::uint64_t payload_offset;
  std::uint64_t file_bytes;
  std::uint32_t rows;
  std::uint32_t payload;
  std::uint32_t previous_crc;
  std::uint32_t rest_crc;
  std::uint64_t texts_from;         // since 1.2; zero before
  Section sections[kMostSections];  // since 1.3; zero before
  char zero[kHeaderBytes - 116 - kMostSections * sizeof(Section)];
  std::uint32_t crc;  // of all bytes before it
};
static_assert(sizeof(Stored) == kHeaderBytes && std::is_trivially_copyable_v<Stored>);

/// What stands in both as it is.
template <class From, class To>
void copy_same(const From& from, To& to) {
  to.epoch = from.epoch;
  to.number = from.number;
  to.first_seq = from.first_seq;
  to.last_seq = from.last_seq;
  to.created_us = from.created_us;
  to.salt = from.salt;
  to.rows_offset = from.rows_offset;
  to.payload_offset = from.payload_offset;
  to.file_bytes = from.file_bytes;
  to.previous_crc = from.previous_crc;
  to.rest_crc = from.rest_crc;
  to.texts_from = from.texts_from;
}

std::span<const std::byte> covered(const std::span<const std::byte>& bytes) {
  return bytes.first(kHeaderBytes - sizeof(std::uint32_t));
}

bool is_sound(const Header& header) {
  for (const Section& section : header.sections) {
    if (section.offset > header.file_bytes || section.bytes > header.file_bytes - section.offset) {
      return false;
    }
  }
  if (header.size.rows > kMostRows || header.size.payload > kMostPayload) {
    return false;
  }
  if (header.rows_offset == 0 && header.payload_offset == 0) {
    return header.kind != FileKind::segment;
  }
  const std::uint64_t rows_end = header.rows_offset + std::uint64_t{header.size.rows} * kRowBytes;
  const std::uint64_t payload_end = header.payload_offset + header.size.payload;
  return header.rows_offset >= kHeaderBytes && header.rows_offset < rows_end && rows_end <= header.payload_offset &&
         header.payload_offset < payload_end && payload_end <= header.file_bytes;
}

}  // namespace

std::array<std::byte, kHeaderBytes> to_bytes(const Header& header) {
  Stored stored{};
  std::memcpy(stored.magic, kMagic.data(), sizeof stored.magic);
  stored.version_major = kVersionMajor;
  stored.version_minor = kVersionMinor;
  stored.kind = static_cast<std::uint16_t>(header.kind);
  stored.sync = static_cast<std::uint16_t>(header.sync);
  copy_same(header, stored);
  stored.rows = header.size.rows;
  stored.payload = header.size.payload;
  std::copy(header.sections.begin(), header.sections.end(), stored.sections);
  stored.crc = crc32c(covered(std::as_bytes(std::span(&stored, 1))));
  std::array<std::byte, kHeaderBytes> bytes{};
  std::memcpy(bytes.data(), &stored, sizeof stored);
  return bytes;
}

Result<Header> parse_header(std::span<const std::byte> bytes, const std::string& path) {
  Stored stored;
  if (bytes.size() < sizeof stored) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: it is too short", path));
  }
  std::memcpy(&stored, bytes.data(), sizeof stored);
  if (std::memcmp(stored.magic, kMagic.data(), sizeof stored.magic) != 0) {
    return fail(ErrorKind::io,
                fmt::format("{} is damaged, or no file of a journal: it does not begin with {}", path, kMagic));
  }
  if (stored.crc != crc32c(covered(bytes))) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: the checksum of its header does not hold", path));
  }
  if (stored.version_major != kVersionMajor) {
    return fail(ErrorKind::io, fmt::format("{} is in version {}.{} of the format, and this program knows {}.x", path,
                                           stored.version_major, stored.version_minor, kVersionMajor));
  }
  Header header;
  header.kind = static_cast<FileKind>(stored.kind);
  header.sync = static_cast<Sync>(stored.sync);
  copy_same(stored, header);
  header.size = {stored.rows, stored.payload};
  std::copy_n(stored.sections, kMostSections, header.sections.begin());
  if (!is_sound(header)) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: its header contradicts itself", path));
  }
  return header;
}

}  // namespace lockstep::journal
