#include "journal/block_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "journal/crc32c.hpp"

namespace lockstep::journal {

namespace {

constexpr std::size_t kBlock = 4'096;
// HDF5's own bytes are some KiB; there may be checksums to spare.
constexpr std::size_t kSpareBlocks = 16;

std::uint64_t blocks_of(std::uint64_t bytes) {
  return (bytes + kBlock - 1) / kBlock;
}

/// Takes header and checksums, which have checksums of their own, out of a block that begins at `start` in the file.
void leave_out(std::span<std::byte> block, std::uint64_t start, const Section& part) {
  const std::uint64_t from = std::max(start, part.offset);
  const std::uint64_t to = std::min(start + block.size(), part.offset + part.bytes);
  if (from < to) {
    std::memset(block.data() + (from - start), 0, to - from);
  }
}

std::uint32_t check_of(std::span<std::byte> block, std::uint64_t number, const Section& checks) {
  leave_out(block, number * kBlock, {0, kHeaderBytes});
  leave_out(block, number * kBlock, checks);
  return crc32c(block);
}

constexpr hdf5::Column kCheckColumns[] = {{"crc", hdf5::ColumnType::u32, 0}};
constexpr hdf5::RowType kCheckRow{sizeof(std::uint32_t), kCheckColumns, {}};

}  // namespace

Result<void> write_block_file(FileLayer& files, const std::string& folder, const std::string& name, Header& header,
                              std::span<const BlockSection> sections, const std::string& format) {
  auto composer = TRY(hdf5::Composer::create(kHeaderBytes));
  auto done = composer.attribute("format", format);
  std::uint64_t total = 0;
  const auto place = [&](std::size_t at, const Result<hdf5::Extent>& extent) {
    if (extent) {
      header.sections[at] = {extent->offset, extent->bytes};
    } else {
      done = tl::unexpected<Error>(extent.error());
    }
  };
  for (std::size_t i = 0; i < sections.size() && done; ++i) {
    const BlockSection& section = sections[i];
    total += section.bytes.size();
    if (!section.bytes.empty()) {
      place(i + 1, section.type == nullptr
                       ? composer.reserve_bytes(section.name, section.bytes.size())
                       : composer.reserve_rows(section.name, *section.type, section.bytes.size() / section.type->size));
    }
  }
  const std::uint64_t count = (total + total / (kBlock / sizeof(std::uint32_t))) / kBlock + kSpareBlocks;
  if (done) {
    place(0, composer.reserve_rows("checks", kCheckRow, count));
  }
  auto bytes = TRY(done ? composer.finish() : tl::unexpected<Error>(done.error()));
  for (std::size_t i = 0; i < sections.size(); ++i) {
    std::ranges::copy(sections[i].bytes, bytes.data() + header.sections[i + 1].offset);
  }
  if (blocks_of(bytes.size()) > count) {
    return fail(ErrorKind::internal, fmt::format("{}/{} has more blocks than were reckoned with", folder, name));
  }
  std::vector<std::uint32_t> checks(count);
  for (std::uint64_t i = 0; i < blocks_of(bytes.size()); ++i) {
    const std::size_t length = std::min<std::uint64_t>(kBlock, bytes.size() - i * kBlock);
    checks[i] = check_of(std::span(bytes).subspan(i * kBlock, length), i, header.sections[0]);
  }
  std::memcpy(bytes.data() + header.sections[0].offset, checks.data(), header.sections[0].bytes);
  header.file_bytes = bytes.size();
  header.size = {0, 0};
  header.rest_crc = crc32c(std::as_bytes(std::span(checks)));
  header.texts_from = UINT64_MAX;
  const auto front = to_bytes(header);
  std::memcpy(bytes.data(), front.data(), front.size());
  return write_whole(files, folder, name, bytes);
}

BlockFile::BlockFile(std::string path, std::unique_ptr<File> file, const Header& header)
    : path_(std::move(path)), file_(std::move(file)), header_(header) {}

Result<BlockFile> BlockFile::open(const FileLayer& files, const std::string& path) {
  const auto damaged = [&](std::string_view what) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: {}", path, what));
  };
  auto file = TRY(files.open_to_read(path));
  std::array<std::byte, kHeaderBytes> front{};
  const auto got = TRY(file->read(front, 0));
  const auto header = TRY(parse_header(std::span(front).first(got), path));
  const auto size = TRY(file->size());
  const Section& checks = header.sections[0];
  if (header.kind != FileKind::index || size != header.file_bytes ||
      checks.bytes / sizeof(std::uint32_t) < blocks_of(header.file_bytes)) {
    return damaged("it is not what its header says");
  }
  BlockFile opened(path, std::move(file), header);
  opened.checks_.resize(checks.bytes / sizeof(std::uint32_t));
  const auto bytes = std::as_writable_bytes(std::span(opened.checks_));
  const auto read = TRY(opened.file_->read(bytes, checks.offset));
  if (read != bytes.size() || crc32c(bytes) != header.rest_crc) {
    return damaged("the checksum of its checksums does not hold");
  }
  return opened;
}

Result<void> BlockFile::load(std::uint64_t block) const {
  if (block == loaded_) {
    return {};
  }
  loaded_ = UINT64_MAX;
  block_.resize(std::min<std::uint64_t>(kBlock, header_.file_bytes - block * kBlock));
  const auto got = TRY(file_->read(block_, block * kBlock));
  if (got != block_.size() || check_of(block_, block, header_.sections[0]) != checks_[block]) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: the checksum of its bytes from {} on does not hold", path_,
                                           block * kBlock));
  }
  loaded_ = block;
  return {};
}

Result<void> BlockFile::read(std::size_t section, std::uint64_t offset, std::span<std::byte> into) const {
  const Section& from = header_.sections[section + 1];
  if (offset > from.bytes || into.size() > from.bytes - offset) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: what it refers to lies outside it", path_));
  }
  for (std::uint64_t at = from.offset + offset; !into.empty();) {
    if (const auto done = load(at / kBlock); !done) {
      return done;
    }
    const std::size_t within = at % kBlock;
    const std::size_t length = std::min(into.size(), block_.size() - within);
    std::memcpy(into.data(), block_.data() + within, length);
    into = into.subspan(length);
    at += length;
  }
  return {};
}

Result<void> BlockFile::check() const {
  for (std::uint64_t block = 0; block < blocks_of(header_.file_bytes); ++block) {
    if (const auto done = load(block); !done) {
      return done;
    }
  }
  return {};
}

}  // namespace lockstep::journal
