#include "map_run/kept_list.hpp"

#include <filesystem>

#include "map_run/new_file.hpp"
#include "map_run/readers.hpp"
#include "value/builder.hpp"

namespace lockstep::map_run {

namespace {

/// [key, size, seconds, nanoseconds]
std::string line_of(const ListedObject& object) {
  Builder line;
  line.begin_array();
  line.string(object.key);
  line.integer(static_cast<std::int64_t>(object.size));
  line.integer(object.modified_s);
  line.integer(object.modified_ns);
  line.end_array();
  return line.finish().to_text() + "\n";
}

class KeptList final : public Objects {
 public:
  KeptList(std::unique_ptr<ItemSource> lines, std::string folder)
      : lines_(std::move(lines)), folder_(std::move(folder)) {}

  Result<std::optional<ListedObject>> next() override {
    const auto line = TRY(lines_->next());
    if (!line) {
      return std::optional<ListedObject>();
    }
    const Node& node = line->value.node();
    if (!node.is_array() || node.size() != 4 || !node.at(0).is_string()) {
      return fail(ErrorKind::io, "the listing that the Map Run has kept is damaged");
    }
    ListedObject object{std::string(node.at(0).as_string()), {}};
    object.path = folder_ + "/" + object.key;
    object.size = static_cast<std::uint64_t>(node.at(1).as_integer().value_or(0));
    object.modified_s = node.at(2).as_integer().value_or(0);
    object.modified_ns = node.at(3).as_integer().value_or(0);
    return object;
  }

 private:
  std::unique_ptr<ItemSource> lines_;
  std::string folder_;
};

}  // namespace

Result<std::unique_ptr<Objects>> keep_list(ObjectList list, const std::string& folder, const std::string& kept) {
  if (!TRY(size_of(kept))) {
    auto file = TRY(NewFile::open(kept));
    while (const auto object = TRY(list.next())) {
      file.pending() += line_of(*object);
      TRY(file.write_if_much());
    }
    TRY(file.finish());
    TRY(sync_folder(std::filesystem::path(kept).parent_path().string()));
  }
  auto lines = TRY(TextReader::open(kept, kept));
  return std::make_unique<KeptList>(json_line_items(std::move(lines)), folder);
}

}  // namespace lockstep::map_run
