// A file's text as readers of items see it: a window that moves on, or lines. Internal to the map_run room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "map_run/byte_stream.hpp"
#include "map_run/item_source.hpp"
#include "value/error.hpp"

namespace lockstep::map_run {

struct ReadSizes {
  std::size_t block = kBlock;
  std::size_t largest = std::size_t{64} << 20;  ///< of one item's text
};

/// A byte order mark at the beginning is not seen. One thread.
class TextReader {
 public:
  /// `uri` names the text in messages and is Item::source.
  TextReader(std::unique_ptr<ByteStream> stream, std::string uri, ReadSizes sizes = {});
  static Result<TextReader> open(const std::string& path, std::string uri);

  const std::string& uri() const { return uri_; }
  /// Of the file; empty: it is none.
  const std::string& path() const { return path_; }
  /// Whether an item's text of that many bytes is too long.
  bool is_too_long(std::size_t bytes) const { return bytes > sizes_.largest; }
  /// What is to be said of it; `what`: `line 5`.
  tl::unexpected<Error> too_long(std::string_view what) const;

  /// What was read and not yet taken; valid until the next call that is not const.
  std::string_view window() const { return {buffer_.get() + begin_, end_ - begin_}; }
  /// Takes `count` bytes off the window's front.
  void take(std::size_t count) {
    begin_ += count;
    taken_ += count;
  }
  /// Makes the window longer; false: the file ends here. Errors: of the stream.
  Result<bool> more();
  /// How many bytes of the text stand before the window.
  std::uint64_t offset() const { return taken_; }

  /// The next line with its newline, which only the last may lack; nothing: that was all. Valid as window(). Errors: of
  /// the stream; the line is too long.
  Result<std::optional<std::string_view>> line();
  /// The same; an error, too, if it is not UTF-8.
  Result<std::optional<std::string_view>> utf8_line();
  /// Number of the line that was given last, from 1.
  std::uint64_t line_number() const { return lines_; }

 private:
  void make_room();

  std::unique_ptr<ByteStream> stream_;
  std::string uri_;
  std::string path_;
  ReadSizes sizes_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t lines_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

/// Base of the sources that read one text.
class TextItems : public ItemSource {
 public:
  explicit TextItems(TextReader reader) : reader_(std::move(reader)) {}
  std::vector<std::string> files() const override { return {reader_.path()}; }

 protected:
  Item item(Value value) const { return {std::move(value), {}, reader_.uri()}; }

  TextReader reader_;
};

/// `line` without the newline, and the carriage return before it, that it ends with.
std::string_view without_newline(std::string_view line);

}  // namespace lockstep::map_run
