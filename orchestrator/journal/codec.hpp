// How values become bytes and come back: numbers as varints, texts once per buffer (FORMAT.md, "Bodies").
//
// Sink writes, Source reads; both know the same types. A struct is written as its fields in order. A source that ends
// before a field leaves it as it is: so fields may be added at the end of a struct without a new major version.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "asl/model.hpp"
#include "engine/event.hpp"
#include "journal/digest.hpp"
#include "journal/text_table.hpp"
#include "value/members.hpp"
#include "value/rare.hpp"
#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::journal {

/// Where a text stands that is too long to stand in line: in a file of texts/ (texts.hpp).
struct TextPlace {
  std::uint64_t file = 0;
  std::uint64_t offset = 0;
  std::uint32_t crc = 0;  ///< of its bytes
};

/// A text to be put at `offset` of the file before anything that names it is durable.
struct LongText {
  std::uint64_t offset = 0;
  Value value;       ///< whose text it is, or
  std::string text;  ///< the text, where it is no Value's
  bool is_value = false;

  std::string_view view(std::string& scratch) const { return is_value ? value.text(scratch) : std::string_view(text); }
};

/// Writes into a buffer that it is given. Offsets are from the buffer's start. One thread.
class Sink {
 public:
  /// Remembers the last `texts` texts, to refer to them; a power of two.
  explicit Sink(std::size_t texts = 16'384) : table_(texts) {}
  virtual ~Sink() = default;

  /// Starts anew at `used` in `buffer`; forgets the texts written so far. Long ones go to the file `text_file`, from
  /// its beginning; 0: they stand in line, too.
  void reset(std::span<std::byte> buffer, std::size_t used, std::uint64_t text_file = 0);
  /// Where the next byte goes.
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  /// Something did not fit; what was written since the last good size() is of no use, and reset() is needed.
  bool overflowed() const { return overflowed_; }
  /// From here on, texts count towards kLongestInlineEvent.
  void start_item() { item_start_ = at_; }
  /// Long texts that were named and that nobody has taken from here yet.
  std::vector<LongText>& texts() { return texts_; }

  void put(bool value) { byte(value ? 1 : 0); }
  void put(std::uint32_t value) { varint(value); }
  void put(std::uint64_t value) { varint(value); }
  void put(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void put(Timestamp time) { put(time.us); }
  void put(const std::string& text) { put_text(text, nullptr); }
  void put(const Value& value);
  void put(const engine::IdentityPtr& identity);
  void put(const std::shared_ptr<const engine::MachineContent>& content);
  void put(const asl::StateMachinePtr& machine);
  void put(const engine::Origin& origin);
  void put(const query::VariableScope::Entry& entry) { put_all(tied<2>(entry)); }
  void put(const work::Usage& usage) { put_all(tied<3>(usage)); }
  void put(const engine::DispatchId& id) { put_all(tied<4>(id)); }
  void put(const engine::MapItem& item) { put_all(tied<4>(item)); }
  void put(const engine::MapRunChild& child) { put_all(tied<5>(child)); }
  /// `none`, the greatest, becomes 0.
  template <class E>
  requires std::is_enum_v<E>
  void put(E value) {
    using Number = std::underlying_type_t<E>;
    varint(static_cast<Number>(static_cast<Number>(value) + 1));
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) {
      put(*value);
    }
  }
  template <class T>
  void put(const Rare<T>& value) {
    put(*value);
  }
  template <class T>
  void put(const std::vector<T>& values) {
    varint(values.size());
    for (const T& value : values) {
      put(value);
    }
  }
  template <class... T>
  void put_all(const std::tuple<T&...>& fields) {
    std::apply([&](const auto&... field) { (put(field), ...); }, fields);
  }

 protected:
  /// Makes room for `more` bytes beyond size(); false if that cannot be. May move the buffer.
  virtual bool grow(std::size_t /*more*/) { return false; }
  /// What was written stands in `buffer` now, as it stood before.
  void move_buffer(std::span<std::byte> buffer, std::size_t used, std::size_t item_start);
  std::size_t item_start() const { return static_cast<std::size_t>(item_start_ - begin_); }
  std::size_t texts_remembered() const { return table_.entries(); }
  void remember_more() { table_.grow(); }

 private:
  // The last few Values, so that what is put twice in a row needs neither text nor hash.
  struct Recent {
    Value value;
    std::uint64_t offset = 0;
    std::size_t length = 0;
    bool is_long = false;
    bool known = false;
    TextPlace place;  // where it is long
  };

  bool room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) >= bytes || grow(bytes)) {
      return true;
    }
    overflowed_ = true;
    return false;
  }
  void byte(std::uint8_t value) {
    if (room(1)) {
      *at_++ = static_cast<std::byte>(value);
    }
  }
  void varint(std::uint64_t value);
  void bytes(const void* data, std::size_t length);
  void put_text(std::string_view text, Recent* recent);
  void put_reference(std::size_t length, std::uint64_t offset);
  void put_place(std::size_t length, const TextPlace& place);

  std::byte* begin_ = nullptr;
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
  std::byte* item_start_ = nullptr;
  bool overflowed_ = false;
  TextTable table_;
  std::array<Recent, 8> recent_;
  std::size_t next_recent_ = 0;
  asl::StateMachinePtr last_machine_;
  std::uint64_t last_machine_offset_ = 0;
  bool last_machine_inline_ = false;
  std::string scratch_;
  std::uint64_t text_file_ = 0;
  std::uint64_t text_end_ = 0;
  std::vector<LongText> texts_;
};

