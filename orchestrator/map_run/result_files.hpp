// The files that a ResultWriter leaves: manifest.json and shards of SUCCEEDED, FAILED and PENDING children
// (distributed-map.md 8), in BUCKET/PREFIX/UUID/.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "map_run/buckets.hpp"
#include "map_run/child_record.hpp"
#include "value/error.hpp"

namespace lockstep::map_run {

/// How a file holds its elements: JSON, one array; JSONL, a line each; HDF5 (an extension): extendable datasets of
/// equal length, "results" (the JSON texts), "index" (of the child's first item) and "status" (an enumeration of AWS's
/// names), for h5py. That is made of a shard when it is closed, at the latest by finish(), which takes as long as
/// writing it.
enum class OutputType : std::uint8_t { json, lines, hdf5 };

struct ResultTarget {
  std::string bucket;
  std::string prefix;       ///< may be empty
  std::string map_run_arn;  ///< its last part, the UUID, names the folder
  Transformation transformation = Transformation::none;
  OutputType output = OutputType::json;
  std::uint64_t largest_file = 5'000'000'000;  ///< bytes (HDF5: of the texts); then another shard is begun
};

/// The key of the folder that they lie in: PREFIX/UUID.
std::string results_key(const ResultTarget& target);

/// Written so that a crash at any moment loses nothing that was synced, and leaves nothing twice: records go to a part
/// file beside the shard, whose length up to which it counts is the caller's to keep. Who reads the folder sees whole
/// shards, parts that end in .part, and no manifest.json before the first finish(); shards of an attempt that is over
/// don't change when another goes on. After an error only another open() helps. One thread.
class ResultFiles {
 public:
  /// How far the files count: of each kind (SUCCEEDED, FAILED, PENDING), the shard that is being written and its bytes.
  struct Position {
    struct Shard {
      std::uint32_t number = 0;
      std::uint64_t bytes = 0;
      std::uint32_t first = 0;  ///< the first one that manifest.json lists: of this attempt; SUCCEEDED: of all
      friend bool operator==(const Shard&, const Shard&) = default;
    };
    std::array<Shard, 3> shards;
    friend bool operator==(const Position&, const Position&) = default;
  };

  /// Goes on behind `position`: what was written after it is cut off. Errors (invalid): the bucket is not known, or the
  /// prefix leads out of it; (io): there is no folder of the bucket, it cannot be written, what was written is gone.
  static Result<std::unique_ptr<ResultFiles>> open(const ResultTarget& target, const Buckets& buckets,
                                                   const Position& position);
  /// Writes nothing, but for that says the same.
  static std::unique_ptr<ResultFiles> pretend(ResultTarget target);
  virtual ~ResultFiles() = default;
  /// Where they lie, absolute; what belongs to them may be put beside them (remaining_items.hpp).
  virtual const std::string& folder() const = 0;
  /// Errors (io): it cannot be written, for instance for want of space.
  virtual Result<void> add(const ChildRecord& child) = 0;
  /// All that was added is on stable storage. How far it counts from now on.
  virtual Result<Position> sync() = 0;
  /// Makes the shards what they are to be and writes manifest.json; what failed or was pending before (an earlier
  /// attempt's) is not listed. May be repeated after a crash. The state's result:
  /// {"MapRunArn", "ResultWriterDetails": {"Bucket", "Key"}}.
  virtual Result<Value> finish() = 0;
  /// Begins FAILED and PENDING anew, in files of their own: a redrive. Counts once synced; to be repeated if a crash
  /// came first.
  virtual Result<void> begin_again() = 0;
};

}  // namespace lockstep::map_run
