#include "cli/owner_options.hpp"

#include <fmt/format.h>

#include <charconv>

#include "mpi_worker/protocol.hpp"
#include "value/number.hpp"

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
       "how long the history of executions that are over is kept; 90 unless given")  //
      ("output-limit", po::value(&output_limit)->value_name("SIZE"),
       "longest result of a task, up to 2000M; 256M unless given")  //
      ("log-limit", po::value(&log_limit)->value_name("SIZE"),
       "of logs/, which the ranks share evenly; 16G unless given")                       //
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
    if (!parse_whole(ranks, count) || count < 1 || count > 1'000'000) {
      return fail(ErrorKind::usage, fmt::format("--ranks is a number from 1 or all, not '{}'", ranks));
    }
  }
  constexpr unsigned kMostSlots = 100'000;
  if ((given.count("slots") != 0 && slots == 0) || slots > kMostSlots) {
    return fail(ErrorKind::usage, fmt::format("--slots is a number from 1 to {}; without it there is a slot for each "
                                              "core",
                                              kMostSlots));
  }
  if (!(grace >= 0 && grace <= 1e6)) {
    return fail(ErrorKind::usage, "--grace is a number of seconds from 0");
  }
  if (sync != "group" && sync != "every" && sync != "none") {
    return fail(ErrorKind::usage, fmt::format("--sync is group, every or none, not '{}'", sync));
  }
  for (const auto& [option, text] : {std::pair("output-limit", &output_limit), std::pair("log-limit", &log_limit)}) {
    if (!parse_size(*text)) {
      return fail(ErrorKind::usage, fmt::format("--{} is a size such as 500M or 2G, not '{}'", option, *text));
    }
  }
  if (*parse_size(output_limit) > worker::kMaxPayload) {
    return fail(ErrorKind::usage, fmt::format("--output-limit is at most {}M", worker::kMaxPayload >> 20U));
  }
  constexpr unsigned kMostDays = 36'500;
  if (retain_days > kMostDays) {
    return fail(ErrorKind::usage, fmt::format("--retain is a number of days up to {}", kMostDays));
  }
  return {};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc()) {
    return std::nullopt;
  }
  constexpr std::string_view kUnits = "KMGT";
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::size_t power = unit.size() == 1 ? kUnits.find(unit.front()) : std::string_view::npos;
  if (!unit.empty() && power == std::string_view::npos) {
    return std::nullopt;
  }
  const std::size_t bits = unit.empty() ? 0 : 10 * (power + 1);
  return number > (UINT64_MAX >> bits) ? std::nullopt : std::optional(number << bits);
}

journal::Sync OwnerOptions::sync_mode() const {
  return sync == "every" ? journal::Sync::every : sync == "none" ? journal::Sync::none : journal::Sync::group;
}

}  // namespace lockstep::cli
