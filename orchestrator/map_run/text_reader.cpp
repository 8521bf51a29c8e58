#include "map_run/text_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "value/utf8.hpp"

namespace lockstep::map_run {

TextReader::TextReader(std::unique_ptr<ByteStream> stream, std::string uri, ReadSizes sizes)
    : stream_(std::move(stream)), uri_(std::move(uri)), sizes_(sizes) {}

Result<TextReader> TextReader::open(const std::string& path, std::string uri) {
  auto stream = TRY(open_stream(path, uri));
  TextReader reader(std::move(stream), std::move(uri));
  reader.path_ = path;
  return reader;
}

tl::unexpected<Error> TextReader::too_long(std::string_view what) const {
  return fail(ErrorKind::invalid, fmt::format("{} of {} is longer than {} bytes, the most that an item may have: is it "
                                              "of another InputType?",
                                              what, uri_, sizes_.largest));
}

void TextReader::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  }
  if (capacity_ - end_ >= sizes_.block) {
    return;
  }
  const std::size_t held = end_ - begin_;
  if (capacity_ >= 2 * held + sizes_.block) {  // moving is cheap against what was read
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  } else {
    const std::size_t larger = std::max(2 * capacity_, 2 * (held + sizes_.block));
    auto buffer = std::make_unique_for_overwrite<char[]>(larger);
    if (held > 0) {
      std::memcpy(buffer.get(), buffer_.get() + begin_, held);
    }
    buffer_ = std::move(buffer);
    capacity_ = larger;
  }
  begin_ = 0;
  end_ = held;
}

Result<bool> TextReader::more() {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  do {
    if (ended_) {
      return false;
    }
    make_room();
    const std::size_t got = TRY(stream_->read({buffer_.get() + end_, sizes_.block}));
    end_ += got;
    ended_ = got == 0;
  } while (!begun_ && !ended_ && window().size() < kMark.size());
  const bool first = !begun_;
  begun_ = true;
  if (first && window().starts_with(kMark)) {
    begin_ += kMark.size();
    return window().empty() ? more() : true;
  }
  return first ? !window().empty() : !ended_;
}

Result<std::optional<std::string_view>> TextReader::line() {
  std::size_t searched = 0;
  while (true) {
    const std::string_view text = window();
    const void* found =
        text.size() > searched ? std::memchr(text.data() + searched, '\n', text.size() - searched) : nullptr;
    if (found != nullptr || (ended_ && !text.empty())) {
      const std::size_t size = found != nullptr ? static_cast<const char*>(found) - text.data() + 1 : text.size();
      ++lines_;
      if (is_too_long(size)) {
        return too_long(fmt::format("line {}", lines_));
      }
      take(size);
      return text.substr(0, size);
    }
    searched = text.size();
    if (is_too_long(searched)) {
      return too_long(fmt::format("line {}", lines_ + 1));
    }
    const bool went_on = TRY(more());
    if (!went_on && window().empty()) {
      return std::optional<std::string_view>();
    }
  }
}

Result<std::optional<std::string_view>> TextReader::utf8_line() {
  const auto read = TRY(line());
  if (read.has_value() && !is_utf8(*read)) {
    return fail(
        ErrorKind::invalid,
        fmt::format("line {} of {} is not UTF-8 text: convert the file, with iconv for instance", lines_, uri_));
  }
  return read;
}

std::string_view without_newline(std::string_view line) {
  if (line.ends_with('\n')) {
    line.remove_suffix(1);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
  }
  return line;
}

}  // namespace lockstep::map_run
