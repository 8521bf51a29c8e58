#include <fmt/format.h>

#include <cstring>

#include "hdf5/image.hpp"
#include "journal/checkpoint.hpp"
#include "journal/crc32c.hpp"
#include "journal/segment_reader.hpp"

namespace lockstep::journal {

namespace {

Result<std::vector<std::byte>> compose(const SegmentContents& segment, const std::string& software,
                                       const std::function<bool()>& give_up) {
  auto composer = TRY(hdf5::Composer::create(kHeaderBytes));
  auto done = composer.attribute("format", std::string("lockstep-journal"));
  if (done) {
    done = composer.attribute("software_version", software);
  }
  if (done) {
    done = composer.attribute("epoch", segment.header.epoch);
  }
  if (done) {
    done = composer.pack_rows("events", row_type(), std::as_bytes(std::span(segment.rows)), give_up);
  }
  if (done) {
    done = composer.pack_bytes("payload", segment.payload, give_up);
  }
  TRY(done);
  return composer.finish();
}

}  // namespace

Result<void> write_archive(FileLayer& files, const std::string& folder, std::uint64_t number, SegmentContents segment,
                           std::uint64_t events, const std::string& software, const std::function<bool()>& give_up) {
  segment.rows.resize(events);
  segment.payload.resize(events == 0 ? 0 : segment.rows.back().offset + segment.rows.back().length);
  auto bytes = TRY(compose(segment, software, give_up));
  Header header = segment.header;
  header.kind = FileKind::archive;
  header.last_seq = header.first_seq + events - 1;
  header.rows_offset = 0;
  header.payload_offset = 0;
  header.size = {static_cast<std::uint32_t>(events), static_cast<std::uint32_t>(segment.payload.size())};
  header.file_bytes = bytes.size();
  header.rest_crc = crc32c(std::span<const std::byte>(bytes).subspan(kHeaderBytes));
  const auto front = to_bytes(header);
  std::memcpy(bytes.data(), front.data(), front.size());
  const std::string archive = fmt::format("{}/{}", folder, kArchiveFolder);
  const auto stands = TRY(files.exists(archive));
  if (!stands) {
    auto made = files.make_folder(archive);
    if (made) {
      made = files.sync_folder(folder);
    }
    if (!made) {
      return made;
    }
  }
  return write_whole(files, archive, archive_name(number), bytes);
}

Result<void> archive_segment(FileLayer& files, const std::string& folder, std::uint64_t number, std::uint64_t events,
                             const std::string& software, const std::function<bool()>& give_up) {
  const std::string path = fmt::format("{}/{}", folder, segment_name(number));
  if (events == 0) {  // the next owner took its rows over; what became of them here does not matter
    const auto header = TRY(read_header(files, path));
    SegmentContents empty;
    empty.header = header;
    const auto written = write_archive(files, folder, number, std::move(empty), 0, software);
    return written ? files.remove(path) : written;
  }
  auto segment = TRY(read_segment(files, path));
  if (segment.rows.size() < events) {
    return fail(ErrorKind::io, fmt::format("{} is not put into the archive: only {} of its {} events can be read", path,
                                           segment.rows.size(), events));
  }
  const auto written = write_archive(files, folder, number, std::move(segment), events, software, give_up);
  return written ? files.remove(path) : written;
}

}  // namespace lockstep::journal
