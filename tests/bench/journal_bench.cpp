// What durability costs: Events made durable per second, beside the floor that the disk sets (a bare write and
// fdatasync into space that was zeroed before).
//
//   journal_bench [FOLDER [SECONDS]]        default: a new folder under TMPDIR, 3 seconds each
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "asl/parser.hpp"
#include "journal/recovery.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using lockstep::Timestamp;
using lockstep::Value;
namespace engine = lockstep::engine;
namespace journal = lockstep::journal;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of this thread.
double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Calls `step` (which says how many it did) for `length` seconds; the rate.
double rate(double length, const std::function<std::uint64_t()>& step) {
  const auto start = Clock::now();
  std::uint64_t count = 0;
  while (seconds_since(start) < length) {
    count += step();
  }
  return static_cast<double>(count) / seconds_since(start);
}

/// What a Pass or a Choice leaves: a state entered and left, with a payload of its own.
void add_transition(std::vector<engine::Event>& events, std::uint64_t number) {
  const Value payload = Value::from_checked_text(fmt::format(
      R"({{"order":{},"customer":"c-{:06}","items":[1,2,3],"total":{}.5}})", number, number % 999'983, number % 1'000));
  engine::Event event;
  event.execution = engine::ExecutionId{number % 1'000};
  event.strand = engine::StrandId::top;
  event.state = lockstep::asl::StateId{static_cast<std::uint32_t>(number % 5)};
  event.time = Timestamp{static_cast<std::int64_t>(1'700'000'000'000'000 + number)};
  event.id = 2 * number + 1;
  event.previous = 2 * number;
  event.body = engine::StateEntered{event.state, payload};
  events.push_back(event);
  ++event.id;
  ++event.previous;
  event.body = engine::StateExited{payload, event.state, {}};
  events.push_back(std::move(event));
}

void bare(const std::string& folder, double length) {
  const std::string path = folder + "/bare";
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR, 0600);
  constexpr std::size_t kSpace = 16 << 20;
  const std::vector<char> zeros(kSpace);
  if (fd < 0 || ::pwrite(fd, zeros.data(), kSpace, 0) != static_cast<ssize_t>(kSpace) || ::fsync(fd) != 0) {
    fmt::print(stderr, "cannot write {}\n", path);
    std::exit(1);
  }
  for (const std::size_t size : {200U, 4'096U, 51'200U}) {
    std::size_t at = 0;
    const std::vector<char> bytes(size, 'x');
    const double syncs = rate(length, [&]() -> std::uint64_t {
      at = at + size > kSpace ? 0 : at;
      const bool good = ::pwrite(fd, bytes.data(), size, static_cast<off_t>(at)) > 0 && ::fdatasync(fd) == 0;
      at += size;
      return good ? 1 : 0;
    });
    fmt::print("bare pwrite + fdatasync, {:6} bytes               {:12.0f} /s\n", size, syncs);
  }
  ::close(fd);
  std::filesystem::remove(path);
}

std::unique_ptr<journal::DurableJournal> open_journal(const std::string& folder, journal::Sync sync) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  journal::JournalStart start;
  start.folder = folder;
  journal::JournalOptions options;
  options.sync = sync;
  auto opened = journal::DurableJournal::create(start, options);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().message);
    std::exit(1);
  }
  return std::move(*opened);
}

void check(const journal::Journal& opened) {
  if (const auto failure = opened.failure()) {
    fmt::print(stderr, "{}\n", failure->message);
    std::exit(1);
  }
}

/// How long a checkpoint of many live executions holds the loop, and how long it takes to come back from it.
void checkpoint(const std::string& folder) {
  constexpr std::uint64_t kExecutions = 200'000;
  const auto machine =
      lockstep::asl::parse_definition(R"({"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":60,"End":true}}})")
          .machine;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto open = [&](engine::Engine& live) {
    auto run = journal::open_run(folder, live, {});
    if (!run) {
      fmt::print(stderr, "{}\n", run.error().message);
      std::exit(1);
    }
    return std::move(*run);
  };
  {
    engine::Engine live(engine::Limits::hpc());
    auto run = open(live);
    engine::Step step;
    for (std::uint64_t i = 1; i <= kExecutions; ++i) {
      auto identity = std::make_shared<engine::Identity>(fmt::format("execution-{}", i));
      step.clear();
      live.handle({Timestamp{1}, i,
                   engine::StartExecution{engine::ExecutionId{i}, identity, machine,
                                          Value::from_checked_text(fmt::format(R"({{"number":{}}})", i))}},
                  step);
      run.journal->append(step.events);
    }
    static_cast<void>(run.journal->sync());
    double longest = 0;
    double longest_cpu = 0;  // on the processor: what others did meanwhile left out
    int steps = 0;
    const std::string name = folder + "/journal/" + journal::checkpoint_name(1);
    const auto start = Clock::now();
    journal::CheckpointOptions options;
    options.every_bytes = 1;
    journal::Checkpointer checkpointer(*run.journal, 0, 1, options);
    while (!std::filesystem::exists(name)) {
      const auto before = Clock::now();
      const double cpu_before = cpu_seconds();
      checkpointer.step(live);
      longest_cpu = std::max(longest_cpu, cpu_seconds() - cpu_before);
      longest = std::max(longest, seconds_since(before));
      ++steps;
      std::this_thread::sleep_for(100us);
    }
    fmt::print(
        "checkpoint of {} live executions: {:.2f} s, {:.1f} MB, the loop held for {:.1f} ms at most "
        "({:.1f} ms on the processor)\n",
        kExecutions, seconds_since(start), static_cast<double>(std::filesystem::file_size(name)) / 1e6, longest * 1e3,
        longest_cpu * 1e3);
  }
  engine::Engine live(engine::Limits::hpc());
  const auto start = Clock::now();
  const auto run = open(live);
  fmt::print("recovery of them: {:.2f} s, {} events replayed, {} executions\n", seconds_since(start),
             run.recovered.replayed, live.execution_count());
}

}  // namespace

