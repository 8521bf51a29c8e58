// Small files, read and written whole. Errors name the file and the system's reason.
#pragma once

#include <string>
#include <string_view>

#include "journal/files.hpp"
#include "value/error.hpp"

namespace lockstep::service {

/// The whole of a regular file, a pipe, or with "-" of standard input; at most `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{1} << 32);
/// The whole of a file that lies in a run folder: a regular one, and no symbolic link.
Result<std::string> read_run_file(const std::string& path, std::size_t limit = std::size_t{1} << 32,
                                  const journal::FileLayer& files = journal::posix_files());
/// Written under a temporary name, synced, renamed and its folder synced: after a crash there is the old file or the
/// new one. For this user alone.
Result<void> write_file(const std::string& path, std::string_view content,
                        journal::FileLayer& files = journal::posix_files());
/// Removed, and its folder synced. Fine if it is not there.
Result<void> remove_file(const std::string& path, journal::FileLayer& files = journal::posix_files());

}  // namespace lockstep::service
