#include "cli/bucket_options.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

namespace lockstep::cli {

namespace po = boost::program_options;

void BucketOptions::add_to(po::options_description& options) {
  options.add_options()  //
      ("bucket", po::value(&buckets)->value_name("NAME=FOLDER"),
       "where the bucket NAME lies, of which a Distributed Map reads or writes; may be repeated")  //
      ("s3-root", po::value(&root)->value_name("FOLDER"),
       "where the other buckets lie: FOLDER/NAME (default: $LOCKSTEP_S3_ROOT)");
}

Result<void> BucketOptions::put_into(service::RunRequest& request) const {
  const char* set = std::getenv("LOCKSTEP_S3_ROOT");
  const bool is_given = !buckets.empty() || !root.empty();
  const std::string below = !root.empty()                                                 ? root
                            : set != nullptr && (is_given || request.bucket_root.empty()) ? set
                                                                                          : "";
  if (!is_given && below.empty()) {
    return {};
  }
  if (is_given) {
    request.buckets.clear();
  }
  for (const std::string& bucket : buckets) {
    const std::size_t at = bucket.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == bucket.size()) {
      return fail(ErrorKind::usage, fmt::format("--bucket is NAME=FOLDER, not '{}'", bucket));
    }
    request.buckets.insert_or_assign(bucket.substr(0, at), std::filesystem::absolute(bucket.substr(at + 1)).string());
  }
  request.bucket_root = below.empty() ? "" : std::filesystem::absolute(below).string();
  return {};
}

}  // namespace lockstep::cli
