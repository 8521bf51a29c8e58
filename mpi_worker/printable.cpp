#include "mpi_worker/printable.hpp"

#include <algorithm>

#include "value/utf8.hpp"

namespace lockstep::worker {
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string text = as_utf8(bytes);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f; }, '?');
  return text;
}

std::string excerpt(std::string_view bytes, std::size_t limit) {
  const bool cut = bytes.size() > limit;
  if (cut) {
    bytes = bytes.substr(0, limit);
    // Not in the middle of a character.
    while (!bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0xc0U) == 0x80) {
      bytes.remove_suffix(1);
    }
    if (!bytes.empty() && static_cast<unsigned char>(bytes.back()) >= 0xc0) {
      bytes.remove_suffix(1);
    }
  }
  std::string text = printable(bytes);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return cut ? text + "…" : text;
}

std::string_view last_lines(std::string_view bytes, std::size_t lines) {
  std::size_t at = bytes.size();
  if (at > 0 && bytes[at - 1] == '\n') {
    --at;  // the end of the last line is not the start of one more
  }
  for (std::size_t i = 0; i < lines; ++i) {
    if (at == 0) {
      return bytes;
    }
    const std::size_t end = bytes.rfind('\n', at - 1);
    if (end == std::string_view::npos) {
      return bytes;
    }
    at = end;
  }
  return bytes.substr(at + 1);
}

std::string_view last_line(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.rfind('\n');
    const std::string_view line = end == std::string_view::npos ? bytes : bytes.substr(end + 1);
    if (!is_blank(line)) {
      return line.back() == '\r' ? line.substr(0, line.size() - 1) : line;
    }
    bytes = end == std::string_view::npos ? std::string_view() : bytes.substr(0, end);
  }
  return bytes;
}

}  // namespace lockstep::worker
