#include "journal/event_reader.hpp"

#include <fmt/format.h>

#include "journal/texts.hpp"

namespace lockstep::journal {

namespace {

// A live segment is read while it is written, so that what is read late may be newer than what was read early. Damage
// is believed when it is seen this often.
constexpr int kLooks = 3;

}  // namespace

struct EventReader::State {
  std::string folder;
  ReadOptions options;
  SourceContext context;
  ValueCache values;
  JournalFolder listed;  // when it was last looked at
  SegmentContents segment;
  std::uint64_t number = 0;  // of `segment`; 0: none was opened
  std::size_t row = 0;       // next of `segment`
  bool sealed = false;       // there is a segment after it
  bool fresh = false;        // it was looked at after the last time that next() gave nothing
  Tail tail;
  std::optional<Error> error;

  Result<void> look() {
    listed = TRY(list_journal(*options.files, folder));
    return {};
  }

  /// What `reader` makes of a segment's file; that may be archived, and so move, meanwhile.
  template <class T>
  Result<T> with_file(std::uint64_t segment_number, Result<T> (*reader)(const FileLayer&, const std::string&)) {
    for (bool looked = false;; looked = true) {
      const auto found = listed.segments.find(segment_number);
      if (found != listed.segments.end()) {
        auto result = reader(*options.files, found->second.path);
        const auto stands = result ? Result<bool>(true) : options.files->exists(found->second.path);
        if (looked || !stands || *stands) {
          return result;
        }
      } else if (looked) {
        return fail(ErrorKind::io, fmt::format("{}/{} is missing", folder, segment_name(segment_number)));
      }
      TRY(look());
    }
  }

  /// The first segment of a number above `after`, if there is one.
  Result<std::optional<std::pair<std::uint64_t, Header>>> find_next(std::uint64_t after) {
    auto next = listed.segments.upper_bound(after);
    if (next == listed.segments.end()) {
      TRY(look());
      next = listed.segments.upper_bound(after);
      if (next == listed.segments.end()) {
        return std::nullopt;
      }
    }
    const std::uint64_t found = next->first;
    if (after != 0 && found != after + 1) {
      return fail(ErrorKind::io, fmt::format("{} has a hole: segment {} is missing", folder, after + 1));
    }
    const auto header = TRY(with_file<Header>(found, read_header));
    return std::pair(found, header);
  }

