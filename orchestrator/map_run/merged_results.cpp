#include "map_run/merged_results.hpp"

#include <fmt/format.h>

#include "map_run/child_record.hpp"
#include "map_run/new_file.hpp"
#include "map_run/readers.hpp"

namespace lockstep::map_run {

namespace {

/// Reads JSON, JSONL or HDF5.
Result<std::unique_ptr<ItemSource>> open_object(const Buckets& buckets, const ResultTarget& target,
                                                const std::string& key, const char* type, const char* pointer) {
  asl::ItemReader reader;
  reader.input_type = type;
  reader.items_pointer = pointer;
  const std::string path = TRY(buckets.file(target.bucket, key));
  return object_items(reader, path, path);
}

Result<std::unique_ptr<ItemSource>> open_shard(const Buckets& buckets, const ResultTarget& target,
                                               const std::string& key) {
  switch (target.output) {
    case OutputType::hdf5:
      return open_object(buckets, target, key, "HDF5", "/results");
    case OutputType::lines:
      return open_object(buckets, target, key, "JSONL", "");
    case OutputType::json:
      break;
  }
  return open_object(buckets, target, key, "JSON", "");
}

/// The keys of the SUCCEEDED files.
Result<std::vector<std::string>> read_manifest(const Buckets& buckets, const ResultTarget& target) {
  const std::string key = results_key(target) + "/manifest.json";
  const std::string path = TRY(buckets.file(target.bucket, key));
  if (!TRY(size_of(path))) {
    return fail(ErrorKind::invalid,
                fmt::format("there is no {}: results can be merged when the Map Run is over", path));
  }
  auto files = TRY(open_object(buckets, target, key, "JSON", "/ResultFiles/SUCCEEDED"));
  std::vector<std::string> keys;
  while (const auto file = TRY(files->next())) {
    const Node* name = file->value.node().find("Key");
    if (name == nullptr || !name->is_string()) {
      return fail(ErrorKind::invalid, fmt::format("{} is no manifest of a Map Run", path));
    }
    keys.emplace_back(name->as_string());
  }
  return keys;
}

}  // namespace

Result<std::uint64_t> merge_results(const Buckets& buckets, const ResultTarget& target, const std::string& file) {
  const bool lines = file.ends_with(".jsonl");
  const std::vector<std::string> shards = TRY(read_manifest(buckets, target));
  auto out = TRY(NewFile::open(file));
  std::uint64_t count = 0;
  std::string scratch;
  for (const std::string& shard : shards) {
    auto elements = TRY(open_shard(buckets, target, shard));
    while (const auto element = TRY(elements->next())) {
      const bool is_text = target.output == OutputType::hdf5;
      out.pending() += lines ? "" : count == 0 ? "[\n" : ",\n";
      out.pending() += is_text ? element->value.node().as_string() : one_line(element->value, scratch);
      out.pending() += lines ? "\n" : "";
      ++count;
      TRY(out.write_if_much());
    }
  }
  out.pending() += lines ? "" : count == 0 ? "[]\n" : "\n]\n";
  TRY(out.finish());
  return count;
}

}  // namespace lockstep::map_run