int main(int argc, char** argv) {
  std::string name = (std::filesystem::temp_directory_path() / "lockstep-bench-XXXXXX").string();
  const std::string folder = argc > 1 ? argv[1] : ::mkdtemp(name.data());
  const double length = argc > 2 ? std::atof(argv[2]) : 3.0;
  std::filesystem::create_directories(folder);
  bare(folder, length);

  const std::string runs = folder + "/journal";
  std::uint64_t number = 0;
  std::vector<engine::Event> events;
  {
    // Only what the loop pays: making the Events is timed apart and taken off.
    constexpr int kBatch = 5'000;
    auto opened = open_journal(runs, journal::Sync::group);
    std::vector<std::vector<engine::Event>> batches(20);
    double encoding = 0;
    for (auto& batch : batches) {
      for (int i = 0; i < kBatch; ++i) {
        add_transition(batch, number++);
      }
    }
    for (auto& batch : batches) {
      const auto start = Clock::now();
      opened->append(batch);
      encoding += seconds_since(start);
      static_cast<void>(opened->sync());
    }
    fmt::print("append() costs the loop                            {:12.0f} ns an event\n",
               encoding * 1e9 / (2.0 * kBatch * static_cast<double>(batches.size())));
  }
  for (const auto& [sync, label] :
       {std::pair(journal::Sync::group, "group"), std::pair(journal::Sync::none, "none ")}) {
    auto opened = open_journal(runs, sync);
    double appending = 0;
    const auto start = Clock::now();
    const double transitions = rate(length, [&]() -> std::uint64_t {
      constexpr int kTransitions = 20;
      for (int i = 0; i < kTransitions; ++i) {
        add_transition(events, number++);
      }
      const auto before = Clock::now();
      opened->append(events);
      appending += seconds_since(before);
      return kTransitions;
    });
    static_cast<void>(opened->sync());
    check(*opened);
    const double durable = transitions * length / seconds_since(start);
    fmt::print(
        "transitions (2 events each), durable, --sync {} {:12.0f} /s, {:.0f} events/s, {:.0f} % of it in append()\n",
        label, durable, 2 * durable, 100 * appending / length);
  }
  for (const std::size_t batch : {1U, 16U, 256U}) {
    auto opened = open_journal(runs, journal::Sync::group);
    const double commits = rate(length, [&]() -> std::uint64_t {
      while (events.size() < batch) {
        add_transition(events, number++);
      }
      opened->append(events);
      static_cast<void>(opened->sync());
      return 1;
    });
    check(*opened);
    fmt::print("append of {:3} events and sync(), one after another  {:12.0f} /s, {:.0f} events/s\n", batch, commits,
               commits * static_cast<double>(batch));
  }
  {
    auto opened = open_journal(runs, journal::Sync::group);
    constexpr int kEvents = 1'000'000;
    for (int i = 0; i < kEvents / 2; i += 10) {
      for (int j = 0; j < 10; ++j) {
        add_transition(events, number++);
      }
      opened->append(events);
    }
    static_cast<void>(opened->sync());
    check(*opened);
    opened.reset();
    const auto start = Clock::now();
    auto reader = journal::EventReader::open(runs);
    std::uint64_t read = 0;
    while (reader) {
      const auto next = reader->next();
      if (!next || !*next) {
        break;
      }
      ++read;
    }
    fmt::print("reading {} events back                        {:12.2f} s\n", read, seconds_since(start));
  }
  checkpoint(folder + "/run");
  std::filesystem::remove_all(argc > 1 ? runs : folder);
  std::filesystem::remove_all(folder + "/run");
}
