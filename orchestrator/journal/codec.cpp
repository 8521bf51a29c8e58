#include "journal/codec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "asl/parser.hpp"
#include "journal/format.hpp"

namespace lockstep::journal {

namespace {

// How a text is given; the lower two bits of its length.
constexpr std::uint64_t kInline = 0;
constexpr std::uint64_t kReference = 1;
constexpr std::uint64_t kBlob = 2;

constexpr std::size_t kLongestVarint = 10;

}  // namespace

void Sink::reset(std::span<std::byte> buffer, std::size_t used) {
  begin_ = buffer.data();
  at_ = begin_ + used;
  end_ = begin_ + buffer.size();
  item_start_ = at_;
  overflowed_ = false;
  table_.clear();
  for (Recent& recent : recent_) {
    recent.known = false;
    recent.value = Value();
  }
  last_machine_.reset();
}

void Sink::move_buffer(std::span<std::byte> buffer) {
  const std::size_t used = size();
  const std::ptrdiff_t item = item_start_ - begin_;
  begin_ = buffer.data();
  at_ = begin_ + used;
  end_ = begin_ + buffer.size();
  item_start_ = begin_ + item;
}

void Sink::varint(std::uint64_t value) {
  if (!room(kLongestVarint)) {
    return;
  }
  while (value >= 0x80) {
    *at_++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *at_++ = static_cast<std::byte>(value);
}

void Sink::bytes(const void* data, std::size_t length) {
  if (length > 0 && room(length)) {
    std::memcpy(at_, data, length);
    at_ += length;
  }
}

void Sink::put_reference(std::size_t length, std::uint64_t offset) {
  varint(length << 2 | kReference);
  varint(offset);
}

void Sink::put_blob(std::size_t length, const Digest& digest) {
  varint(length << 2 | kBlob);
  bytes(digest.data(), digest.size());
}

/// `recent`, where the text is a Value's, learns where it went.
void Sink::put_text(std::string_view text, Recent* recent) {
  if (recent != nullptr) {
    recent->length = text.size();
    recent->is_blob = false;
  }
  const bool crowded = static_cast<std::size_t>(at_ - item_start_) > kLongestInlineEvent;
  if (text.size() > kLongestInlineText || (crowded && text.size() > kShortText)) {
    Blob blob;
    blob.digest = sha256(text);
    if (recent != nullptr) {
      blob.value = recent->value;
      blob.is_value = true;
      recent->is_blob = true;
      recent->known = true;
      recent->digest = blob.digest;
    } else {
      blob.text = text;
    }
    put_blob(text.size(), blob.digest);
    blobs_.push_back(std::move(blob));
    return;
  }
  std::uint64_t hash = 0;
  const bool referable = text.size() >= kShortestReferredText;
  if (referable) {
    hash = TextTable::hash(text);
    if (const auto offset = table_.find(text, hash, {begin_, at_})) {
      put_reference(text.size(), *offset);
      if (recent != nullptr) {
        recent->offset = *offset;
        recent->known = true;
      }
      return;
    }
  }
  varint(text.size() << 2 | kInline);
  const std::size_t offset = size();
  bytes(text.data(), text.size());
  if (referable && !overflowed_) {
    table_.remember(hash, offset, text.size());
    if (recent != nullptr) {
      recent->offset = offset;
      recent->known = true;
    }
  }
}

void Sink::put(const Value& value) {
  for (const Recent& recent : recent_) {
    if (recent.known && recent.value.same(value)) {
      if (recent.is_blob) {
        put_blob(recent.length, recent.digest);
      } else {
        put_reference(recent.length, recent.offset);
      }
      return;
    }
  }
  Recent& recent = recent_[next_recent_];
  next_recent_ = (next_recent_ + 1) % recent_.size();
  recent.known = false;
  recent.value = value;
  put_text(value.text(scratch_), &recent);
  constexpr std::size_t kKeptScratch = 1 << 20;
  if (scratch_.capacity() > kKeptScratch) {
    scratch_ = std::string();
  }
}

void Sink::put(const std::shared_ptr<const engine::Identity>& identity) {
  put(identity != nullptr);
  if (identity != nullptr) {
    const auto& [name, arn, role_arn, machine_name, machine_arn] = *identity;
    put_all(std::tie(name, arn, role_arn, machine_name, machine_arn));
  }
}

void Sink::put(const asl::StateMachinePtr& machine) {
  put(machine != nullptr);
  if (machine == nullptr) {
    return;
  }
  if (machine == last_machine_ && last_machine_inline_) {
    put_reference(machine->text.size(), last_machine_offset_);
    return;
  }
  last_machine_ = machine;
  last_machine_inline_ = machine->text.size() <= kLongestInlineText;
  const std::size_t before = size();
  put_text(machine->text, nullptr);
  // Only where it was written out here is it known where it stands.
  last_machine_inline_ = last_machine_inline_ && size() - before >= machine->text.size();
  last_machine_offset_ = size() - machine->text.size();
}

GrowingSink::GrowingSink() : buffer_(1 << 16) {
  reset(buffer_, 0);
}

bool GrowingSink::grow(std::size_t more) {
  buffer_.resize(std::max(buffer_.size() * 2, size() + more));
  move_buffer(buffer_);
  return true;
}

asl::StateMachinePtr Machines::find(std::string_view text, std::string& problem) {
  for (const asl::StateMachinePtr& machine : known_) {
    if (machine->text == text) {
      return machine;
    }
  }
  asl::ParsedDefinition parsed = asl::parse_definition(std::string(text));
  if (parsed.machine == nullptr) {
    problem = "a definition that was valid when it was written is not: " +
              asl::invalid_definition_message(parsed.diagnostics);
    return nullptr;
  }
  known_.push_back(parsed.machine);
  return parsed.machine;
}

bool Source::varint(std::uint64_t& value) {
  std::uint64_t result = 0;
  for (unsigned shift = 0; shift < 64 && at_ < end_; shift += 7) {
    const auto byte = static_cast<std::uint64_t>(buffer_[at_++]);
    result |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      value = result;
      return true;
    }
    if (at_ == end_) {
      refuse("a number is cut off");
    }
  }
  if (at_ < end_) {
    refuse("a number is too long");
  }
  return false;
}

void Source::get(bool& value) {
  std::uint64_t number = 0;
  if (varint(number)) {
    value = number != 0;
  }
}

void Source::get(std::uint32_t& value) {
  std::uint64_t number = 0;
  if (varint(number)) {
    value = static_cast<std::uint32_t>(number);
  }
}

void Source::get(std::int64_t& value) {
  std::uint64_t number = 0;
  if (varint(number)) {
    value = static_cast<std::int64_t>((number >> 1) ^ (~(number & 1) + 1));
  }
}

bool Source::text(Text& text) {
  std::uint64_t head = 0;
  if (!varint(head)) {
    return false;
  }
  const std::uint64_t length = head >> 2;
  switch (head & 3) {
    case kInline:
      if (length > end_ - at_) {
        refuse("a text is longer than its record");
        return false;
      }
      text.offset = at_;
      at_ += length;
      break;
    case kReference: {
      std::uint64_t offset = UINT64_MAX;
      if (!varint(offset) || offset > at_ || length > at_ - offset) {
        refuse("a text refers to bytes that do not stand before it");
        return false;
      }
      text.offset = offset;
      break;
    }
    case kBlob: {
      Digest digest;
      if (digest.size() > end_ - at_) {
        refuse("the name of a text is cut off");
        return false;
      }
      std::memcpy(digest.data(), buffer_.data() + at_, digest.size());
      at_ += digest.size();
      auto blob = context_.blob(digest, length);
      if (!blob) {
        refuse(blob.error().message);
        return false;
      }
      text.owned = std::move(*blob);
      return true;
    }
    default:
      refuse("a text is given in a way that this version does not know");
      return false;
  }
  text.view = {reinterpret_cast<const char*>(buffer_.data()) + text.offset, static_cast<std::size_t>(length)};
  return true;
}

void Source::get(std::string& value) {
  Text found;
  if (text(found)) {
    value = found.owned ? std::move(*found.owned) : std::string(found.view);
  }
}

void Source::get(Value& value) {
  Text found;
  if (!text(found)) {
    return;
  }
  if (found.owned) {
    value = Value::from_checked_text(std::move(*found.owned));
    return;
  }
  ValueCache::Entry& entry = values_.entries_[found.offset % ValueCache::kEntries];
  if (entry.offset != found.offset || entry.length != found.view.size()) {
    entry = {found.offset, found.view.size(), Value::from_checked_text(std::string(found.view))};
  }
  value = entry.value;
}

void Source::get(std::shared_ptr<const engine::Identity>& identity) {
  bool present = false;
  get(present);
  if (!present) {
    return;
  }
  auto made = std::make_shared<engine::Identity>();
  auto& [name, arn, role_arn, machine_name, machine_arn] = *made;
  get_all(std::tie(name, arn, role_arn, machine_name, machine_arn));
  identity = std::move(made);
}

void Source::get(asl::StateMachinePtr& machine) {
  bool present = false;
  get(present);
  Text found;
  if (!present || !text(found)) {
    return;
  }
  std::string problem;
  machine = context_.machines.find(found.owned ? std::string_view(*found.owned) : found.view, problem);
  if (machine == nullptr) {
    refuse(std::move(problem));
  }
}

}  // namespace lockstep::journal
