// The result files of one kind (SUCCEEDED_0.json, SUCCEEDED_1.json, …; HDF5: SUCCEEDED_0.h5) of a Map Run. Internal to
// result_files.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "map_run/output_file.hpp"
#include "map_run/result_files.hpp"

namespace lockstep::map_run {

/// The folder that they lie in, and whether names in it changed since it was synced.
struct ResultFolder {
  std::string path;
  bool changed = false;

  /// Syncs it where need be.
  Result<void> sync();
};

/// Elements are written to a part file (SUCCEEDED_0.json.part); closing it makes it the shard, whole and valid, which
/// can be taken back. A part is as the shard will be but for its end, so closing copies nothing; except for HDF5, of
/// which the part has a line for each row. One thread. Borrows the folder. After an error it is of no use any more:
/// open another at the position that was last synced.
class ResultShards {
 public:
  ResultShards(ResultFolder& folder, std::string_view kind, OutputType output, std::uint64_t largest_file);

  /// Goes on behind `position`, and cuts off and removes what was written after it.
  Result<void> open(const ResultFiles::Position::Shard& position);
  /// `element`: JSON text in one line, which stands for `child` or for a part of it.
  Result<void> add(const ChildRecord& child, std::string_view element);
  /// What was added is on stable storage, once the folder is synced.
  Result<void> sync();
  /// Makes the part the shard, if there is one.
  Result<void> close();
  /// Goes on in another shard, where this one holds anything.
  Result<void> next();
  /// Only what comes now belongs to this attempt.
  Result<void> begin_again();

  struct File {
    std::string name;
    std::uint64_t bytes;
  };
  /// The shards of this attempt; requires that they are closed.
  Result<std::vector<File>> files() const;
  ResultFiles::Position::Shard position() const { return at_; }

 private:
  struct Form {
    std::string_view suffix, opening, between, closing;
  };
  static Form form_of(OutputType output);

  std::string name(std::uint32_t number) const;
  std::string path(std::uint32_t number) const { return folder_.path + "/" + name(number); }
  std::string part() const;
  Result<void> remove_others();
  Result<void> find();
  Result<std::uint64_t> closed_bytes(std::uint64_t size) const;
  Result<void> take_back();
  Result<void> open_part();
  Result<void> flush();

  ResultFolder& folder_;
  std::string_view kind_;
  bool table_;  // HDF5
  Form form_;
  std::uint64_t largest_file_;
  ResultFiles::Position::Shard at_;
  OutputFile file_;
  std::string pending_;  // the last bytes of at_, not yet written
  bool closed_ = false;  // the shard stands; there is no part
  bool dirty_ = false;   // written, not synced
};

}  // namespace lockstep::map_run
