#include "report/progress_frame.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/format.hpp"
#include "report/progress_log.hpp"

namespace lockstep::report {

namespace {

constexpr std::size_t kMostFrameLines = 16;
constexpr std::size_t kBar = 24;
constexpr std::size_t kLeastBar = 8;

constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kPlain = "\x1b[0m";

struct Row {
  asl::StateId state;
  std::size_t depth;
};

/// States that somebody is in, in the order of the text, inner ones below those that they belong to.
void list_rows(const RunCounts& counts, asl::ScopeId scope, std::size_t depth, std::vector<Row>& rows) {
  const asl::StateMachine& machine = *counts.machine();
  for (const asl::StateId id : machine.scope(scope).states) {
    if (counts.in_state()[static_cast<std::size_t>(id)] == 0) {
      continue;
    }
    rows.push_back({id, depth});
    const asl::State& state = machine.state(id);
    if (const auto* map = std::get_if<asl::Map>(&state.detail)) {
      list_rows(counts, map->processor, depth + 1, rows);
    } else if (const auto* parallel = std::get_if<asl::Parallel>(&state.detail)) {
      for (const asl::ScopeId branch : parallel->branches) {
        list_rows(counts, branch, depth + 1, rows);
      }
    }
  }
}

std::string bar(const MapCounts& map, std::size_t width, bool colour) {
  const double whole = static_cast<double>(std::max<std::uint64_t>(map.total, 1));
  const auto part = [&](std::uint64_t count) {
    return std::min(width, static_cast<std::size_t>(static_cast<double>(count) / whole * static_cast<double>(width)));
  };
  const std::size_t bad = std::max<std::size_t>(part(map.failed + map.aborted), map.failed > 0 ? 1 : 0);
  const std::size_t done = std::max(part(map.done()), bad);
  std::string text = "[";
  text += colour ? kGreen : std::string_view();
  text += std::string(done - bad, '#');
  text += colour && bad > 0 ? kRed : std::string_view();
  text += std::string(bad, colour ? '#' : 'x');
  text += colour ? kPlain : std::string_view();
  return text + std::string(width - done, '.') + "]";
}

std::string map_row(const RunCounts& counts, const Pace& pace, const Work& below, asl::StateId id, std::size_t room,
                    bool colour) {
  const MapCounts& map = counts.map(id);
  std::string numbers =
      map.is_read ? " " + grouped(map.done()) : fmt::format(" {}/{}", grouped(map.done()), grouped(map.total));
  std::vector<std::string> more;
  if (map.total > 0) {
    more.push_back(fmt::format(" {} %", map.done() * 100 / map.total));
  }
  if (map.failed > 0) {
    more.push_back(fmt::format("  failed {}", grouped(map.failed)));
  }
  more.push_back("  " + work_text(work_of_items(map.open(), below)));
  if (const double rate = pace.per_second(id); rate > 0) {
    more.push_back(fmt::format("  {:.3g}/s", rate));
  }
  if (const auto left = pace.left(id, map)) {
    more.push_back(fmt::format("  left {}", brief(*left)));
  }
  // What matters most stands first: the rest goes where there is room.
  std::size_t length = kBar;
  for (const std::string& text : more) {
    if (numbers.size() + text.size() + kLeastBar + 2 > room) {
      break;
    }
    numbers += text;
  }
  length = std::min(kBar, room > numbers.size() + 2 ? room - numbers.size() - 2 : 0);
  return length < kLeastBar ? one_line(numbers.substr(1), room) : bar(map, length, colour) + numbers;
}

std::string head(const RunCounts& counts, const Pace& pace, Timestamp now, Timestamp start, std::size_t columns) {
  const std::int64_t elapsed = std::max<std::int64_t>(now.us - start.us, 0);
  std::string text =
      line_prefix(now, start).substr(9) + fmt::format("tasks ok {} failed {} {}", grouped(counts.tasks_ok()),
                                                      grouped(counts.tasks_failed()), work_text(counts.all_work()));
  if (elapsed > kMicrosPerSecond && counts.tasks_ok() > 0) {
    text += fmt::format(" | {:.3g}/s",
                        static_cast<double>(counts.tasks_ok()) * kMicrosPerSecond / static_cast<double>(elapsed));
  }
  if (pace.utilisation()) {
    text += fmt::format(" | util {:.0f} %", 100 * *pace.utilisation());
  }
  if (counts.retries() > 0) {
    text += fmt::format(" | retries {}", grouped(counts.retries()));
  }
  return one_line(text, columns);
}

}  // namespace

std::vector<std::string> progress_frame(const RunCounts& counts, const Pace& pace, Timestamp now, Timestamp start,
                                        FrameSize size, bool colour) {
  std::vector<std::string> lines;
  if (counts.machine() == nullptr || size.rows < 3 || size.columns < 20) {
    return lines;
  }
  // The last column stays free: some terminals begin a new line behind it.
  const std::size_t columns = size.columns - 1;
  std::vector<Row> rows;
  list_rows(counts, asl::ScopeId::top, 0, rows);
  const std::size_t room_for_rows = std::min(kMostFrameLines, size.rows - 1) - 1;
  const std::size_t shown = rows.size() <= room_for_rows ? rows.size() : room_for_rows - 1;
  const std::vector<Work> work = counts.work();
  std::size_t names = 0;
  const asl::StateMachine& machine = *counts.machine();
  for (std::size_t i = 0; i < shown; ++i) {
    names = std::max(names, rows[i].depth * 2 + width(one_line(machine.state(rows[i].state).name, kNameColumn)));
  }
  names = std::min(names, columns / 2);
  lines.push_back(head(counts, pace, now, start, columns));
  for (std::size_t i = 0; i < shown; ++i) {
    const asl::State& state = machine.state(rows[i].state);
    std::string line = one_line(std::string(rows[i].depth * 2, ' ') + one_line(state.name, kNameColumn), names);
    line += std::string(names - std::min(names, width(line)) + 1, ' ');
    const std::size_t room = columns - width(line);
    if (state.type == asl::StateType::map) {
      line += map_row(counts, pace, work[static_cast<std::size_t>(state.id)], state.id, room, colour);
    } else {
      const auto index = static_cast<std::size_t>(state.id);
      const bool works = state.type == asl::StateType::task || state.type == asl::StateType::wait;
      line += one_line(fmt::format("{} since {}", works ? work_words(work[index]) : grouped(counts.in_state()[index]),
                                   brief(now.us - counts.busy_since(state.id).us)),
                       room);
    }
    lines.push_back(std::move(line));
  }
  if (shown < rows.size()) {
    lines.push_back(one_line(fmt::format("… and {}", counted(rows.size() - shown, "more state")), columns));
  }
  return lines;
}

}  // namespace lockstep::report
