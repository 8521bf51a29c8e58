#include "mpi_worker/roster.hpp"

#include <algorithm>
#include <span>
#include <sstream>

#include "mpi_worker/heart.hpp"
#include "mpi_worker/spool_record.hpp"

namespace lockstep::worker {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr std::string_view kRosterName = "workers.e";
constexpr std::string_view kTitle = "lockstep-workers 1";
/// A line has some 150 bytes.
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;
/// For what a rank leaves here to end once the rank is gone, where no lock tells.
constexpr Milliseconds kDying{2000};
/// A wait that is longer than this is told.
constexpr Milliseconds kUntold{1000};
/// Between two looks: at first, and later.
constexpr Milliseconds kFirstLook{2};
constexpr Milliseconds kLaterLook{100};

std::string roster_path(const std::string& run_folder, journal::Epoch epoch) {
  return fmt::format("{}/{}{}", spools_folder(run_folder), kRosterName, epoch);
}

std::string text_of(const RosterEntry& entry) {
  return fmt::format("rank {} pid {} started {} lock {} place {}\n", entry.rank, entry.pid, entry.started,
                     entry.lock_seen ? "seen" : "unseen", entry.place);
}

Result<void> append(journal::File& file, std::uint64_t& size, const std::string& text) {
  const auto written = file.write(std::as_bytes(std::span(text)), size);
  size += text.size();
  return written;
}

/// A roster of another epoch.
struct Left {
  std::string path;
  std::string owners_place;
  Milliseconds gone_after{};
  std::vector<RosterEntry> entries;
};

/// A line that was cut off stands for a worker that was given nothing.
Result<Left> read_roster(Machine& machine, const std::string& path) {
  const auto bytes = TRY(journal::read_whole(machine.files(), path, kMostBytes));
  Left left;
  left.path = path;
  std::istringstream in(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::string line;
  if (std::getline(in, line) && line != kTitle) {
    // Power was lost before it was durable. Whoever stood there must have had the time to end.
    left.gone_after = Patience::from_environment().lost;
    left.entries.push_back({0, 0, 0, false, "an unknown place"});
    return left;
  }
  std::int64_t gone_after = 0;
  std::string word;
  in >> word >> gone_after >> word >> left.owners_place;
  left.gone_after = Milliseconds(std::clamp<std::int64_t>(gone_after, 0, 24 * 3'600'000));
  std::getline(in, line);
  while (std::getline(in, line) && !in.eof()) {
    std::istringstream fields(line);
    RosterEntry entry;
    std::string lock;
    if (fields >> word >> entry.rank >> word >> entry.pid >> word >> entry.started >> word >> lock >> word >>
        entry.place) {
      entry.lock_seen = lock == "seen";
      left.entries.push_back(std::move(entry));
    }
  }
  return left;
}

Result<std::vector<Left>> read_rosters(const std::string& run_folder, journal::Epoch epoch, Machine& machine) {
  const std::string folder = spools_folder(run_folder);
  journal::FileLayer& files = machine.files();
  std::vector<Left> found;
  if (auto made = files.make_folder(folder); !made) {
    return tl::unexpected<Error>(made.error());
  }
  const auto names = TRY(files.list(folder));
  for (const std::string& name : names) {
    if (!name.starts_with(kRosterName) || name == fmt::format("{}{}", kRosterName, epoch)) {
      continue;
    }
    auto left = TRY(read_roster(machine, folder + "/" + name));
    found.push_back(std::move(left));
  }
  return found;
}

class Wait {
 public:
  using Say = std::function<void(const std::string&)>;

  Wait(std::vector<Left> rosters, Milliseconds silence, const Say& say, Machine& machine)
      : rosters_(std::move(rosters)), silence_(silence), say_(say), machine_(machine), here_(machine.place()) {}

  /// Their rank 0 is gone, and what runs is of no use to anybody.
  void end_those_here() {
    std::size_t ended = 0;
    for (const Left& roster : rosters_) {
      for (const RosterEntry& entry : roster.entries) {
        if (entry.place == here_ && is_running(entry) && machine_.end_process(entry.pid, entry.started)) {
          ++ended;
        }
      }
    }
    if (ended > 0 && say_) {
      say_(fmt::format("{} worker{} that the run's last owner left behind here {} ended", ended, ended == 1 ? "" : "s",
                       ended == 1 ? "was" : "were"));
    }
  }

  void wait() {
    const Machine::Clock::time_point begin = machine_.now();
    bool told = false;
    Milliseconds pause = kFirstLook;
    while (true) {
      const auto waited = std::chrono::duration_cast<Milliseconds>(machine_.now() - begin);
      const auto left = who_is_left(waited);
      if (!left) {
        return;
      }
      if (!told && waited >= kUntold && say_) {
        told = true;
        say_(
            fmt::format("waits, at most {} s, until a worker of the run's last owner must have ended: "
                        "rank {}, process {} on {}",
                        std::chrono::ceil<std::chrono::seconds>(left->longest).count(), left->entry->rank,
                        left->entry->pid, left->entry->place.substr(0, left->entry->place.find('/'))));
      }
      machine_.sleep(pause, -1);
      pause = std::min(2 * pause, kLaterLook);
    }
  }

 private:
  struct Awaited {
    const RosterEntry* entry = nullptr;
    Milliseconds longest{};
  };

  bool is_running(const RosterEntry& entry) const {
    return entry.started != 0 && machine_.start_time_of(entry.pid) == entry.started;
  }

  std::optional<Awaited> who_is_left(Milliseconds waited) const {
    for (const Left& roster : rosters_) {
      const auto any = machine_.files().is_locked(roster.path);
      for (const RosterEntry& entry : roster.entries) {
        const auto locked = any && *any ? machine_.files().is_locked(roster.path, {entry.rank, 1}) : any;
        const Milliseconds longest = longest_wait(roster, entry, locked ? std::optional(*locked) : std::nullopt);
        if (waited < longest) {
          return Awaited{&entry, longest - waited};
        }
      }
    }
    return std::nullopt;
  }

  /// How long a worker is to be waited for, from our beginning on. `locked`: nothing where that cannot be told.
  Milliseconds longest_wait(const Left& roster, const RosterEntry& entry, std::optional<bool> locked) const {
    const Milliseconds rest = roster.gone_after - std::min(silence_, roster.gone_after);
    const bool is_here = entry.place == here_;
    if (locked && *locked) {
      return is_here ? roster.gone_after : rest;
    }
    if (is_here && is_running(entry)) {
      return roster.gone_after;  // it has got KILL
    }
    // The lock is free, or says nothing. It says something where it was seen from as far away as we are.
    if (locked && entry.lock_seen && (is_here || entry.place != roster.owners_place)) {
      return Milliseconds(0);
    }
    return is_here ? std::min(kDying, roster.gone_after) : rest;
  }

  const std::vector<Left> rosters_;
  const Milliseconds silence_;
  const Say& say_;
  Machine& machine_;
  const std::string here_;
};

}  // namespace

Result<std::unique_ptr<Roster>> Roster::create(const std::string& run_folder, journal::Epoch epoch,
                                               Milliseconds gone_after, Machine& machine) {
  journal::FileLayer& files = machine.files();
  std::unique_ptr<Roster> roster(new Roster(roster_path(run_folder, epoch), machine));
  auto done = files.make_folder(spools_folder(run_folder));
  if (done) {
    done = files.remove(roster->path_);
  }
  TRY(done);
  roster->file_ = TRY(files.create(roster->path_));
  done = append(*roster->file_, roster->size_,
                fmt::format("{}\ngone_after_ms {} place {}\n", kTitle, gone_after.count(), machine.place()));
  return done ? Result<std::unique_ptr<Roster>>(std::move(roster)) : tl::unexpected<Error>(done.error());
}

Result<void> Roster::add(std::vector<RosterEntry> entries) {
  const std::string here = machine_.place();
  std::string text;
  bool all_here = true;
  for (RosterEntry& entry : entries) {
    const auto locked = machine_.files().is_locked(path_, {entry.rank, 1});
    entry.lock_seen = locked && *locked;
    if (entry.lock_seen) {
      seen_.push_back(entry.rank);
    }
    all_here = all_here && entry.place == here;
    text += text_of(entry);
  }
  auto done = append(*file_, size_, text);
  if (done && !all_here) {
    done = file_->sync();
    if (done) {
      done = machine_.files().sync_folder(journal::folder_of(path_));
    }
  }
  return done;
}

bool Roster::is_held(std::uint32_t rank) const {
  if (std::find(seen_.begin(), seen_.end(), rank) == seen_.end()) {
    return false;
  }
  const auto locked = machine_.files().is_locked(path_, {rank, 1});
  return locked && *locked;
}

void Roster::remove() {
  // One that stays costs the next owner a look.
  static_cast<void>(machine_.files().remove(path_));
}

std::unique_ptr<journal::FileLock> take_rank_lock(const std::string& run_folder, journal::Epoch epoch,
                                                  std::uint32_t rank, Machine& machine) {
  auto attempt = machine.files().try_lock(roster_path(run_folder, epoch), {rank, 1});
  return attempt ? std::move(attempt->lock) : nullptr;
}

Result<void> outlive_workers(const std::string& run_folder, journal::Epoch epoch, Milliseconds silence,
                             const std::function<void(const std::string&)>& say, Machine& machine) {
  auto rosters = TRY(read_rosters(run_folder, epoch, machine));
  if (rosters.empty()) {
    return {};
  }
  std::vector<std::string> paths;
  for (const Left& roster : rosters) {
    paths.push_back(roster.path);
  }
  Wait wait(std::move(rosters), silence, say, machine);
  wait.end_those_here();
  wait.wait();
  for (const std::string& path : paths) {
    if (auto removed = machine.files().remove(path); !removed) {
      return removed;
    }
  }
  return {};
}

}  // namespace lockstep::worker
