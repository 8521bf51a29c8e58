#include "report/run_summary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/format.hpp"
#include "report/tally.hpp"

namespace lockstep::report {

namespace {

/// Of fewer tasks the slowest are no news.
constexpr std::uint64_t kManyTasks = 10;
constexpr std::int64_t kSlow = 1'000;

std::string tasks_line(const RunCounts& counts, const SummaryFacts& facts) {
  std::string line = fmt::format("tasks: ok {} failed {}", grouped(counts.tasks_ok()), grouped(counts.tasks_failed()));
  line += counts.retries() > 0 ? fmt::format(" retries {}", grouped(counts.retries())) : "";
  const double wall = static_cast<double>(std::max<std::int64_t>(facts.wall, 1));
  line += fmt::format(" | {:.3g}/s", static_cast<double>(counts.tasks_done()) * kMicrosPerSecond / wall);
  if (counts.cpu().count() > 0) {
    line += fmt::format(" | cpu {}", duration(counts.cpu().count()));
  }
  if (counts.max_rss_kib() > 0) {
    line += fmt::format(" | max rss {} MiB", grouped(static_cast<std::uint64_t>(counts.max_rss_kib() + 1023) / 1024));
  }
  if (facts.slots > 0) {
    const auto used = [&](std::size_t slots) {
      return std::min(100.0, 100 * static_cast<double>(counts.busy().count()) / (wall * static_cast<double>(slots)));
    };
    line += fmt::format(" | util {:.0f} % of {}", used(facts.slots), counted(facts.slots, "slot"));
    line += facts.rank_0_apart ? fmt::format(" ({:.0f} % with rank 0)", used(facts.slots + 1)) : "";
  }
  return line;
}

std::string slowest_line(const RunCounts& counts) {
  std::string line = "slowest:";
  for (const SlowTask& task : counts.slowest()) {
    line += fmt::format("{} {} {}", line.back() == ':' ? "" : ",", counts.name(task.place), duration(task.us));
    line += task.rank > 0 ? fmt::format(" (rank {})", task.rank) : "";
  }
  return line;
}

void add_failures(const RunCounts& counts, std::vector<std::string>& lines) {
  std::vector<const FailureKind*> kinds;
  std::uint64_t rest = counts.failures_not_kept();
  for (std::size_t i = 0; i < counts.failures().size(); ++i) {
    if (counts.told_at_end() != i) {
      kinds.push_back(&counts.failures()[i]);
    }
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const FailureKind* a, const FailureKind* b) { return a->count > b->count; });
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const FailureKind& kind = *kinds[i];
    if (i >= kMostFailures) {
      rest += kind.count;
      continue;
    }
    std::string line =
        fmt::format("failed {} x {}", grouped(kind.count), kind.error.empty() ? "(no error name)" : kind.error);
    line += kind.cause.empty() ? "" : ": " + kind.cause;
    line += kind.caught == 0            ? ""
            : kind.caught == kind.count ? " | caught"
                                        : fmt::format(" | {} caught", grouped(kind.caught));
    line += fmt::format(" | first {} at {}", counts.name(kind.first), local_time(kind.time).substr(11));
    line += kind.end.empty() ? "" : ": " + kind.end;
    lines.push_back(std::move(line));
  }
  if (rest > 0) {
    lines.push_back(fmt::format("failed {} x of other errors and causes", grouped(rest)));
  }
}

}  // namespace

std::vector<std::string> run_summary(const RunCounts& counts, const SummaryFacts& facts) {
  std::vector<std::string> lines;
  if (facts.interrupted) {
    lines.push_back(fmt::format("stopped by {} with work left, after {}", facts.because, duration(facts.wall)));
  } else {
    lines.push_back(fmt::format("{} in {}", to_string(counts.status()), duration(facts.wall)));
    lines.back() += counts.end_text().empty() ? "" : ": " + counts.end_text();
  }
  if (counts.tasks_done() + counts.tasks_failed() > 0) {
    lines.push_back(tasks_line(counts, facts));
  }
  if (counts.tasks_done() >= kManyTasks && !counts.slowest().empty() && counts.slowest().front().us >= kSlow) {
    lines.push_back(slowest_line(counts));
  }
  add_failures(counts, lines);
  if (facts.may_redrive && !counts.may_be_redriven()) {
    lines.emplace_back(kRedriveInVain);
  } else if (!facts.next.empty()) {
    lines.push_back(fmt::format("go on with: {}", facts.next));
  }
  return lines;
}

}  // namespace lockstep::report
