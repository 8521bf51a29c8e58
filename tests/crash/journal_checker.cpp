// Recovers run folders, one after another in one process: for tests that look at thousands of them. Reads a run
// folder's path from each line of standard input, and answers with a line of JSON:
//
//   {"error": "…"}                             recovery refuses
//   {"events": N, "digest": [D1, …, DN], "scheduled": ["parameters of each TaskScheduled", …], "ended": "output",
//   "open": K}
//
// Dk stands for the first k Events as they are. "ended" is there if the execution succeeded; "open" counts the tasks
// that would be dispatched again.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "journal/crc32c.hpp"
#include "journal/event_codec.hpp"
#include "journal/fsck.hpp"
#include "journal/recovery.hpp"

namespace {

namespace engine = lockstep::engine;
namespace journal = lockstep::journal;
using nlohmann::json;

json failed(const std::string& message) {
  return {{"error", message}};
}

/// Of an Event all that is kept, whatever segment it stands in.
std::uint32_t digest_of(std::uint32_t before, const engine::Event& event) {
  std::string bytes(1 << 20, '\0');
  journal::Sink sink;
  sink.reset(std::as_writable_bytes(std::span(bytes)), 0);
  journal::Row row;
  journal::encode_event(event, row, sink);
  bytes.resize(sink.size());
  bytes += fmt::format("{} {} {} {} {} {} {} {}", before, row.time_us, row.execution, row.id, row.previous, row.strand,
                       row.state, row.kind);
  return journal::crc32c(std::as_bytes(std::span(bytes)));
}

json look_at(const std::string& folder) {
  const std::string place = journal::journal_folder(folder);
  if (!journal::posix_files().exists(place)) {
    return {{"events", 0}, {"digest", json::array()}, {"scheduled", json::array()}, {"open", 0}};
  }
  const auto checked = journal::check_journal(journal::posix_files(), place);
  if (!checked) {
    return failed("fsck: " + checked.error().message);
  }
  if (checked->is_damaged()) {
    return failed("fsck: " + (checked->findings.empty() ? "damaged" : checked->findings.front().problem));
  }
  engine::Engine engine(engine::Limits::hpc());
  const auto recovered = journal::recover(journal::posix_files(), place, engine);
  if (!recovered) {
    return failed("recovery: " + recovered.error().message);
  }
  if (checked->recovered + 1 != recovered->tail.next_seq) {
    return failed("fsck and recovery come to different ends");
  }
  json answer = {{"digest", json::array()}, {"scheduled", json::array()}, {"open", recovered->tasks.size()}};
  std::uint64_t count = 0;
  std::uint32_t digest = 0;
  auto reader = journal::EventReader::open(place);
  while (true) {
    const auto next = reader ? reader->next() : tl::unexpected<lockstep::Error>(reader.error());
    if (!next) {
      return failed("reading: " + next.error().message);
    }
    if (!*next) {
      break;
    }
    const engine::Event& event = (*next)->event;
    ++count;
    digest = digest_of(digest, event);
    answer["digest"].push_back(digest);
    if (const auto* scheduled = std::get_if<engine::TaskScheduled>(&event.body)) {
      answer["scheduled"].push_back(scheduled->parameters.to_text());
    } else if (const auto* succeeded = std::get_if<engine::ExecutionSucceeded>(&event.body)) {
      answer["ended"] = succeeded->output.to_text();
    }
  }
  answer["events"] = count;
  return answer;
}

}  // namespace

int main() {
  std::string folder;
  while (std::getline(std::cin, folder)) {
    std::cout << look_at(folder).dump() << '\n' << std::flush;
  }
  return 0;
}
