// What run, resume and redrive have in common on the command line: how the run is to be owned and carried out.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "journal/format.hpp"
#include "value/error.hpp"

namespace lockstep::cli {

struct OwnerOptions {
  std::string folder;   ///< path of the run folder; empty: chosen
  std::string ranks;    ///< "", a number or "all"
  unsigned slots = 0;   ///< per rank; 0: by the affinity mask
  double grace = 10;    ///< seconds that tasks have to end after a signal
  std::string history;  ///< path; empty: none
  std::string sync = "group";
  std::string output_limit = "256M";  ///< sizes, for parse_size()
  std::string log_limit = "16G";
  unsigned retain_days = 90;
  bool takeover = false;
  bool quiet = false;

  void add_to(boost::program_options::options_description& options);
  /// Whether the values make sense. An error (usage) names the option.
  Result<void> check(const boost::program_options::variables_map& given) const;
  journal::Sync sync_mode() const;
};

/// Bytes: a number, perhaps with K, M, G or T behind it (powers of 1024). Nothing where the text is none, or too large.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace lockstep::cli
