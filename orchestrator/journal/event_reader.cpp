#include "journal/event_reader.hpp"

#include <fmt/format.h>

#include "journal/durable_journal.hpp"

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
    auto found = list_journal(*options.files, folder);
    if (!found) {
      return tl::unexpected<Error>(found.error());
    }
    listed = std::move(*found);
    return {};
  }

  /// What `reader` makes of a segment's file; that may be archived, and so move, meanwhile.
  template <class T>
  Result<T> with_file(std::uint64_t segment_number, Result<T> (*reader)(const FileLayer&, const std::string&)) {
    for (bool looked = false;; looked = true) {
      const auto found = listed.segments.find(segment_number);
      if (found != listed.segments.end()) {
        auto result = reader(*options.files, found->second.path);
        if (result || looked || options.files->exists(found->second.path)) {
          return result;
        }
      } else if (looked) {
        return fail(ErrorKind::io, fmt::format("{}/{} is missing", folder, segment_name(segment_number)));
      }
      if (const auto done = look(); !done) {
        return tl::unexpected<Error>(done.error());
      }
    }
  }

  /// The first segment of a number above `after`, if there is one.
  Result<std::optional<std::pair<std::uint64_t, Header>>> find_next(std::uint64_t after) {
    auto next = listed.segments.upper_bound(after);
    if (next == listed.segments.end()) {
      if (const auto done = look(); !done) {
        return tl::unexpected<Error>(done.error());
      }
      next = listed.segments.upper_bound(after);
      if (next == listed.segments.end()) {
        return std::nullopt;
      }
    }
    const std::uint64_t found = next->first;
    if (after != 0 && found != after + 1) {
      return fail(ErrorKind::io, fmt::format("{} has a hole: segment {} is missing", folder, after + 1));
    }
    const auto header = with_file<Header>(found, read_header);
    if (!header) {
      return tl::unexpected<Error>(header.error());
    }
    return std::pair(found, *header);
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
  std::optional<std::uint64_t> start;
  for (auto it = numbers.rbegin(); it != numbers.rend(); ++it) {
    start = *it;
    const auto header = with_file<Header>(*it, read_header);
    if (!header) {
      return tl::unexpected<Error>(header.error());
    }
    tail.next_seq = header->first_seq;
    tail.previous_crc = header->previous_crc;
    if (header->first_seq <= options.from) {
      break;
    }
  }
  if (!start) {
    return {};
  }
  if (options.from != 0 && tail.next_seq > options.from) {
    return fail(ErrorKind::io, fmt::format("{} has a hole: it begins with event {}, and event {} is needed", folder,
                                           tail.next_seq, options.from));
  }
  return load(*start);
}

/// Goes on to the segment after the present one; false if there is none yet.
Result<bool> EventReader::State::open_next() {
  const auto next = find_next(number);
  if (!next) {
    return tl::unexpected<Error>(next.error());
  }
  if (!*next) {
    return false;
  }
  const auto done = load((*next)->first);
  return done ? Result<bool>(true) : tl::unexpected<Error>(done.error());
}

/// Makes segment `segment_number`, which is the present one or the one to go on with, the present one as it now is.
Result<void> EventReader::State::load(std::uint64_t segment_number) {
  // First the successor, then the rows: where there is one, the rows are complete.
  const auto next = find_next(segment_number);
  if (!next) {
    return tl::unexpected<Error>(next.error());
  }
  Result<SegmentContents> contents = with_file<SegmentContents>(segment_number, read_segment);
  for (int look = 1; contents; ++look) {
    const auto good = judge(*contents, *next);
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
  sealed = next->has_value();
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
  state->context.blob = [files = options.files, folder](const Digest& digest, std::uint64_t length) {
    return load_blob(*files, folder, digest, length);
  };
  if (const auto done = state->open_first(); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return EventReader(std::move(state));
}

Result<std::optional<RecordedEvent>> EventReader::next() {
  const auto row = next_row();
  if (!row) {
    return tl::unexpected<Error>(row.error());
  }
  if (!*row) {
    return std::nullopt;
  }
  auto event = decode();
  if (!event) {
    state_->error = event.error();
    return tl::unexpected<Error>(event.error());
  }
  return RecordedEvent{(*row)->seq, std::move(*event)};
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
    const Row& row = state.segment.rows[state.row++];
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

}  // namespace lockstep::journal
