// Constants of the journal's files; FORMAT.md explains them with a worked example.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace lockstep::journal {

/// Counts a run's Events, from 1. 0: none.
using SequenceNumber = std::uint64_t;

/// Grows with every take-over of a run folder; the greater one is right (fencing).
using Epoch = std::uint64_t;

inline constexpr std::string_view kMagic = "LOCKSTEP";
/// A reader refuses another major version, and reads any minor one.
inline constexpr std::uint16_t kVersionMajor = 1;
inline constexpr std::uint16_t kVersionMinor = 5;

/// The header stands in the file's HDF5 user block.
inline constexpr std::size_t kHeaderBytes = 512;
inline constexpr std::size_t kRowBytes = 64;

enum class FileKind : std::uint16_t { segment = 1, archive = 2, checkpoint = 3, index = 4 };

/// What a commit waits for (`--sync`).
enum class Sync : std::uint32_t {
  every = 0,  ///< each append is on stable storage when it returns
  group = 1,  ///< commits are shared; what is durable() is on stable storage
  none = 2    ///< durable() means written: survives a kill, not a power loss
};

/// Texts longer than this stand beside the segment, in its file of texts/.
inline constexpr std::size_t kLongestInlineText = 256 * 1024;
/// Once an Event's own texts add up to this, its further texts beyond kShortText go there, too.
inline constexpr std::size_t kLongestInlineEvent = 1024 * 1024;
inline constexpr std::size_t kShortText = 1024;
/// Texts shorter than this are always written out; a reference to an earlier one would save little.
inline constexpr std::size_t kShortestReferredText = 8;

/// Rows and payload bytes of a segment. The first of a process is small, so that a small run stays small.
struct SegmentSize {
  std::uint32_t rows = 65'536;
  std::uint32_t payload = 4U << 20;
  friend bool operator==(const SegmentSize&, const SegmentSize&) = default;
};
/// Before it is known how large Events are: as many bytes of payload as of rows.
inline constexpr SegmentSize kSmallestSegment{4'096, 256U << 10};
inline constexpr SegmentSize kLargestSegment{65'536, 4U << 20};
/// What a reader believes of a header, to bound what it allocates.
inline constexpr std::uint32_t kMostRows = 1U << 24;
inline constexpr std::uint32_t kMostPayload = 1U << 30;

/// A row's place within its commit is 16 bits wide.
inline constexpr std::uint32_t kMostRowsPerCommit = 65'535;

inline std::string segment_name(std::uint64_t number) {
  return fmt::format("seg-{:010}.h5", number);
}
inline std::string archive_name(std::uint64_t number) {
  return fmt::format("hist-{:010}.h5", number);
}
/// Of the long texts of a segment.
inline std::string text_name(std::uint64_t number) {
  return fmt::format("text-{:010}", number);
}
inline std::string checkpoint_name(std::uint64_t number) {
  return fmt::format("checkpoint-{:010}.h5", number);
}

/// Of executions that are over (room catalogue).
inline std::string index_name(std::uint64_t number) {
  return fmt::format("index-{:010}.h5", number);
}

/// Within the run folder.
inline constexpr std::string_view kJournalFolder = "journal";
/// Within the journal's folder.
inline constexpr std::string_view kArchiveFolder = "archive";
inline constexpr std::string_view kTextFolder = "texts";
inline constexpr std::string_view kIndexFolder = "index";
/// The same, up to version 1.1: a file for each text.
inline constexpr std::string_view kBlobFolder = "blobs";
/// A file that was not finished: never read, always deletable.
inline constexpr std::string_view kTemporary = ".tmp";

}  // namespace lockstep::journal
