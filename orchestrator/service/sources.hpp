// The files that a run was begun with. It keeps what they held; here is what they hold now.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "value/error.hpp"

namespace lockstep::service {

/// A file as it was when it was read.
struct Source {
  std::string path;  ///< absolute; empty: it was no file
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  ///< time of its last change, since 1970
};
/// To be asked before the file is read. No path where `path` is empty or no regular file.
Source source_of(const std::string& path);

struct Sources {
  Source definition, input, jobs;
};

/// The texts of such files as a run keeps them: JSON, whatever the file was.
Result<std::string> kept_form_of_definition(const std::string& path);
Result<std::string> kept_form_of_input(const std::string& path);
Result<std::string> kept_form_of_jobs(const std::string& path);

struct Change {
  enum class Of : std::uint8_t { definition, input, jobs };
  Of of = Of::definition;
  std::string path;
  std::string difference;  ///< "line 3: there `…`, here `…`"
};
/// Those of `sources` that are there and hold another text than the run in `run_folder` keeps. Files that have not been
/// touched are not read.
std::vector<Change> changes_since(const Sources& sources, const std::string& run_folder);

/// The first place where two texts differ, for a message.
std::string difference(const std::string& kept, const std::string& given);

}  // namespace lockstep::service
