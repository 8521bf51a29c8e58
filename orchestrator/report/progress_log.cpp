#include "report/progress_log.hpp"

#include <fmt/format.h>

#include "report/format.hpp"

namespace lockstep::report {

namespace {

constexpr std::int64_t kLineTime = 30 * kMicrosPerSecond;
constexpr std::int64_t kLongestSilence = 300 * kMicrosPerSecond;
constexpr double kLinePart = 0.05;
/// Maps that get a line at the same time; a nested one hardly needs it.
constexpr std::size_t kMostMaps = 4;

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return fmt::format("{:.1f} %", whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

/// `below`: the work that there is in its items.
std::string map_counts(const MapCounts& map, const Work& below) {
  std::string text =
      map.is_read ? grouped(map.done())
                  : fmt::format("{}/{} ({})", grouped(map.done()), grouped(map.total), percent(map.done(), map.total));
  text += fmt::format(" ok {} failed {} {}", grouped(map.ok), grouped(map.failed),
                      work_text(work_of_items(map.open(), below)));
  return map.aborted == 0 ? text : text + fmt::format(" given up {}", grouped(map.aborted));
}

std::string type_name(const RunCounts& counts, asl::StateId state) {
  return std::string(to_string(counts.machine()->state(state).type));
}

}  // namespace

std::string line_prefix(Timestamp now, Timestamp start) {
  const std::int64_t seconds = std::max<std::int64_t>(now.us - start.us, 0) / kMicrosPerSecond;
  const std::string days = seconds >= 86'400 ? fmt::format("{}-", seconds / 86'400) : "";
  return fmt::format("{} +{}{:02}:{:02}:{:02} ", local_time(now).substr(11), days, seconds % 86'400 / 3'600,
                     seconds % 3'600 / 60, seconds % 60);
}

std::string notice_line(const RunCounts& counts, const Notice& notice, Timestamp start) {
  std::string line = line_prefix(notice.time, start);
  switch (notice.kind) {
    case Notice::Kind::entered:
      line += fmt::format("ENTERED {} ({})", counts.name(notice.place), type_name(counts, notice.place.state));
      break;
    case Notice::Kind::left:
      line += fmt::format("LEFT {} after {}", counts.name(notice.place), duration(notice.time.us - notice.since.us));
      line += notice.map ? " " + map_counts(*notice.map, {}) : "";
      break;
    case Notice::Kind::failed:
      line += fmt::format("FAILED {} {}", counts.name(notice.place), notice.text);
      line += notice.then.empty() ? "" : " | " + notice.then;
      break;
    case Notice::Kind::waiting:
      line += fmt::format("WAITING {} for {}", counts.name(notice.place), notice.text);
      break;
    case Notice::Kind::missed:
      line += fmt::format("… {} left out: too many at a time", counted(notice.count, notice.text));
      break;
  }
  return line;
}

std::string map_text(const RunCounts& counts, const Pace& pace, asl::StateId map) {
  const MapCounts& numbers = counts.map(map);
  std::string text = fmt::format("{} {}", counts.name({map, std::nullopt}),
                                 map_counts(numbers, counts.work()[static_cast<std::size_t>(map)]));
  if (const double rate = pace.per_second(map); rate > 0) {
    text += fmt::format(" | {:.3g}/s", rate);
  }
  if (const auto left = pace.left(map, numbers)) {
    text += fmt::format(" | left {}", brief(*left));
  }
  return text;
}

bool ProgressLog::is_due(const MapCounts& map, Told& told, Timestamp now) const {
  if (map.live == 0) {
    told.live = false;
    return false;
  }
  if (!told.live || map.done() < told.done) {
    told = {true, now, map.done()};
    return false;
  }
  const std::int64_t time = now.us - told.time.us;
  const bool far = static_cast<double>(map.done() - told.done) >= kLinePart * static_cast<double>(map.total);
  if ((time < kLineTime || !far) && time < kLongestSilence) {
    return false;
  }
  told = {true, now, map.done()};
  return true;
}

/// What a line says of the whole run.
std::string ProgressLog::rest(const RunCounts& counts, const Pace& pace, std::optional<std::int64_t> left,
                              Timestamp now) const {
  std::string text;
  if (pace.utilisation()) {
    text += fmt::format(" | util {:.0f} %", 100 * *pace.utilisation());
  }
  if (counts.retries() != 0) {
    text += fmt::format(" | retries {}", grouped(counts.retries()));
  }
  if (end_) {
    const std::int64_t until = end_->us - now.us;
    text += fmt::format(" | walltime left {}", brief(until));
    text += !left ? "" : *left <= until ? " (fits)" : " (does not fit)";
  }
  return text;
}

void ProgressLog::advance(RunCounts& counts, const Pace& pace, Timestamp now, std::vector<std::string>& lines) {
  if (counts.machine() == nullptr) {
    return;
  }
  for (const Notice& notice : counts.take_notices()) {
    lines.push_back(notice_line(counts, notice, start_));
  }
  told_.resize(counts.machine()->states.size());
  std::size_t maps = 0;
  bool any_live = false;
  for (std::size_t i = 0; i < told_.size(); ++i) {
    const asl::StateId id{static_cast<std::uint32_t>(i)};
    const MapCounts& map = counts.map(id);
    any_live = any_live || map.live > 0;
    if (is_due(map, told_[i], now) && maps < kMostMaps) {
      ++maps;
      lines.push_back(line_prefix(now, start_) + map_text(counts, pace, id) +
                      rest(counts, pace, pace.left(id, map), now));
    }
  }
  // Without a Map there is nothing to count towards, but whoever follows the log wants to see that something goes on.
  if (any_live || !told_tasks_ || !lines.empty()) {
    told_tasks_ = now;
  } else if (now.us - told_tasks_->us >= kLongestSilence && counts.status() == engine::Status::running) {
    told_tasks_ = now;
    lines.push_back(line_prefix(now, start_) +
                    fmt::format("tasks ok {} failed {} {}", grouped(counts.tasks_ok()), grouped(counts.tasks_failed()),
                                work_text(counts.all_work())) +
                    rest(counts, pace, std::nullopt, now));
  }
}

}  // namespace lockstep::report
