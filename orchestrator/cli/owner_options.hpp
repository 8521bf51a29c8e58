// What run, resume and redrive have in common on the command line: how the run is to be owned and carried out.
#pragma once

#include <boost/program_options.hpp>
#include <string>

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
  unsigned retain_days = 90;
  bool takeover = false;
  bool quiet = false;

  void add_to(boost::program_options::options_description& options);
  /// Whether the values make sense. An error (usage) names the option.
  Result<void> check(const boost::program_options::variables_map& given) const;
  journal::Sync sync_mode() const;
};

}  // namespace lockstep::cli
