// Small files, read and written whole. Errors name the file and the system's reason.
#pragma once

#include <string>
#include <string_view>

#include "value/error.hpp"

namespace lockstep::service {

/// The whole of a regular file, a pipe, or with "-" of standard input; at most `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{1} << 32);
/// Written under a temporary name, synced, renamed and its folder synced: after a crash there is the old file or the
/// new one.
Result<void> write_file(const std::string& path, std::string_view content);
/// Removed, and its folder synced. Fine if it is not there.
Result<void> remove_file(const std::string& path);

}  // namespace lockstep::service
