#include "map_run/readers.hpp"
#include "value/builder.hpp"

namespace lockstep::map_run {

namespace {

constexpr const char* kStateData = "STATE_DATA";

class ContainerItems final : public ItemSource {
 public:
  explicit ContainerItems(const Value& container) : container_(container) {}

  Result<std::optional<Item>> next() override {
    const Node& node = container_.node();
    if (at_ == node.size()) {
      return std::optional<Item>();
    }
    if (node.is_array()) {
      return Item{container_.part(node.at(at_++)), {}, kStateData};
    }
    const Member& member = node.member(at_++);
    return item_of_member(std::string(member.key()), container_.part(member.value()), kStateData);
  }

  std::optional<std::uint64_t> size() const override { return container_.node().size(); }

 private:
  Value container_;
  std::size_t at_ = 0;
};

}  // namespace

Item item_of_member(std::string name, const Value& value, std::string source) {
  Builder pair;
  pair.begin_object();
  pair.key("Key");
  pair.string(name);
  pair.key("Value");
  pair.value(value);
  pair.end_object();
  return {pair.finish(), std::move(name), std::move(source)};
}

std::unique_ptr<ItemSource> items_of(const Value& container) {
  return std::make_unique<ContainerItems>(container);
}

}  // namespace lockstep::map_run
