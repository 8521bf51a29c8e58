#include "journal/segment_file.hpp"

#include <algorithm>
#include <random>

#include "hdf5/image.hpp"
#include "journal/crc32c.hpp"
#include "journal/event_codec.hpp"

namespace lockstep::journal {

namespace {

constexpr std::size_t kZerosAtOnce = 1 << 20;

/// A salt that no other segment has: bytes of another segment that a file system leaves in a file's place must not pass
/// for rows.
std::uint64_t fresh_salt() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

Result<void> write_zeros(File& file, std::uint64_t offset, std::uint64_t length) {
  static const std::vector<std::byte> zeros(kZerosAtOnce);
  while (length > 0) {
    const std::uint64_t part = std::min<std::uint64_t>(length, zeros.size());
    const auto done = file.write(std::span(zeros).first(part), offset);
    if (!done) {
      return done;
    }
    offset += part;
    length -= part;
  }
  return {};
}

}  // namespace

Result<SegmentTemplate> compose_segment(SegmentSize size, Epoch epoch, const Origin& origin) {
  auto composer = TRY(hdf5::Composer::create(kHeaderBytes));
  const auto rows = TRY(composer.reserve_rows("events", row_type(), size.rows));
  const auto payload = TRY(composer.reserve_bytes("payload", size.payload));
  const std::pair<const char*, std::string> texts[] = {
      {"format", "lockstep-journal"},
      {"format_version", fmt::format("{}.{}", kVersionMajor, kVersionMinor)},
      {"software_version", origin.software},
      {"host", origin.host},
      {"slurm_job_id", origin.slurm_job}};
  for (const auto& [name, value] : texts) {
    TRY(composer.attribute(name, value));
  }
  TRY(composer.attribute("epoch", epoch));
  const auto bytes = TRY(composer.finish());

  SegmentTemplate form;
  form.header.epoch = epoch;
  form.header.size = size;
  form.header.rows_offset = rows.offset;
  form.header.payload_offset = payload.offset;
  // libhdf5 may leave the last dataset's end beyond what it wrote.
  form.header.file_bytes = std::max<std::uint64_t>(bytes.size(), payload.offset + payload.bytes);
  const std::span<const std::byte> all(bytes);
  const auto keep = [&](std::uint64_t from, std::uint64_t to) {
    if (from < to && from < all.size()) {
      const auto piece = all.subspan(from, std::min<std::uint64_t>(to, all.size()) - from);
      form.header.rest_crc = crc32c(piece, form.header.rest_crc);
      form.pieces.emplace_back(from, std::vector<std::byte>(piece.begin(), piece.end()));
    }
  };
  if (rows.offset + rows.bytes > payload.offset) {
    return fail(ErrorKind::internal, "libhdf5 laid the payload before the rows");
  }
  keep(kHeaderBytes, rows.offset);
  keep(rows.offset + rows.bytes, payload.offset);
  keep(payload.offset + payload.bytes, all.size());
  return form;
}

Result<std::shared_ptr<const SegmentTemplate>> SegmentTemplates::find(SegmentSize size) {
  const std::lock_guard lock(mutex_);
  if (last_ == nullptr || last_->header.size != size) {
    auto form = TRY(compose_segment(size, epoch_, origin_));
    last_ = std::make_shared<const SegmentTemplate>(std::move(form));
  }
  return last_;
}

Result<std::unique_ptr<SegmentFile>> SegmentFile::prepare(FileLayer& files, const std::string& folder,
                                                          const SegmentTemplate& form, std::uint64_t number) {
  Header header = form.header;
  header.number = number;
  header.salt = fresh_salt();
  const std::string temporary = temporary_for(fmt::format("{}/{}", folder, segment_name(number)));
  auto file = TRY(files.create(temporary));
  const auto fill = [&]() -> Result<void> {
    auto done = write_zeros(*file, 0, header.file_bytes);
    for (const auto& [offset, bytes] : form.pieces) {
      if (done) {
        done = file->write(bytes, offset);
      }
    }
    return done ? file->sync() : done;
  };
  if (const auto done = fill(); !done) {
    file.reset();
    static_cast<void>(files.remove(temporary));
    return tl::unexpected<Error>(done.error());
  }
  return std::unique_ptr<SegmentFile>(new SegmentFile(files, folder, temporary, std::move(file), header));
}

Result<void> SegmentFile::activate(SequenceNumber first_seq, std::uint32_t previous_crc, std::uint64_t texts_from,
                                   Sync sync, std::int64_t now_us) {
  header_.first_seq = first_seq;
  header_.previous_crc = previous_crc;
  header_.texts_from = texts_from;
  header_.sync = sync;
  header_.created_us = now_us;
  auto done = file_->write(to_bytes(header_), 0);
  if (done) {
    done = file_->sync();
  }
  if (done) {
    done = files_.rename_new(temporary_, path());
  }
  return done ? files_.sync_folder(folder_) : done;
}

void SegmentFile::discard() {
  file_.reset();
  static_cast<void>(files_.remove(temporary_));
}

Result<void> SegmentFile::write_payload(std::span<const std::byte> bytes, std::uint64_t offset) {
  return bytes.empty() ? Result<void>() : file_->write(bytes, header_.payload_offset + offset);
}

Result<void> SegmentFile::write_rows(std::span<const std::byte> rows, std::uint64_t first_row) {
  return file_->write(rows, header_.rows_offset + first_row * kRowBytes);
}

}  // namespace lockstep::journal