  Result<void> open_first();
  Result<bool> open_next();
  Result<void> load(std::uint64_t segment_number);
  Result<bool> judge(SegmentContents& contents, const std::optional<std::pair<std::uint64_t, Header>>& next) const;
};

/// Finds the segment that holds `options.from`.
Result<void> EventReader::State::open_first() {
  if (const auto done = look(); !done) {
    return done;
  }
  std::vector<std::uint64_t> numbers;
  for (const auto& [segment_number, place] : listed.segments) {
    numbers.push_back(segment_number);
  }
  if (numbers.empty()) {
    return {};
  }
  // The last that begins no later. Most look near the end, so steps from there grow. Where a header that may not be
  // needed cannot be read, one by one.
  std::size_t low = 0;
  std::size_t high = numbers.size();
  for (std::size_t step = 1; low < high; step *= 2) {
    const std::size_t middle = step == 0 ? high - 1 : std::max(low + (high - low) / 2, high - std::min(step, high));
    const auto header = with_file<Header>(numbers[middle], read_header);
    if (!header && middle != high - 1) {
      step = 0;
      continue;
    }
    if (!header) {
      return tl::unexpected<Error>(header.error());
    }
    if (header->first_seq <= options.from) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const std::uint64_t start = numbers[low == 0 ? 0 : low - 1];
  const auto header = TRY(with_file<Header>(start, read_header));
  tail.next_seq = header.first_seq;
  tail.previous_crc = header.previous_crc;
  if (options.from != 0 && tail.next_seq > options.from) {
    return fail(ErrorKind::io, fmt::format("{} has a hole: it begins with event {}, and event {} is needed", folder,
                                           tail.next_seq, options.from));
  }
  return load(start);
}

/// Goes on to the segment after the present one; false if there is none yet.
Result<bool> EventReader::State::open_next() {
  const auto next = TRY(find_next(number));
  if (!next) {
    return false;
  }
  TRY(load(next->first));
  return true;
}

/// Makes segment `segment_number`, which is the present one or the one to go on with, the present one as it now is.
Result<void> EventReader::State::load(std::uint64_t segment_number) {
  // First the successor, then the rows: where there is one, the rows are complete.
  const auto next = TRY(find_next(segment_number));
  Result<SegmentContents> contents = with_file<SegmentContents>(segment_number, read_segment);
  for (int look = 1; contents; ++look) {
    const auto good = judge(*contents, next);
    if (good && *good) {
      break;
    }
    if (look == kLooks) {
      return good ? fail(ErrorKind::io, contents->damage) : tl::unexpected<Error>(good.error());
    }
    contents = with_file<SegmentContents>(segment_number, read_segment);
  }
  if (!contents) {
    return tl::unexpected<Error>(contents.error());
  }
  const Header& header = contents->header;
  if (header.number != segment_number) {
    return fail(ErrorKind::io, fmt::format("{}: the file of segment {} says that it is segment {}", folder,
                                           segment_number, header.number));
  }
  if (segment_number != number) {
    if (header.first_seq != tail.next_seq || (tail.previous_crc != 0 && header.previous_crc != tail.previous_crc)) {
      return fail(ErrorKind::io, fmt::format("{}: segment {} begins with event {} and does not follow the event before "
                                             "(which is {})",
                                             folder, header.number, header.first_seq, tail.next_seq - 1));
    }
    number = segment_number;
    row = 0;
    values.clear();
  }
  segment = std::move(*contents);
  sealed = next.has_value();
  fresh = true;
  return {};
}

/// Whether a segment ends where it has to; `next` is the one after it. False: it is damaged.
Result<bool> EventReader::State::judge(SegmentContents& contents,
                                       const std::optional<std::pair<std::uint64_t, Header>>& next) const {
  if (!next) {
    return contents.damage.empty();
  }
  if (contents.next_seq() >= next->second.first_seq) {
    // What an owner that had lost the run wrote behind this is not part of it.
    contents.rows.resize(next->second.first_seq - contents.header.first_seq);
    contents.torn_rows = 0;
    contents.torn_bytes = 0;
    return true;
  }
  if (!contents.damage.empty()) {
    return false;
  }
  return fail(ErrorKind::io,
              fmt::format("{} has a hole: segment {} ends with event {}, and segment {} begins with event {}", folder,
                          contents.header.number, contents.next_seq() - 1, next->first, next->second.first_seq));
}

EventReader::EventReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;
EventReader::~EventReader() = default;

Result<EventReader> EventReader::open(const std::string& folder, const ReadOptions& options) {
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->options = options;
  read_texts(state->context, *options.files, folder);
  TRY(state->open_first());
  return EventReader(std::move(state));
}

Result<std::optional<RecordedEvent>> EventReader::next() {
  const auto row = TRY(next_row());
  if (!row) {
    return std::nullopt;
  }
  auto event = decode();
  if (!event) {
    state_->error = event.error();
    return tl::unexpected<Error>(event.error());
  }
  return RecordedEvent{row->seq, std::move(*event)};
}

Result<std::optional<Row>> EventReader::next_row() {
  State& state = *state_;
  const auto give_up = [&](const Error& error) -> tl::unexpected<Error> {
    state.error = error;
    return tl::unexpected<Error>(error);
  };
  if (state.error) {
    return tl::unexpected<Error>(*state.error);
  }
  while (true) {
    if (state.number == 0) {
      if (const auto done = state.open_first(); !done) {
        return give_up(done.error());
      }
      if (state.number == 0) {
        return std::nullopt;
      }
    }
    if (state.row >= state.segment.rows.size()) {
      if (state.sealed) {
        if (state.segment.next_seq() > state.options.until) {
          return std::nullopt;
        }
        if (const auto opened = state.open_next(); !opened) {
          return give_up(opened.error());
        }
        continue;
      }
      if (state.fresh) {
        state.fresh = false;
        state.tail.last_segment = state.number;
        state.tail.torn_rows = state.segment.torn_rows;
        state.tail.torn_bytes = state.segment.torn_bytes;
        return std::nullopt;
      }
      if (const auto done = state.load(state.number); !done) {  // by now there may be more
        return give_up(done.error());
      }
      continue;
    }
    const Row& row = state.segment.rows[state.row];
    if (row.seq > state.options.until) {
      return std::nullopt;
    }
    ++state.row;
    state.tail.next_seq = row.seq + 1;
    state.tail.previous_crc = row.crc;
    if (row.seq < state.options.from ||
        (state.options.execution && static_cast<std::uint64_t>(*state.options.execution) != row.execution)) {
      continue;
    }
    state.tail.bytes += kRowBytes + row.length;
    return row;
  }
}

Result<engine::Event> EventReader::decode() {
  State& state = *state_;
  if (state.row == 0 || state.row > state.segment.rows.size()) {
    return fail(ErrorKind::internal, "no event was read yet");
  }
  return decode_event(state.segment.rows[state.row - 1], state.segment.payload, state.context, state.values);
}

const Tail& EventReader::tail() const {
  return state_->tail;
}

SegmentContents EventReader::take_last() {
  return std::move(state_->segment);
}

Result<void> read_events(const std::string& folder, const ReadOptions& options,
                         const std::function<void(RecordedEvent&)>& take) {
  auto reader = EventReader::open(folder, options);
  while (reader) {
    auto next = TRY(reader->next());
    if (!next) {
      return {};
    }
    take(*next);
  }
  return tl::unexpected<Error>(reader.error());
}

}  // namespace lockstep::journal
