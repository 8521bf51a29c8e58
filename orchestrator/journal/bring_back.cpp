#include "journal/bring_back.hpp"

#include <fmt/format.h>

#include <utility>

#include "journal/journal_folder.hpp"
#include "journal/texts.hpp"

namespace lockstep::journal {

namespace {

/// An owner removes the checkpoint before the last, and may take another while this one is read.
constexpr int kMostTries = 5;

/// The newest checkpoint that is good, in the engine; nothing if there is none.
Result<std::optional<LoadedCheckpoint>> load_newest(FileLayer& files, const std::string& folder, engine::Engine& engine,
                                                    Folded* folded, std::vector<std::string>& warnings) {
  for (int look = 1;; ++look) {
    const auto listed = TRY(list_journal(files, folder));
    warnings.clear();
    bool went_away = false;
    for (auto it = listed.checkpoints.rbegin(); it != listed.checkpoints.rend() && !went_away; ++it) {
      if (folded != nullptr) {
        folded->start(files, folder);
      }
      auto loaded = load_checkpoint(files, folder, it->second, engine, folded);
      if (loaded) {
        return std::move(*loaded);
      }
      const auto stands = files.exists(it->second);
      went_away = stands && !*stands && look < kMostTries;
      warnings.push_back(loaded.error().message + "; going on from what is older");
    }
    if (!went_away) {
      return std::nullopt;
    }
  }
}

/// Applies to `folded` the Events before `end` that there are. The executions need none of them, so what cannot be read
/// is passed over.
void apply_older(const FileLayer& files, const std::string& folder, const JournalFolder& listed, SequenceNumber end,
                 Folded& folded, std::vector<std::string>& warnings) {
  SourceContext context;
  read_texts(context, files, folder);
  SequenceNumber at = 0;
  for (auto it = listed.segments.begin(); it != listed.segments.end() && at < end; ++it) {
    const auto next = std::next(it);
    const auto bound = next == listed.segments.end() ? fail(ErrorKind::io, "") : read_header(files, next->second.path);
    const auto segment = read_segment(files, it->second.path);
    if (!segment) {
      warnings.push_back(segment.error().message + "; executions that were over may be missing from the catalogue");
      continue;
    }
    ValueCache values;
    for (const Row& row : segment->rows) {
      at = row.seq;
      if (at >= end || (bound && at >= bound->first_seq)) {
        break;
      }
      if (const auto event = decode_event(row, segment->payload, context, values)) {
        folded.apply(*event, at);
      }
    }
  }
}

/// Makes anew what did not come back with the checkpoint.
Result<void> fold_anew(FileLayer& files, const std::string& folder, const LoadedCheckpoint& checkpoint, Folded& folded,
                       BroughtBack& back) {
  const auto listed = TRY(list_journal(files, folder));
  back.folded_anew = checkpoint.folded_problem;
  folded.start(files, folder);
  apply_older(files, folder, listed, checkpoint.first_seq + 1, folded, back.warnings);
  return {};
}

/// Applies what is not in the checkpoint.
Result<void> replay(FileLayer& files, const std::string& folder, engine::Engine& engine, Folded* folded,
                    BroughtBack& back) {
  const std::optional<LoadedCheckpoint>& checkpoint = back.checkpoint;
  ReadOptions options;
  options.files = &files;
  options.from = checkpoint ? checkpoint->first_seq + 1 : 1;
  auto reader = TRY(EventReader::open(folder, options));
  while (true) {
    auto next = TRY(reader.next());
    if (!next) {
      break;
    }
    const engine::Event& event = next->event;
    if (folded != nullptr) {
      folded->apply(event, next->seq);
    }
    ++back.replayed;
    if (is_ending(event.body)) {
      back.endings.insert_or_assign(event.execution, event);
    }
    if (checkpoint) {
      const auto as_of = checkpoint->as_of.find(event.execution);
      if (as_of != checkpoint->as_of.end() && next->seq <= as_of->second) {
        continue;  // folded in: applying it twice would corrupt the execution
      }
    }
    engine.apply(event);
  }
  back.tail = reader.tail();
  back.last = reader.take_last();
  const SequenceNumber last = back.tail.next_seq - 1;
  if (checkpoint && last < checkpoint->last_seq) {
    return fail(ErrorKind::io, fmt::format("{} has a hole: it ends with event {}, and the checkpoint holds event {}",
                                           folder, last, checkpoint->last_seq));
  }
  return {};
}

}  // namespace

Result<BroughtBack> bring_back(FileLayer& files, const std::string& folder, engine::Engine& engine, Folded* folded) {
  BroughtBack back;
  if (folded != nullptr) {
    folded->start(files, folder);
  }
  back.checkpoint = TRY(load_newest(files, folder, engine, folded, back.warnings));
  if (back.checkpoint && !back.checkpoint->folded_problem.empty()) {
    TRY(fold_anew(files, folder, *back.checkpoint, *folded, back));
  }
  TRY(replay(files, folder, engine, folded, back));
  return back;
}

}  // namespace lockstep::journal
