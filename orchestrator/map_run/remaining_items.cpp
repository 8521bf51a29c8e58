#include "map_run/remaining_items.hpp"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "map_run/child_record.hpp"
#include "map_run/json_pointer.hpp"
#include "map_run/new_file.hpp"
#include "map_run/readers.hpp"

namespace lockstep::map_run {

namespace {

constexpr std::string_view kName = "REMAINING_ITEMS";

/// How items stand in a file.
class Form {
 public:
  virtual ~Form() = default;
  virtual std::string_view suffix() const = 0;
  virtual void append(std::string& out, const Item& item, bool first) = 0;
  virtual void append_end(std::string& /*out*/) {}
};

class LinesForm final : public Form {
 public:
  explicit LinesForm(bool json) : json_(json) {}
  std::string_view suffix() const override { return json_ ? ".jsonl" : ".txt"; }
  void append(std::string& out, const Item& item, bool /*first*/) override {
    out += json_ ? one_line(item.value, scratch_) : item.value.node().as_string();
    out += '\n';
  }

 private:
  bool json_;
  std::string scratch_;
};

class JsonForm final : public Form {
 public:
  explicit JsonForm(std::string_view pointer) : tokens_(pointer_tokens(pointer)) {}
  std::string_view suffix() const override { return ".json"; }
  void append(std::string& out, const Item& item, bool first) override {
    if (first) {
      members_ = !item.key.empty();
      for (const std::string& token : tokens_) {
        out += '{';
        append_json_string(out, token);
        out += ':';
      }
    }
    out += !first ? ",\n" : members_ ? "{" : "[";
    if (!members_) {
      out += item.value.text(scratch_);
      return;
    }
    append_json_string(out, item.key);
    out += ':';
    append_json(out, *item.value.node().find("Value"));
  }
  void append_end(std::string& out) override {
    out += members_ ? '}' : ']';
    out.append(tokens_.size(), '}');
    out += '\n';
  }

 private:
  std::vector<std::string> tokens_;
  bool members_ = false;
  std::string scratch_;
};

class CsvForm final : public Form {
 public:
  explicit CsvForm(CsvFormat format) : format_(std::move(format)) {}
  std::string_view suffix() const override { return ".csv"; }
  void append(std::string& out, const Item& item, bool first) override {
    const Node& row = item.value.node();
    if (first && format_.header_in_first_row) {
      format_.headers.clear();
      for (std::size_t i = 0; i < row.size(); ++i) {
        format_.headers.emplace_back(row.member(i).key());
      }
      append_row(out, [](const std::string& header) -> std::string_view { return header; });
    }
    append_row(out, [&row](const std::string& header) {
      const Node* value = row.find(header);
      return value != nullptr ? value->as_string() : std::string_view();
    });
  }

 private:
  template <class FieldOf>
  void append_row(std::string& out, const FieldOf& field_of) {
    bool first = true;
    for (const std::string& header : format_.headers) {
      if (!std::exchange(first, false)) {
        out += format_.delimiter;
      }
      append_field(out, field_of(header));
    }
    out += '\n';
  }

  /// As CsvRecords reads it.
  void append_field(std::string& out, std::string_view field) const {
    const bool alone = field.empty() && format_.headers.size() == 1;  // or the line would be blank, and skipped
    const bool quoted = alone || field.find(format_.delimiter) != std::string_view::npos ||
                        field.find_first_of("\"\r\n") != std::string_view::npos;
    out += quoted ? "\"" : "";
    for (const char c : field) {
      if (c == '"' || c == '\\') {
        out += c;  // doubled
      }
      out += c;
    }
    out += quoted ? "\"" : "";
  }

  CsvFormat format_;
};

std::unique_ptr<Form> form_of(const asl::ItemReader* reader) {
  const std::string type = reader != nullptr ? reader->input_type : "";
  if (type == "CSV" && reader->manifest_type.empty()) {
    return std::make_unique<CsvForm>(csv_format(*reader));
  }
  if (type == "JSONL" || type == "LINES") {
    return std::make_unique<LinesForm>(type == "JSONL");
  }
  return std::make_unique<JsonForm>(type == "JSON" ? reader->items_pointer : "");
}

}  // namespace

Result<RemainingItems> write_remaining_items(ItemSource& source, const asl::ItemReader* reader,
                                             const std::function<bool(std::uint64_t index)>& remains,
                                             const std::string& folder) {
  const std::unique_ptr<Form> form = form_of(reader);
  RemainingItems remaining;
  const std::string name = std::string(kName) + std::string(form->suffix());
  auto file = TRY(NewFile::open(folder + "/" + name));
  for (std::uint64_t index = 0;; ++index) {
    const std::optional<Item> item = TRY(source.next());
    if (!item) {
      break;
    }
    if (!remains(index)) {
      continue;
    }
    form->append(file.pending(), *item, remaining.items++ == 0);
    TRY(file.write_if_much());
  }
  if (remaining.items > 0) {
    remaining.name = name;
    form->append_end(file.pending());
    TRY(file.finish());
  } else {
    TRY(remove_file(folder + "/" + name + ".tmp"));
    TRY(remove_file(folder + "/" + name));
  }
  TRY(sync_folder(folder));
  return remaining;
}

}  // namespace lockstep::map_run
