// What lies in a journal's folder, by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/files.hpp"

namespace lockstep::journal {

struct SegmentPlace {
  std::string path;
  bool archived = false;
};

struct JournalFolder {
  std::map<std::uint64_t, SegmentPlace> segments;    ///< by number; live before archived where both stand
  std::map<std::uint64_t, std::string> twins;        ///< paths of archives whose segments stand live, too
  std::map<std::uint64_t, std::string> checkpoints;  ///< paths by number
  std::map<std::uint64_t, std::string> texts;        ///< paths by the number of the segment that they belong to
  std::map<std::uint64_t, std::string> indexes;      ///< paths by number
  std::vector<std::string> blobs;                    ///< paths; long texts as they were kept up to version 1.1
  std::vector<std::string> temporaries;              ///< paths; deletable by the owner
};

/// An empty one if the folder does not stand.
Result<JournalFolder> list_journal(const FileLayer& files, const std::string& folder);

}  // namespace lockstep::journal
