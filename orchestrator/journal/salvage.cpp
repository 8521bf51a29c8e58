// Cutting a damaged journal back to what is whole.
#include <fmt/format.h>

#include <algorithm>

#include "journal/checkpoint.hpp"
#include "journal/fsck.hpp"
#include "journal/journal_folder.hpp"
#include "journal/texts.hpp"

namespace lockstep::journal {

namespace {

constexpr std::string_view kReport = "what-was-given-up.txt";
constexpr std::uint64_t kMostSegment = std::uint64_t{4} << 30;

/// What to keep: everything else goes.
struct Plan {
  std::uint64_t checkpoint = 0;  ///< number; 0: recovery begins with event 1
  SequenceNumber last = 0;       ///< Event
  std::uint64_t first_segment = 0;
  std::uint64_t last_segment = 0;
};

using Segments = std::map<std::uint64_t, CheckedSegment>;

/// Whether `next` goes on exactly where `segment` ends.
bool follows(Segments::const_iterator segment, Segments::const_iterator next) {
  const CheckedSegment& a = segment->second;
  const CheckedSegment& b = next->second;
  return next->first == segment->first + 1 && b.has_header && a.has_header && a.end == b.header.first_seq &&
         (a.last_crc == 0 || b.header.previous_crc == 0 || a.last_crc == b.header.previous_crc);
}

/// How far the Events reach without a hole from `from` on; nothing if they don't begin there.
std::optional<Plan> reach(const Segments& segments, SequenceNumber from) {
  auto at = segments.end();
  for (auto it = segments.begin(); it != segments.end(); ++it) {
    if (it->second.has_header && it->second.header.first_seq <= from) {
      at = it;
    }
  }
  if (at == segments.end() || at->second.end < from) {
    return std::nullopt;
  }
  Plan plan;
  plan.first_segment = at->first;
  for (auto next = std::next(at); next != segments.end() && follows(at, next); ++next) {
    at = next;
  }
  plan.last_segment = at->first;
  plan.last = at->second.end - 1;
  return plan;
}

std::optional<Plan> make_plan(const JournalCheck& check) {
  std::optional<Plan> best;
  for (auto it = check.checkpoints.rbegin(); it != check.checkpoints.rend(); ++it) {
    if (!it->second.good) {
      continue;
    }
    auto plan = reach(check.segments, it->second.first_seq + 1);
    if (plan && plan->last >= it->second.last_seq && (!best || plan->last > best->last)) {
      best = plan;
      best->checkpoint = it->first;
    }
  }
  auto plan = reach(check.segments, 1);
  if (plan && plan->last >= 1 && (!best || plan->last > best->last)) {
    best = plan;
  }
  if (!best) {
    return best;
  }
  // History before what recovery needs, as far back as it is whole.
  auto at = check.segments.find(best->first_segment);
  while (at != check.segments.begin() && follows(std::prev(at), at)) {
    --at;
  }
  best->first_segment = at->first;
  const CheckedSegment& last = check.segments.at(best->last_segment);
  if (last.end == last.header.first_seq && best->first_segment != best->last_segment) {
    --best->last_segment;  // it holds nothing that can be read
  }
  return best;
}

class Cutter {
 public:
  Cutter(FileLayer& files, const std::string& folder, const JournalCheck& check, const Plan& plan,
         const std::string& software)
      : files_(files), folder_(folder), check_(check), plan_(plan), software_(software) {}

  Result<Salvage> run() {
    plan_moves();
    if (moves_.empty() && rewrites_.empty()) {
      salvage_.last = plan_.last;
      return std::move(salvage_);
    }
    auto done = prepare();
    // While anything beyond the cut still stands, the journal is refused; so the order does not matter to recovery
    // before the last move, and then all is done.
    for (const std::uint64_t number : rewrites_) {
      done = done ? rewrite(number) : done;
    }
    for (const std::string& path : moves_) {
      done = done ? move(path) : done;
    }
    TRY(done);
    salvage_.last = plan_.last;
    return std::move(salvage_);
  }

 private:
  void say(std::string line) { salvage_.lines.push_back(std::move(line)); }

  std::string short_name(const std::string& path) const {
    return path.starts_with(folder_ + "/") ? path.substr(folder_.size() + 1) : path;
  }

