// A process that does nothing but write to a journal, to be killed: appends Events whose content follows from their
// number, and says on standard output which are durable. `check` reads them back.
//
//   journal_writer write FOLDER COUNT [ack-early]    goes on where the journal ends, up to event COUNT; exit status 0;
//                                                    ack-early says so before it has appended them
//   journal_writer check FOLDER ACKS                 0 if every event that ACKS (the output of all writers) names is
//                                                    there, in order, once, as it was written
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "journal/recovery.hpp"

namespace {

namespace engine = lockstep::engine;
namespace journal = lockstep::journal;
using lockstep::Value;

std::string content(std::uint64_t number) {
  std::string text = fmt::format("\"event {} ", number);
  // Some bodies share their text, some are long, a few are files of their own.
  std::size_t length = 10 + number * 7919 % 300;
  if (number % 97 == 0) {
    length = 20'000;
  }
  if (number % 2'003 == 0) {
    length = journal::kLongestInlineText + 100;
  }
  text.append(length, static_cast<char>('a' + number % 26));
  return text + '"';
}

engine::Event make(std::uint64_t number) {
  engine::Event event;
  event.execution = engine::ExecutionId{number % 50};
  event.strand = engine::StrandId::top;
  event.id = number;
  event.time = lockstep::Timestamp{static_cast<std::int64_t>(number)};
  event.body = engine::TaskSucceeded{Value::from_checked_text(content(number))};
  return event;
}

void say(std::uint64_t number) {
  const std::string line = fmt::format("{}\n", number);
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::_Exit(3);
  }
}

int complain(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  return 1;
}

int write_events(const std::string& folder, std::uint64_t count, bool ack_early) {
  engine::Engine engine(engine::Limits::hpc());
  journal::OpenOptions options;
  options.journal.first_segment = {256, 64 << 10};
  options.journal.largest_segment = {1'024, 256 << 10};
  options.checkpoint.every_bytes = 512 << 10;
  options.checkpoint.idle = std::chrono::milliseconds(5);
  auto run = journal::open_run(folder, engine, options);
  if (!run) {
    return complain(run.error().message);
  }
  journal::DurableJournal& opened = *run->journal;
  std::uint64_t next = run->recovered.tail.next_seq;
  say(next - 1);
  std::uint64_t said = next - 1;
  while (said < count) {
    std::vector<engine::Event> events;
    const std::uint64_t batch = 1 + next * 31 % 17;
    while (events.size() < batch && next <= count) {
      events.push_back(make(next++));
    }
    if (ack_early) {
      say(next - 1);
      ::usleep(200);  // as slow as one that waits for the disk
    }
    opened.append(events);
    run->checkpointer->step(engine);
    std::uint64_t durable = opened.durable();
    if (!ack_early && (next % 3 == 0 || next > count)) {
      if (const auto done = opened.sync(); !done) {
        return complain(done.error().message);
      }
      durable = opened.durable();
    }
    if (durable > said) {
      said = durable;
      say(said);
    }
  }
  return 0;
}

int check_events(const std::string& folder, const std::string& acks) {
  std::ifstream lines(acks);
  std::uint64_t acknowledged = 0;
  std::string line;
  while (std::getline(lines, line)) {
    if (!lines.eof()) {  // a line that was cut off was not said
      acknowledged = std::max<std::uint64_t>(acknowledged, std::strtoull(line.c_str(), nullptr, 10));
    }
  }
  auto reader = journal::EventReader::open(journal::journal_folder(folder));
  std::uint64_t read = 0;
  while (true) {
    const auto next = reader ? reader->next() : tl::unexpected<lockstep::Error>(reader.error());
    if (!next) {
      return complain(next.error().message);
    }
    if (!*next) {
      break;
    }
    ++read;
    const auto* body = std::get_if<engine::TaskSucceeded>(&(*next)->event.body);
    if ((*next)->seq != read || body == nullptr || body->result.to_text() != content(read)) {
      return complain(fmt::format("event {} is not what was written", read));
    }
  }
  if (read < acknowledged) {
    return complain(fmt::format("{} events were acknowledged, {} are there", acknowledged, read));
  }
  fmt::print("{} events, {} acknowledged\n", read, acknowledged);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 4 && std::strcmp(argv[1], "write") == 0) {
    return write_events(argv[2], std::strtoull(argv[3], nullptr, 10), argc > 4);
  }
  if (argc == 4 && std::strcmp(argv[1], "check") == 0) {
    return check_events(argv[2], argv[3]);
  }
  return complain("usage: journal_writer write FOLDER COUNT [ack-early] | check FOLDER ACKS");
}
