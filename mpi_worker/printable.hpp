// Bytes from outside, made fit for a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lockstep::worker {

/// As as_utf8(), and control characters but tab and line feed become '?'.
std::string printable(std::string_view bytes);

/// The beginning of `bytes` on one line, at most about `limit` bytes, with "…" where there is more.
std::string excerpt(std::string_view bytes, std::size_t limit);

/// The last `lines` lines of `bytes`.
std::string_view last_lines(std::string_view bytes, std::size_t lines);

/// The last line of `bytes` that is not blank, without its line end.
std::string_view last_line(std::string_view bytes);

}  // namespace lockstep::worker
