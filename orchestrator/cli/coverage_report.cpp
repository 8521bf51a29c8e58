#include "cli/coverage_report.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>

namespace lockstep::cli {

using service::CoveragePoint;
using Kind = CoveragePoint::Kind;

namespace {

/// The lines of all points, from 1; 0 where it is not known.
std::vector<std::size_t> lines_of(const service::Coverage& coverage, const DefinitionSource& source) {
  constexpr std::size_t kAtOnce = 100;  // find_positions() does not look for many more at a time
  std::vector<std::size_t> lines;
  std::vector<asl::Diagnostic> places;
  const auto look = [&] {
    asl::find_positions(source.text, places);
    for (const asl::Diagnostic& place : places) {
      lines.push_back(place.line);
    }
    places.clear();
  };
  for (const CoveragePoint& point : coverage.points()) {
    places.emplace_back().location = point.location;
    if (places.size() == kAtOnce) {
      look();
    }
  }
  look();
  return lines;
}

std::string describe(const CoveragePoint& point, const asl::StateMachine& machine) {
  const asl::State& state = machine.state(point.state);
  const auto target = [&](asl::StateId id) { return machine.state(id).name; };
  switch (point.kind) {
    case Kind::state:
      return fmt::format("state {}", state.name);
    case Kind::choice: {
      const auto& choice = std::get<asl::Choice>(state.detail);
      return point.index < choice.rules.size()
                 ? fmt::format("choice {}[{}] to {}", state.name, point.index, target(choice.rules[point.index].next))
                 : fmt::format("choice {}, Default, to {}", state.name, target(choice.otherwise));
    }
    case Kind::retrier:
      return fmt::format("retrier {}[{}]", state.name, point.index);
    case Kind::catcher:
      return fmt::format("catcher {}[{}] to {}", state.name, point.index, target(state.catchers[point.index].next));
  }
  return "";
}

}  // namespace

std::string coverage_text(const service::Coverage& coverage, const DefinitionSource& source) {
  const std::vector<std::size_t> lines = lines_of(coverage, source);
  std::array<std::size_t, 4> all{};
  std::array<std::size_t, 4> reached{};
  std::string missing;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const CoveragePoint& point = coverage.points()[i];
    const auto kind = static_cast<std::size_t>(point.kind);
    ++all[kind];
    reached[kind] += point.reached > 0 ? 1 : 0;
    if (point.reached == 0) {
      missing += fmt::format("{}{}: never reached: {}\n", source.file, lines[i] > 0 ? fmt::format(":{}", lines[i]) : "",
                             describe(point, coverage.machine()));
    }
  }
  std::string text = "coverage:";
  for (const auto& [kind, name] : {std::pair{Kind::state, "states"}, std::pair{Kind::choice, "choice rules"},
                                   std::pair{Kind::retrier, "retriers"}, std::pair{Kind::catcher, "catchers"}}) {
    const auto at = static_cast<std::size_t>(kind);
    if (all[at] > 0) {
      text += fmt::format("{} {} {} of {} ({:.1f} %)", text.back() == ':' ? "" : ",", name, reached[at], all[at],
                          100.0 * static_cast<double>(reached[at]) / static_cast<double>(all[at]));
    }
  }
  return text + "\n" + missing;
}

std::string coverage_lcov(const service::Coverage& coverage, const DefinitionSource& source) {
  const std::vector<std::size_t> lines = lines_of(coverage, source);
  std::map<std::size_t, std::uint64_t> states;
  std::string branches;
  std::size_t found = 0;
  std::size_t hit = 0;
  std::uint64_t entered = 0;
  std::size_t line = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const CoveragePoint& point = coverage.points()[i];
    if (point.kind == Kind::state) {
      entered = point.reached;
      line = lines[i];
      states[line] += point.reached;
      continue;
    }
    // On the line of their state, where tools look for branches; a block for each kind of rule of each state.
    ++found;
    hit += point.reached > 0 ? 1 : 0;
    const std::size_t block = static_cast<std::size_t>(point.state) * 3 + static_cast<std::size_t>(point.kind) - 1;
    branches += fmt::format("BRDA:{},{},{},{}\n", line, block, point.index,
                            entered == 0 ? "-" : fmt::format("{}", point.reached));
  }
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(source.file, error).lexically_normal();
  std::string text = fmt::format("TN:\nSF:{}\n", path.string());
  std::size_t lines_hit = 0;
  for (const auto& [number, count] : states) {
    text += fmt::format("DA:{},{}\n", number, count);
    lines_hit += count > 0 ? 1 : 0;
  }
  return fmt::format("{}{}BRF:{}\nBRH:{}\nLF:{}\nLH:{}\nend_of_record\n", text, branches, found, hit, states.size(),
                     lines_hit);
}

}  // namespace lockstep::cli
