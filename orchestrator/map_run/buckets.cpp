#include "map_run/buckets.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace lockstep::map_run {

Result<std::string> Buckets::folder(const std::string& bucket) const {
  if (const auto known = folders.find(bucket); known != folders.end()) {
    return known->second;
  }
  if (root.empty() || bucket.empty() || bucket.find('/') != std::string::npos || bucket == "." || bucket == "..") {
    return fail(ErrorKind::invalid, fmt::format("nothing says where bucket '{}' is: name its folder in jobs.json "
                                                "(\"buckets\"), by --bucket {}=FOLDER or by --s3-root FOLDER",
                                                bucket, bucket.empty() ? "NAME" : bucket));
  }
  return root + "/" + bucket;
}

Result<std::string> Buckets::file(const std::string& bucket, const std::string& key) const {
  std::string path = TRY(folder(bucket));
  const auto relative = std::filesystem::path(key).lexically_normal();
  if (key.empty() || relative.is_absolute() || *relative.begin() == "..") {
    return fail(ErrorKind::invalid, fmt::format("the key '{}' leads out of bucket '{}'", key, bucket));
  }
  return path + "/" + key;
}

}  // namespace lockstep::map_run
