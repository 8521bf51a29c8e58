#include "report/backward_reader.hpp"

#include <fmt/format.h>

#include "journal/durable_journal.hpp"
#include "journal/journal_folder.hpp"
#include "journal/segment_reader.hpp"

namespace lockstep::report {

namespace {

// A live segment is read while it is written, and may be archived meanwhile.
constexpr int kLooks = 3;

}  // namespace

struct BackwardReader::State {
  std::string folder;
  engine::ExecutionId execution{};
  journal::JournalFolder listed;
  journal::SourceContext context;
  journal::ValueCache values;
  journal::SegmentContents segment;
  std::size_t rows_left = 0;                   // of `segment`
  std::uint64_t number = UINT64_MAX;           // of `segment`
  journal::SequenceNumber bound = UINT64_MAX;  // the segment after begins with it

  Result<void> look() {
    auto found = journal::list_journal(journal::posix_files(), folder);
    if (!found) {
      return tl::unexpected<Error>(found.error());
    }
    listed = std::move(*found);
    return {};
  }

  Result<void> load(std::uint64_t wanted);
};

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

Result<BackwardReader> BackwardReader::open(const std::string& journal, engine::ExecutionId execution) {
  auto state = std::make_unique<State>();
  state->folder = journal;
  state->execution = execution;
  state->context.blob = [journal](const journal::Digest& digest, std::uint64_t length) {
    return journal::load_blob(journal::posix_files(), journal, digest, length);
  };
  if (const auto done = state->look(); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return BackwardReader(std::move(state));
}

Result<std::optional<journal::RecordedEvent>> BackwardReader::next() {
  State& state = *state_;
  while (true) {
    while (state.rows_left == 0) {
      const auto after = state.listed.segments.lower_bound(state.number);
      if (after == state.listed.segments.begin()) {
        return std::nullopt;
      }
      const std::uint64_t before = state.number == UINT64_MAX ? std::prev(after)->first : state.number - 1;
      if (const auto done = state.load(before); !done) {
        return tl::unexpected<Error>(done.error());
      }
    }
    const journal::Row& row = state.segment.rows[--state.rows_left];
    if (row.execution != static_cast<std::uint64_t>(state.execution)) {
      continue;
    }
    auto event = journal::decode_event(row, state.segment.payload, state.context, state.values);
    if (!event) {
      return tl::unexpected<Error>(event.error());
    }
    return journal::RecordedEvent{row.seq, std::move(*event)};
  }
}

}  // namespace lockstep::report