  void plan_moves() {
    SequenceNumber given_up_to = plan_.last;
    for (const auto& [number, segment] : check_.segments) {
      if (number > plan_.last_segment && segment.has_header) {
        given_up_to = std::max({given_up_to, segment.end - 1, segment.bound == 0 ? 0 : segment.bound - 1});
      }
    }
    const auto last = check_.segments.find(plan_.last_segment);
    given_up_to = std::max(given_up_to, last->second.bound == 0 ? 0 : last->second.bound - 1);
    say(fmt::format("kept: events {} to {}", check_.segments.at(plan_.first_segment).header.first_seq, plan_.last));
    if (given_up_to > plan_.last) {
      say(fmt::format("given up: events {} to {}", plan_.last + 1, given_up_to));
    } else if (!last->second.file_is_sound && !last->second.rows_are_whole) {
      say(fmt::format("given up: what came after event {}", plan_.last));
    }

    // Rewritten: what is kept, but would not be read as it should as it stands.
    for (const auto& [number, segment] : check_.segments) {
      // An empty one is kept only where a checkpoint stands alone but for it: it says where the Events go on.
      const bool is_needless = segment.end == segment.header.first_seq && number != plan_.last_segment;
      if (number < plan_.first_segment || number > plan_.last_segment || is_needless) {
        continue;
      }
      // Of a segment with one after it, what is beyond that one's first Event is cut anyway.
      if (segment.needs_rewrite || (number == plan_.last_segment && !segment.file_is_sound)) {
        rewrites_.push_back(number);
        const std::string events = segment.end == segment.header.first_seq
                                       ? "without events"
                                       : fmt::format("with events {} to {}", segment.header.first_seq, segment.end - 1);
        say(fmt::format("rewritten: {} as {}/{} {}", short_name(segment.path), kArchiveFolder, archive_name(number),
                        events));
      }
    }

    for (const auto& [number, segment] : check_.segments) {
      if (number < plan_.first_segment) {
        plan_move(number, segment.path);  // the oldest first: history stays whole up to the present
      }
    }
    if (!moves_.empty()) {
      say(fmt::format("given up: the history before event {}; the run itself is whole without it",
                      check_.segments.at(plan_.first_segment).header.first_seq));
    }
    for (const std::string& path : check_.bad_indexes) {
      moves_.push_back(path);
    }
    if (!check_.bad_indexes.empty()) {
      say("given up: the index of executions that are over; the next owner makes it anew from the events");
    }
    for (const auto& [number, checkpoint] : check_.checkpoints) {
      if (!checkpoint.good || checkpoint.last_seq > plan_.last) {
        moves_.push_back(checkpoint.path);
      }
    }
    // The newest first: what stands next to the cut keeps the journal refused to the end.
    for (auto it = check_.segments.rbegin(); it != check_.segments.rend() && it->first > plan_.last_segment; ++it) {
      plan_move(it->first, it->second.path);
    }
    for (const std::string& path : moves_) {
      say("moved: " + short_name(path));
    }
  }

  /// A segment and, before it, its long texts, unless one that is kept has taken over what names them: the next owner
  /// may make a segment of that number.
  void plan_move(std::uint64_t number, const std::string& path) {
    const std::string text = text_path(folder_, number);
    if ((number > plan_.last_segment || number < check_.segments.at(plan_.first_segment).header.texts_from) &&
        files_.exists(text).value_or(true)) {
      moves_.push_back(text);
    }
    moves_.push_back(path);
  }

  /// Makes the folder and writes down, durably, what is going to happen.
  Result<void> prepare() {
    for (std::uint64_t number = 1;; ++number) {
      salvage_.folder = fmt::format("{}/salvage-{}", folder_, number);
      const auto stands = TRY(files_.exists(salvage_.folder));
      if (!stands) {
        break;
      }
    }
    auto done = files_.make_folder(salvage_.folder);
    if (done) {
      done = files_.sync_folder(folder_);
    }
    std::string text;
    for (const std::string& line : salvage_.lines) {
      text += line + "\n";
    }
    for (const Finding& finding : check_.findings) {
      text += fmt::format("found: {}: {}; {}\n", finding.file, finding.problem, finding.consequence);
    }
    return done ? write_whole(files_, salvage_.folder, std::string(kReport), std::as_bytes(std::span(text))) : done;
  }

  std::string place_of(const std::string& path) const {
    return fmt::format("{}/{}", salvage_.folder, path.substr(path.rfind('/') + 1));
  }

  Result<void> move(const std::string& path) {
    auto done = files_.rename(path, place_of(path));
    if (done) {
      done = files_.sync_folder(salvage_.folder);
    }
    return done ? files_.sync_folder(folder_of(path)) : done;
  }

  /// Keeps a copy, then puts what can be read of it into the archive in its place.
  Result<void> rewrite(std::uint64_t number) {
    const CheckedSegment& segment = check_.segments.at(number);
    const auto bytes = TRY(read_whole(files_, segment.path, kMostSegment));
    const std::string name = segment.path.substr(segment.path.rfind('/') + 1);
    if (const auto kept = write_whole(files_, salvage_.folder, name, bytes); !kept) {
      return kept;
    }
    auto contents = TRY(read_rows_alone(files_, segment.path));
    const std::uint64_t events = segment.end - segment.header.first_seq;
    auto done = write_archive(files_, folder_, number, std::move(contents), events, software_);
    if (done && !segment.archived) {
      done = files_.remove(segment.path);
      if (done) {
        done = files_.sync_folder(folder_);
      }
    }
    return done;
  }

  FileLayer& files_;
  const std::string folder_;
  const JournalCheck& check_;
  const Plan plan_;
  const std::string software_;
  Salvage salvage_;
  std::vector<std::uint64_t> rewrites_;  // segments
  std::vector<std::string> moves_;       // paths
};

}  // namespace

Result<Salvage> salvage_journal(FileLayer& files, const std::string& folder, const JournalCheck& check,
                                const std::string& software) {
  const auto plan = make_plan(check);
  if (!plan) {
    return fail(ErrorKind::io, fmt::format("nothing of {} can be saved: neither its first events nor a checkpoint with "
                                           "what came after it can be read",
                                           folder));
  }
  return Cutter(files, folder, check, *plan, software).run();
}

}  // namespace lockstep::journal
