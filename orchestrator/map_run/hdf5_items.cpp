#include <fmt/format.h>

#include "hdf5/dataset.hpp"
#include "map_run/byte_stream.hpp"
#include "map_run/readers.hpp"

namespace lockstep::map_run {

namespace {

class Hdf5Items final : public ItemSource {
 public:
  Hdf5Items(hdf5::Dataset dataset, std::string path, std::string uri)
      : dataset_(std::move(dataset)), path_(std::move(path)), uri_(std::move(uri)) {}

  Result<std::optional<Item>> next() override {
    std::optional<Value> row = TRY(dataset_.next());
    return row.has_value() ? std::optional(Item{std::move(*row), {}, uri_}) : std::nullopt;
  }
  std::optional<std::uint64_t> size() const override { return dataset_.size(); }
  std::vector<std::string> files() const override { return {path_}; }

 private:
  hdf5::Dataset dataset_;
  std::string path_;
  std::string uri_;
};

}  // namespace

Result<std::unique_ptr<ItemSource>> hdf5_items(const std::string& path, std::string uri, const std::string& dataset) {
  TRY(open_file(path, uri));  // what is missing is said as for other files
  auto opened = TRY(hdf5::Dataset::open(path, dataset));
  return std::make_unique<Hdf5Items>(std::move(opened), path, std::move(uri));
}

}  // namespace lockstep::map_run
