// Where buckets lie: a bucket is a folder, a key the path of a file below it.
#pragma once

#include <map>
#include <string>

#include "value/error.hpp"

namespace lockstep::map_run {

struct Buckets {
  std::map<std::string, std::string> folders;  ///< bucket → absolute folder
  std::string root;  ///< absolute: bucket B is B below it where `folders` lacks it; empty: none

  /// The bucket's folder. Errors (invalid): nothing says where it is; what to do.
  Result<std::string> folder(const std::string& bucket) const;
  /// The file of that key. Errors (invalid): as folder(); or the key would lead out of the bucket.
  Result<std::string> file(const std::string& bucket, const std::string& key) const;
};

}  // namespace lockstep::map_run
