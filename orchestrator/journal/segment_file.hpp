// A segment on the disk, as its writer sees it: prepared ahead under a temporary name with all its bytes zero, put in
// place when its turn comes, then overwritten in place (FORMAT.md, "Life of a segment").
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "journal/files.hpp"
#include "journal/header.hpp"

namespace lockstep::journal {

/// Who writes, for people who look at the files.
struct Origin {
  std::string software;  ///< e.g. "lockstep 0.1.0"
  std::string host;
  std::string slurm_job;  ///< empty: none
};

/// Everything of a segment but its rows, payload and header. Alike for all segments of one size and epoch, so libhdf5
/// is asked once.
struct SegmentTemplate {
  Header header;  ///< offsets, size, file_bytes, rest_crc, epoch
  std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> pieces;
};
Result<SegmentTemplate> compose_segment(SegmentSize size, Epoch epoch, const Origin& origin);

/// Made once per size. Any thread.
class SegmentTemplates {
 public:
  SegmentTemplates(Epoch epoch, Origin origin) : epoch_(epoch), origin_(std::move(origin)) {}
  Result<std::shared_ptr<const SegmentTemplate>> find(SegmentSize size);

 private:
  Epoch epoch_;
  Origin origin_;
  std::mutex mutex_;
  std::shared_ptr<const SegmentTemplate> last_;
};

/// One thread at a time.
class SegmentFile {
 public:
  /// Writes the whole file, zeros and all, under its temporary name, and syncs it. Takes tens of milliseconds.
  static Result<std::unique_ptr<SegmentFile>> prepare(FileLayer& files, const std::string& folder,
                                                      const SegmentTemplate& form, std::uint64_t number);

  /// Puts it in place, durably, as the segment that begins with `first_seq`. The segment before must be durable.
  Result<void> activate(SequenceNumber first_seq, std::uint32_t previous_crc, std::uint64_t texts_from, Sync sync,
                        std::int64_t now_us);
  /// Removes a prepared file that is not wanted after all.
  void discard();

  Result<void> write_payload(std::span<const std::byte> bytes, std::uint64_t offset);
  Result<void> write_rows(std::span<const std::byte> rows, std::uint64_t first_row);
  Result<void> sync() { return file_->sync(); }

  std::uint64_t number() const { return header_.number; }
  SegmentSize size() const { return header_.size; }
  std::uint64_t salt() const { return header_.salt; }

 private:
  SegmentFile(FileLayer& files, std::string folder, std::string temporary, std::unique_ptr<File> file,
              const Header& header)
      : files_(files),
        folder_(std::move(folder)),
        temporary_(std::move(temporary)),
        file_(std::move(file)),
        header_(header) {}
  std::string path() const { return fmt::format("{}/{}", folder_, segment_name(header_.number)); }

  FileLayer& files_;
  std::string folder_;
  std::string temporary_;  // its name before activate()
  std::unique_ptr<File> file_;
  Header header_;
};

}  // namespace lockstep::journal
