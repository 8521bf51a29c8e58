#include "map_run/result_files.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "map_run/result_shards.hpp"
#include "value/builder.hpp"

namespace lockstep::map_run {

namespace {

constexpr std::array<std::string_view, 3> kKinds = {"SUCCEEDED", "FAILED", "PENDING"};
constexpr std::array<std::size_t, 3> kKindsByName = {1, 2, 0};
constexpr std::string_view kManifest = "manifest.json";

std::size_t kind_of(ChildStatus status) {
  return status == ChildStatus::succeeded ? 0 : status == ChildStatus::pending ? 2 : 1;
}

/// {"MapRunArn", "ResultWriterDetails": {"Bucket", "Key"}}
Value state_result(const ResultTarget& target) {
  Builder result;
  result.begin_object();
  result.key("MapRunArn");
  result.string(target.map_run_arn);
  result.key("ResultWriterDetails");
  result.begin_object();
  result.key("Bucket");
  result.string(target.bucket);
  result.key("Key");
  result.string(fmt::format("{}/{}", results_key(target), kManifest));
  result.end_object();
  result.end_object();
  return result.finish();
}

class PretendedResultFiles final : public ResultFiles {
 public:
  explicit PretendedResultFiles(ResultTarget target) : target_(std::move(target)) {}

  const std::string& folder() const override { return target_.prefix; }
  Result<void> add(const ChildRecord& /*child*/) override { return {}; }
  Result<Position> sync() override { return Position(); }
  Result<Value> finish() override { return state_result(target_); }
  Result<void> begin_again() override { return {}; }

 private:
  ResultTarget target_;
};

class PosixResultFiles final : public ResultFiles {
 public:
  PosixResultFiles(ResultTarget target, std::string folder, std::string key)
      : target_(std::move(target)), folder_{std::move(folder)}, key_(std::move(key)) {}

  Result<void> go_on(const Position& position) {
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      TRY(shards_[kind].open(position.shards[kind]));
    }
    return folder_.sync();
  }

  const std::string& folder() const override { return folder_.path; }

  Result<void> add(const ChildRecord& child) override {
    return unless_broken([&] {
      ResultShards& shards = shards_[kind_of(child.status)];
      Result<void> done;
      elements_of(element_of(child, target_.transformation), target_.transformation,
                  [&](const Value& element) { done = done ? shards.add(child, one_line(element, scratch_)) : done; });
      return done;
    });
  }

  Result<Position> sync() override {
    const Result<void> done = unless_broken([&] { return sync_all(); });
    return done.map([&] { return position(); });
  }

  Result<Value> finish() override {
    const Result<void> done = unless_broken([&] { return publish(); });
    return done.map([&] { return state_result(target_); });
  }

  Result<void> begin_again() override {
    return unless_broken([&] { return begin_attempt(); });
  }

 private:
  /// After an error it is not known what of the files is as it should be.
  template <class Work>
  Result<void> unless_broken(const Work& work) {
    if (broken_) {
      return tl::unexpected<Error>(*broken_);
    }
    Result<void> done = work();
    if (!done) {
      broken_ = done.error();
    }
    return done;
  }

  Result<void> sync_all() {
    for (ResultShards& shards : shards_) {
      TRY(shards.sync());
    }
    return folder_.sync();
  }

  Result<void> publish() {
    for (ResultShards& shards : shards_) {
      TRY(shards.close());
    }
    TRY(folder_.sync());
    const Value content = TRY(manifest());
    return replace_file(folder_.path, std::string(kManifest), content.to_text());
  }

  Result<void> begin_attempt() {
    TRY(shards_[kind_of(ChildStatus::succeeded)].next());
    TRY(shards_[kind_of(ChildStatus::failed)].begin_again());
    return shards_[kind_of(ChildStatus::pending)].begin_again();
  }

  Position position() const {
    Position position;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      position.shards[kind] = shards_[kind].position();
    }
    return position;
  }

  Result<Value> manifest() const {
    Builder manifest;
    manifest.begin_object();
    manifest.key("DestinationBucket");
    manifest.string(target_.bucket);
    manifest.key("MapRunArn");
    manifest.string(target_.map_run_arn);
    manifest.key("ResultFiles");
    manifest.begin_object();
    for (const std::size_t kind : kKindsByName) {
      manifest.key(kKinds[kind]);
      manifest.begin_array();
      const std::vector<ResultShards::File> files = TRY(shards_[kind].files());
      for (const ResultShards::File& file : files) {
        manifest.begin_object();
        manifest.key("Key");
        manifest.string(fmt::format("{}/{}", key_, file.name));
        manifest.key("Size");
        manifest.integer(static_cast<std::int64_t>(file.bytes));
        manifest.end_object();
      }
      manifest.end_array();
    }
    manifest.end_object();
    manifest.end_object();
    return manifest.finish();
  }

  ResultShards shards(std::size_t kind) { return {folder_, kKinds[kind], target_.output, target_.largest_file}; }

  ResultTarget target_;
  ResultFolder folder_;
  std::string key_;
  std::array<ResultShards, kKinds.size()> shards_ = {shards(0), shards(1), shards(2)};
  std::string scratch_;
  std::optional<Error> broken_;
};

}  // namespace

std::string results_key(const ResultTarget& target) {
  std::string key = target.prefix;
  while (key.ends_with('/')) {
    key.pop_back();
  }
  key += key.empty() ? "" : "/";
  return key + target.map_run_arn.substr(target.map_run_arn.rfind(':') + 1);
}

std::unique_ptr<ResultFiles> ResultFiles::pretend(ResultTarget target) {
  return std::make_unique<PretendedResultFiles>(std::move(target));
}

Result<std::unique_ptr<ResultFiles>> ResultFiles::open(const ResultTarget& target, const Buckets& buckets,
                                                       const Position& position) {
  const std::string key = results_key(target);
  const std::string folder = TRY(buckets.folder(target.bucket));
  const std::string path = TRY(buckets.file(target.bucket, key));
  if (!TRY(size_of(folder))) {
    return fail(ErrorKind::io,
                fmt::format("cannot write results to bucket '{}': there is no folder {}: make it, or name "
                            "another one (\"buckets\" in jobs.json, --bucket {}=FOLDER, --s3-root FOLDER)",
                            target.bucket, folder, target.bucket));
  }
  TRY(make_folders(folder, key));
  auto files = std::make_unique<PosixResultFiles>(target, path, key);
  TRY(files->go_on(position));
  return files;
}

}  // namespace lockstep::map_run
