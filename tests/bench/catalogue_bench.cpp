// What executions cost a house: memory of those that are over and of those that wait, and how long it takes to find one
// by its name, or a page of them, near the beginning and near the end.
//
//   catalogue_bench [EXECUTIONS]        default: 1000000; takes some 200 bytes of disk for each, below TMPDIR
#include <fmt/format.h>
#include <malloc.h>
#include <stdlib.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "asl/parser.hpp"
#include "catalogue/catalogue.hpp"
#include "catalogue/names.hpp"
#include "journal/recovery.hpp"

namespace {

using namespace lockstep;
using Clock = std::chrono::steady_clock;
using engine::ExecutionId;

double micros_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double allocated() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

struct House {
  explicit House(const std::string& folder) {
    journal::OpenOptions options;
    options.folded = &catalogue;
    options.checkpoint.warn = [](const std::string& text) { fmt::print("{}\n", text); };
    auto opened = journal::open_run(folder, engine, std::move(options));
    if (!opened) {
      fmt::print("{}\n", opened.error().message);
      std::exit(1);
    }
    run = std::make_unique<journal::OpenRun>(std::move(*opened));
  }

  void happen_to(std::uint64_t id, engine::EventBody body) {
    engine::Event event;
    event.execution = ExecutionId{id};
    event.time = Timestamp{static_cast<std::int64_t>(1'700'000'000'000'000 + id)};
    event.body = std::move(body);
    std::vector<engine::Event> events = {event};
    catalogue.apply(event, run->journal->append(events));
    run->checkpointer->step(engine);
  }
  void start(std::uint64_t id) {
    engine::ExecutionStarted body;
    body.identity = std::make_shared<engine::Identity>(fmt::format("execution-{:026}", id), whose);
    body.machine = machine;
    happen_to(id, std::move(body));
  }

  const std::string arn = catalogue::machine_arn("m");
  const engine::MachineIdentityPtr whose =
      std::make_shared<engine::MachineIdentity>(engine::MachineIdentity{"m", arn, "arn:aws:iam::123456789012:role/r"});
  const asl::StateMachinePtr machine =
      asl::parse_definition(R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})").machine;
  engine::Engine engine{engine::Limits::hpc()};
  catalogue::Catalogue catalogue;
  std::unique_ptr<journal::OpenRun> run;
};

void look_up(const House& house, std::uint64_t count) {
  const catalogue::ExecutionIndex& index = house.catalogue.executions();
  constexpr std::uint64_t kTimes = 10'000;
  auto start = Clock::now();
  std::uint64_t found = 0;
  for (std::uint64_t i = 1; i <= kTimes; ++i) {
    found += index.find(house.arn, fmt::format("execution-{:026}", i * 7'919 % count + 1)).value() ? 1 : 0;
  }
  const double known = micros_since(start) / kTimes;
  start = Clock::now();
  for (std::uint64_t i = 1; i <= kTimes; ++i) {
    found += index.find(house.arn, fmt::format("another-{}", i)).value() ? 1 : 0;
  }
  fmt::print("a name that is there {:.1f} us, one that is not {:.1f} us ({} found)\n", known,
             micros_since(start) / kTimes, found);

  catalogue::PageRequest request{house.arn};
  start = Clock::now();
  std::string token = index.page(request)->token;
  const double first = micros_since(start);
  std::uint64_t pages = 1;
  double slowest = 0;
  double all = 0;
  while (!token.empty()) {
    request.token = token;
    start = Clock::now();
    token = index.page(request)->token;
    const double took = micros_since(start);
    slowest = std::max(slowest, took);
    all += took;
    ++pages;
  }
  fmt::print("the first page {:.0f} us, {} more {:.0f} us each, the slowest {:.0f} us\n", first, pages - 1,
             all / static_cast<double>(pages - 1), slowest);
}

/// All that a house holds of each: state, name, timer and entry in the index.
void wait(std::uint64_t count) {
  const auto machine =
      asl::parse_definition(R"({"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":86400,"End":true}}})").machine;
  const auto whose = std::make_shared<engine::MachineIdentity>(
      engine::MachineIdentity{"m", catalogue::machine_arn("m"), "arn:aws:iam::123456789012:role/r"});
  engine::Engine live(engine::Limits::hpc());
  catalogue::Catalogue kept;
  engine::Step step;
  journal::SequenceNumber seq = 0;
  double payload = 0;
  const double before = allocated();
  for (std::uint64_t id = 1; id <= count; ++id) {
    std::string input = fmt::format(R"({{"sample":{},"plate":"P-{:05}","well":"A1"}})", id, id % 100'000);
    payload += static_cast<double>(input.size());
    step.clear();
    live.handle({Timestamp{1}, id,
                 engine::StartExecution{ExecutionId{id},
                                        std::make_shared<engine::Identity>(fmt::format("execution-{:026}", id), whose),
                                        machine, Value::from_checked_text(std::move(input))}},
                step);
    for (const engine::Event& event : step.events) {
      kept.apply(event, ++seq);
    }
  }
  step = {};
  const auto each = static_cast<double>(count);
  fmt::print("{} executions in Wait: {:.0f} bytes each beyond a payload of {:.0f}, names of 36 included\n",
             live.execution_count(), (allocated() - before - payload) / each, payload / each);
}

void measure(const std::string& folder, std::uint64_t count) {
  double before = 0;
  {
    House house(folder);
    house.start(1);
    house.happen_to(1, engine::ExecutionSucceeded{});
    static_cast<void>(house.run->checkpointer->take(house.engine));
    before = allocated();
    const auto start = Clock::now();
    for (std::uint64_t id = 2; id <= count; ++id) {
      house.start(id);
      house.happen_to(id, engine::ExecutionSucceeded{});
    }
    static_cast<void>(house.run->checkpointer->take(house.engine));
    ::malloc_trim(0);
    fmt::print("{} executions that are over: {:.1f} bytes each, in {} files; {:.1f} us each to start and end\n", count,
               (allocated() - before) / static_cast<double>(count), house.catalogue.executions().files(),
               micros_since(start) / static_cast<double>(count));
    look_up(house, count);
  }
  const auto start = Clock::now();
  House house(folder);
  fmt::print("opened again in {:.0f} ms\n", micros_since(start) / 1'000);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  wait(std::max<std::uint64_t>(count, 1));
  std::string folder = (std::filesystem::temp_directory_path() / "lockstep-catalogue-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    return 1;
  }
  measure(folder, std::max<std::uint64_t>(count, 1'000));
  std::filesystem::remove_all(folder);
}
