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
  std::map<std::uint64_t, std::string> checkpoints;  ///< paths by number
  std::vector<std::string> temporaries;              ///< paths; deletable by the owner
};

/// An empty one if the folder does not stand.
Result<JournalFolder> list_journal(const FileLayer& files, const std::string& folder);

}  // namespace lockstep::journal
