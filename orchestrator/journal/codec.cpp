#include "journal/codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "asl/parser.hpp"
#include "journal/crc32c.hpp"
#include "journal/format.hpp"

namespace lockstep::journal {

namespace {

// How a text is given; the lower two bits of its length.
constexpr std::uint64_t kInline = 0;
constexpr std::uint64_t kReference = 1;
constexpr std::uint64_t kBlob = 2;  // up to version 1.1
constexpr std::uint64_t kPlace = 3;

constexpr std::size_t kLongestVarint = 10;

}  // namespace

void Sink::reset(std::span<std::byte> buffer, std::size_t used, std::uint64_t text_file) {
  begin_ = buffer.data();
  at_ = begin_ + used;
  end_ = begin_ + buffer.size();
  item_start_ = at_;
  overflowed_ = false;
  text_file_ = text_file;
  text_end_ = 0;
  texts_.clear();
  table_.clear();
  for (Recent& recent : recent_) {
    recent.known = false;
    recent.value = Value();
  }
  last_machine_.reset();
}

void Sink::move_buffer(std::span<std::byte> buffer, std::size_t used, std::size_t item_start) {
  begin_ = buffer.data();
  at_ = begin_ + used;
  end_ = begin_ + buffer.size();
  item_start_ = begin_ + item_start;
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

void Sink::put_place(std::size_t length, const TextPlace& place) {
  varint(length << 2 | kPlace);
  varint(place.file);
  varint(place.offset);
  bytes(&place.crc, sizeof place.crc);
}

/// `recent`, where the text is a Value's, learns where it went.
void Sink::put_text(std::string_view text, Recent* recent) {
  if (recent != nullptr) {
    recent->length = text.size();
    recent->is_long = false;
  }
  const bool crowded = static_cast<std::size_t>(at_ - item_start_) > kLongestInlineEvent;
  if (text_file_ != 0 && (text.size() > kLongestInlineText || (crowded && text.size() > kShortText))) {
    const TextPlace place{text_file_, text_end_, crc32c(std::as_bytes(std::span(text)))};
    text_end_ += text.size() + 1;  // a line of its own, for who looks into the file
    LongText& put = texts_.emplace_back();
    put.offset = place.offset;
    if (recent != nullptr) {
      put.value = recent->value;
      put.is_value = true;
      recent->is_long = true;
      recent->known = true;
      recent->place = place;
    } else {
      put.text = text;
    }
    put_place(text.size(), place);
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
      if (recent.is_long) {
        put_place(recent.length, recent.place);
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

void Sink::put(const engine::IdentityPtr& identity) {
  put(identity != nullptr);
  if (identity != nullptr) {
    const auto& [machine_name, machine_arn, role_arn] = identity->machine();
    const std::string arn = identity->arn();
    put_all(std::tie(identity->name(), arn, role_arn, machine_name, machine_arn));
  }
}

void Sink::put(const std::shared_ptr<const engine::MachineContent>& content) {
  put_all(tied<5>(*content));
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

void Sink::put(const engine::Origin& origin) {
  const auto& [type, revision, child] = origin;
  put(type);
  put(revision);
  put(child != nullptr);
  if (child != nullptr) {
    put_all(tied<4>(*child));
  }
}

GrowingSink::GrowingSink(std::uint64_t text_file) {
  grow(1 << 16);
  reset({buffer_.get(), capacity_}, 0, text_file);
}

bool GrowingSink::grow(std::size_t more) {
  const std::size_t used = size();
  const std::size_t item = item_start();
  const std::size_t capacity = std::max(capacity_ * 2, used + more);
  // Large memory is moved by the system, without a copy, and what is not used yet takes none.
  auto* larger = static_cast<std::byte*>(std::realloc(buffer_.get(), capacity));
  if (larger == nullptr) {
    throw std::bad_alloc();
  }
  static_cast<void>(buffer_.release());
  buffer_.reset(larger);
  capacity_ = capacity;
  move_buffer({larger, capacity}, used, item);
  constexpr std::size_t kBytesPerText = 256;
  if (capacity / kBytesPerText > texts_remembered()) {
    remember_more();
  }
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
    case kPlace: {
      TextPlace place;
      if (!varint(place.file) || !varint(place.offset) || sizeof place.crc > end_ - at_) {
        refuse("the place of a text is cut off");
        return false;
      }
      std::memcpy(&place.crc, buffer_.data() + at_, sizeof place.crc);
      at_ += sizeof place.crc;
      auto found = context_.text(place, length);
      if (!found) {
        refuse(found.error().message);
        return false;
      }
      text.owned = std::move(*found);
      return true;
    }
    default:
      return false;  // two bits say no more
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

void Source::get(engine::IdentityPtr& identity) {
  bool present = false;
  get(present);
  if (!present) {
    return;
  }
  std::string name;
  std::string arn;
  engine::MachineIdentity machine;
  get_all(std::tie(name, arn, machine.role_arn, machine.name, machine.arn));
  engine::MachineIdentityPtr& shared = context_.machine_identities[machine.arn];
  if (shared == nullptr || *shared != machine) {
    shared = std::make_shared<const engine::MachineIdentity>(std::move(machine));
  }
  identity = std::make_shared<const engine::Identity>(std::move(name), shared, arn);
}

void Source::get(std::shared_ptr<const engine::MachineContent>& content) {
  auto made = std::make_shared<engine::MachineContent>();
  get_all(tied<5>(*made));
  content = std::move(made);
}

void Source::get(engine::Origin& origin) {
  auto& [type, revision, child] = origin;
  bool present = false;
  get_all(std::tie(type, revision, present));
  if (type > engine::ExecutionType::express_sync) {
    refuse("an execution is of no type that this version knows");
  }
  if (present) {
    auto made = std::make_shared<engine::ChildOrigin>();
    get_all(tied<4>(*made));
    child = std::move(made);
  }
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