/// A sink whose buffer grows as it must. It remembers more texts as it grows.
class GrowingSink final : public Sink {
 public:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  using Buffer = std::unique_ptr<std::byte[], Free>;

  explicit GrowingSink(std::uint64_t text_file = 0);
  std::span<const std::byte> bytes() const { return {buffer_.get(), size()}; }
  /// The buffer, of which size() bytes were written; the sink is spent.
  Buffer take() { return std::move(buffer_); }

 private:
  bool grow(std::size_t more) override;
  std::size_t capacity_ = 0;
  Buffer buffer_;
};

/// Compiles each definition once, however often it is read.
class Machines {
 public:
  /// Null, and `problem` says why, if the text is no valid definition.
  asl::StateMachinePtr find(std::string_view text, std::string& problem);

 private:
  std::vector<asl::StateMachinePtr> known_;
};

/// What a Source needs to bring back texts; shared by all sources of one reader. One thread.
struct SourceContext {
  Machines machines;
  /// By ARN, the one that was read last: the executions of a machine share it.
  std::unordered_map<std::string, engine::MachineIdentityPtr> machine_identities = {};
  /// A text of `length` bytes that does not stand in line, checked.
  std::function<Result<std::string>(const TextPlace&, std::uint64_t length)> text;
  /// The same as it was up to version 1.1: at blobs/<digest>.
  std::function<Result<std::string>(const Digest&, std::uint64_t length)> blob;
};

/// Values that were read at an offset of one buffer, so that what was one Value is one again.
class ValueCache {
 public:
  ValueCache() : entries_(kEntries) {}
  void clear() { entries_.assign(kEntries, Entry{}); }

 private:
  friend class Source;
  static constexpr std::size_t kEntries = 256;
  struct Entry {
    std::uint64_t offset = UINT64_MAX;
    std::size_t length = 0;
    Value value;
  };
  std::vector<Entry> entries_;
};

/// Reads `length` bytes at `offset` of `buffer`. After a failure every get() does nothing.
class Source {
 public:
  Source(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SourceContext& context,
         ValueCache& values)
      : buffer_(buffer), at_(offset), end_(offset + length), context_(context), values_(values) {}

  bool at_end() const { return at_ == end_; }
  std::size_t position() const { return at_; }
  /// What was wrong with the bytes; empty while nothing was.
  const std::string& problem() const { return problem_; }

  void get(bool& value);
  void get(std::uint32_t& value);
  void get(std::uint64_t& value) { static_cast<void>(varint(value)); }
  void get(std::int64_t& value);
  void get(Timestamp& time) { get(time.us); }
  void get(std::string& text);
  void get(Value& value);
  void get(engine::IdentityPtr& identity);
  void get(std::shared_ptr<const engine::MachineContent>& content);
  void get(asl::StateMachinePtr& machine);
  void get(engine::Origin& origin);
  void get(query::VariableScope::Entry& entry) { get_all(tied<2>(entry)); }
  void get(work::Usage& usage) { get_all(tied<3>(usage)); }
  void get(engine::DispatchId& id) { get_all(tied<4>(id)); }
  void get(engine::MapItem& item) { get_all(tied<4>(item)); }
  void get(engine::MapRunChild& child) { get_all(tied<5>(child)); }
  template <class E>
  requires std::is_enum_v<E>
  void get(E& value) {
    using Number = std::underlying_type_t<E>;
    std::uint64_t number = 0;
    if (varint(number)) {
      value = static_cast<E>(static_cast<Number>(number - 1));
    }
  }
  template <class T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    if (present) {
      get(value.emplace());
    } else {
      value.reset();
    }
  }
  template <class T>
  void get(Rare<T>& value) {
    T read{};
    get(read);
    value = std::move(read);
  }
  template <class T>
  void get(std::vector<T>& values) {
    std::uint64_t count = 0;
    if (!varint(count)) {
      return;
    }
    if (count > end_ - at_) {  // an element takes a byte at least
      refuse("a list is longer than its record");
      return;
    }
    values.resize(static_cast<std::size_t>(count));
    for (T& value : values) {
      get(value);
    }
  }
  template <class... T>
  void get_all(const std::tuple<T&...>& fields) {
    std::apply([&](auto&... field) { (get(field), ...); }, fields);
  }

  void refuse(std::string problem) {
    if (problem_.empty()) {
      problem_ = std::move(problem);
    }
    at_ = end_;
  }

 private:
  /// False at the end of the record or after a failure: then `value` is left alone.
  bool varint(std::uint64_t& value);
  struct Text {
    std::string_view view;  ///< where it stands in the buffer
    std::uint64_t offset = 0;
    std::optional<std::string> owned;  ///< where it does not stand there
  };
  bool text(Text& text);

  std::span<const std::byte> buffer_;
  std::size_t at_;
  std::size_t end_;
  SourceContext& context_;
  ValueCache& values_;
  std::string problem_;
};

}  // namespace lockstep::journal
