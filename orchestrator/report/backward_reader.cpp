#include "report/backward_reader.hpp"

#include <fmt/format.h>

#include "journal/journal_folder.hpp"
#include "journal/segment_reader.hpp"
#include "journal/texts.hpp"

namespace lockstep::report {

namespace {

// A live segment is read while it is written, and may be archived meanwhile.
constexpr int kLooks = 3;

}  // namespace

struct BackwardReader::State {
  std::string folder;
  engine::ExecutionId execution{};
  journal::SequenceNumber from = 0;
  journal::SequenceNumber until = UINT64_MAX;
  journal::JournalFolder listed;
  journal::SourceContext context;
  journal::ValueCache values;
  journal::SegmentContents segment;
  std::size_t rows_left = 0;                   // of `segment`
  std::uint64_t number = UINT64_MAX;           // of `segment`
  journal::SequenceNumber bound = UINT64_MAX;  // the segment after begins with it

  Result<void> look() {
    listed = TRY(journal::list_journal(journal::posix_files(), folder));
    return {};
  }

  Result<std::optional<journal::Header>> read_header(std::uint64_t wanted);
  Result<void> skip_later();
  Result<void> load(std::uint64_t wanted);
};

/// Nothing if the segment went away.
Result<std::optional<journal::Header>> BackwardReader::State::read_header(std::uint64_t wanted) {
  for (int looks = 1;; ++looks) {
    const auto place = listed.segments.find(wanted);
    if (place == listed.segments.end()) {
      return std::nullopt;
    }
    auto header = journal::read_header(journal::posix_files(), place->second.path);
    if (header) {
      return std::move(*header);
    }
    if (looks == kLooks) {
      return tl::unexpected<Error>(header.error());
    }
    TRY(look());
  }
}

/// Goes to the first segment that begins after `until`.
Result<void> BackwardReader::State::skip_later() {
  std::vector<std::uint64_t> numbers;
  for (const auto& [segment_number, place] : listed.segments) {
    numbers.push_back(segment_number);
  }
  std::size_t low = 0;
  std::size_t high = numbers.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const auto header = TRY(read_header(numbers[middle]));
    if (!header || header->first_seq <= until) {
      low = middle + 1;
      continue;
    }
    high = middle;
    number = numbers[middle];
    bound = header->first_seq;
  }
  return {};
}

Result<void> BackwardReader::State::load(std::uint64_t wanted) {
  for (int looks = 1;; ++looks) {
    const auto place = listed.segments.find(wanted);
    if (place == listed.segments.end()) {
      return fail(ErrorKind::io, fmt::format("{} has a hole: segment {} is missing", folder, wanted));
    }
    auto contents = journal::read_segment(journal::posix_files(), place->second.path);
    const bool is_last = bound == UINT64_MAX;
    Error problem;
    if (!contents) {
      problem = contents.error();
    } else if (is_last && !contents->damage.empty()) {
      problem = {ErrorKind::io, contents->damage};
    } else if (!is_last && contents->next_seq() < bound) {
      problem = {ErrorKind::io,
                 !contents->damage.empty()
                     ? contents->damage
                     : fmt::format("{} has a hole: segment {} ends with event {}, and the next begins with event {}",
                                   folder, wanted, contents->next_seq() - 1, bound)};
    } else if (!is_last && contents->header.first_seq > bound) {
      problem = {ErrorKind::io, fmt::format("{}: segments {} and {} overlap", folder, wanted, wanted + 1)};
    } else {
      segment = std::move(*contents);
      if (!is_last) {
        segment.rows.resize(bound - segment.header.first_seq);
      }
      rows_left = segment.rows.size();
      number = wanted;
      bound = segment.header.first_seq;
      values.clear();
      return {};
    }
    if (looks == kLooks) {
      return tl::unexpected<Error>(problem);
    }
    if (const auto done = look(); !done) {
      return done;
    }
  }
}

BackwardReader::BackwardReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
BackwardReader::BackwardReader(BackwardReader&&) noexcept = default;
BackwardReader& BackwardReader::operator=(BackwardReader&&) noexcept = default;
BackwardReader::~BackwardReader() = default;

Result<BackwardReader> BackwardReader::open(const std::string& journal, engine::ExecutionId execution,
                                            journal::SequenceNumber from, journal::SequenceNumber until) {
  auto state = std::make_unique<State>();
  state->folder = journal;
  state->execution = execution;
  state->from = from;
  state->until = until;
  journal::read_texts(state->context, journal::posix_files(), journal);
  TRY(state->look());
  if (until != UINT64_MAX) {
    TRY(state->skip_later());
  }
  return BackwardReader(std::move(state));
}

Result<std::optional<journal::RecordedEvent>> BackwardReader::next() {
  State& state = *state_;
  while (true) {
    while (state.rows_left == 0) {
      if (state.bound <= state.from) {
        return std::nullopt;
      }
      const auto after = state.listed.segments.lower_bound(state.number);
      if (after == state.listed.segments.begin()) {
        return std::nullopt;
      }
      const std::uint64_t before = state.number == UINT64_MAX ? std::prev(after)->first : state.number - 1;
      TRY(state.load(before));
    }
    const journal::Row& row = state.segment.rows[--state.rows_left];
    if (row.seq < state.from) {
      return std::nullopt;
    }
    if (row.seq > state.until || row.execution != static_cast<std::uint64_t>(state.execution)) {
      continue;
    }
    auto event = TRY(journal::decode_event(row, state.segment.payload, state.context, state.values));
    return journal::RecordedEvent{row.seq, std::move(event)};
  }
}

}  // namespace lockstep::report
