#include "cli/owner_options.hpp"

#include <fmt/format.h>

#include <charconv>

namespace lockstep::cli {

namespace po = boost::program_options;

void OwnerOptions::add_to(po::options_description& options) {
  options.add_options()  //
      ("ranks", po::value(&ranks)->value_name("N|all"),
       "start mpirun with so many ranks; rank 0 coordinates")                                                //
      ("slots", po::value(&slots)->value_name("N"), "tasks at a time on each rank; its cores unless given")  //
      ("grace", po::value(&grace)->value_name("SECONDS"),
       "that tasks have to end after TERM, INT or USR1; 10 unless given")  //
      ("sync", po::value(&sync)->value_name("MODE"),
       "what is on stable storage when it counts: group (default), every (each event by itself), none (survives kill, "
       "not power loss)")  //
      ("retain", po::value(&retain_days)->value_name("DAYS"),
       "how long the history of executions that are over is kept; 90 unless given")      //
      ("takeover", po::bool_switch(&takeover), "take the run from an owner that hangs")  //
      ("history", po::value(&history)->value_name("FILE"), "write AWS's history there")  //
      ("quiet", po::bool_switch(&quiet), "say nothing on stderr but errors");
}

Result<void> OwnerOptions::check(const po::variables_map& given) const {
  // "$UNSET" on a command line is a mistake, and no wish for the default.
  for (const char* option : {"dir", "ranks", "history"}) {
    if (given.count(option) != 0 && given[option].as<std::string>().empty()) {
      return fail(ErrorKind::usage, fmt::format("--{} is given, but empty", option));
    }
  }
  if (!ranks.empty() && ranks != "all") {
    unsigned count = 0;
    const auto [end, problem] = std::from_chars(ranks.data(), ranks.data() + ranks.size(), count);
    if (problem != std::errc() || end != ranks.data() + ranks.size() || count < 1 || count > 1'000'000) {
      return fail(ErrorKind::usage, fmt::format("--ranks is a number from 1 or all, not '{}'", ranks));
    }
  }
  constexpr unsigned kMostSlots = 100'000;
  if (slots > kMostSlots) {
    return fail(ErrorKind::usage, fmt::format("--slots is at most {}", kMostSlots));
  }
  if (!(grace >= 0 && grace <= 1e6)) {
    return fail(ErrorKind::usage, "--grace is a number of seconds from 0");
  }
  if (sync != "group" && sync != "every" && sync != "none") {
    return fail(ErrorKind::usage, fmt::format("--sync is group, every or none, not '{}'", sync));
  }
  constexpr unsigned kMostDays = 36'500;
  if (retain_days > kMostDays) {
    return fail(ErrorKind::usage, fmt::format("--retain is a number of days up to {}", kMostDays));
  }
  return {};
}

journal::Sync OwnerOptions::sync_mode() const {
  return sync == "every" ? journal::Sync::every : sync == "none" ? journal::Sync::none : journal::Sync::group;
}

}  // namespace lockstep::cli
