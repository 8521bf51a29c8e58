#include <fmt/format.h>

#include "map_run/json_cursor.hpp"
#include "map_run/json_pointer.hpp"
#include "map_run/readers.hpp"
#include "value/number.hpp"

namespace lockstep::map_run {

namespace {

class JsonItems final : public TextItems {
 public:
  explicit JsonItems(TextReader reader) : TextItems(std::move(reader)), cursor_(reader_) {}

  Result<void> begin(const std::string& pointer) {
    for (const std::string& token : pointer_tokens(pointer)) {
      const bool found = TRY(descend(token));
      if (!found) {
        return fail(ErrorKind::invalid, fmt::format("Attempting to map over non-iterable node. (ItemsPointer {} leads "
                                                    "nowhere in {})",
                                                    pointer, reader_.uri()));
      }
    }
    const int c = TRY(cursor_.peek());
    if (c == JsonCursor::kEnd) {
      return cursor_.not_json("No content to map due to end-of-input");
    }
    // AWS refuses an object that is the whole text, and takes one that a pointer leads to.
    if (c != '[' && (c != '{' || pointer.empty())) {
      if (c != '{') {
        TRY(cursor_.value());  // where it is no JSON, that is said
      }
      return fail(ErrorKind::invalid, "Attempting to map over non-iterable node.");
    }
    enter(static_cast<char>(c));
    return {};
  }

  Result<std::optional<Item>> next() override {
    if (is_items_) {
      is_items_ = TRY(next_member());
    }
    if (!is_items_) {
      TRY(finish());
      return std::optional<Item>();
    }
    if (open_.back() == '[') {
      Value element = TRY(cursor_.value());
      return item(std::move(element));
    }
    std::string name = TRY(cursor_.name());
    const Value value = TRY(cursor_.value());
    return item_of_member(std::move(name), value, reader_.uri());
  }

 private:
  void enter(char bracket) {
    cursor_.step();
    open_ += bracket;
    first_ = true;
  }

  /// Whether the innermost container goes on; it is left where it does not.
  Result<bool> next_member() {
    const int c = TRY(cursor_.peek());
    if (c == (open_.back() == '[' ? ']' : '}')) {
      cursor_.step();
      open_.pop_back();
      first_ = false;
      return false;
    }
    if (!first_) {
      TRY(cursor_.step_over(','));
    }
    first_ = false;
    return true;
  }

  /// Enters the container here and goes to its member `token`; false: there is none.
  Result<bool> descend(const std::string& token) {
    const int c = TRY(cursor_.peek());
    std::uint64_t index = 0;
    if (c == '[') {
      if (!parse_whole(token, index) || (token.size() > 1 && token[0] == '0')) {
        return false;
      }
    } else if (c != '{') {
      return false;
    }
    enter(static_cast<char>(c));
    while (true) {
      const bool any = TRY(next_member());
      if (!any) {
        return false;
      }
      std::string name;
      if (c == '{') {
        name = TRY(cursor_.name());
      }
      if (c == '{' ? name == token : index-- == 0) {
        return true;
      }
      TRY(cursor_.skip());
    }
  }

  /// Reads what stands behind the items: half a text is no text.
  Result<void> finish() {
    while (!open_.empty()) {
      const bool any = TRY(next_member());
      if (any) {
        if (open_.back() == '{') {
          TRY(cursor_.name());
        }
        TRY(cursor_.skip());
      }
    }
    const int c = TRY(cursor_.peek());
    if (c != JsonCursor::kEnd) {
      return cursor_.not_json("something stands behind its end");
    }
    return {};
  }

  JsonCursor cursor_;
  std::string open_;      // brackets of the containers that are open here, the innermost last
  bool first_ = false;    // no member of the innermost was seen
  bool is_items_ = true;  // the innermost is the one whose members are the items
};

}  // namespace

Result<std::unique_ptr<ItemSource>> json_items(TextReader reader, const std::string& pointer) {
  auto items = std::make_unique<JsonItems>(std::move(reader));
  TRY(items->begin(pointer));
  return items;
}

}  // namespace lockstep::map_run
