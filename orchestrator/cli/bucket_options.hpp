// Where buckets lie: the options of the commands that read and write them.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "service/run_folder.hpp"

namespace lockstep::cli {

struct BucketOptions {
  std::vector<std::string> buckets;  ///< "NAME=FOLDER"
  std::string root;                  ///< FOLDER; empty: as LOCKSTEP_S3_ROOT says

  void add_to(boost::program_options::options_description& options);
  /// Where any are given, they take the place of those that `request` has. Errors (usage): not NAME=FOLDER.
  Result<void> put_into(service::RunRequest& request) const;
};

}  // namespace lockstep::cli
