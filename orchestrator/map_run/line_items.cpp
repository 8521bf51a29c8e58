#include <fmt/format.h>

#include "map_run/readers.hpp"

namespace lockstep::map_run {

namespace {

class LineItems final : public TextItems {
 public:
  LineItems(TextReader reader, bool json) : TextItems(std::move(reader)), json_(json) {}

  Result<std::optional<Item>> next() override {
    while (true) {
      const std::optional<std::string_view> line = TRY(json_ ? reader_.line() : reader_.utf8_line());
      if (!line.has_value()) {
        return std::optional<Item>();
      }
      if (line->find_first_not_of(" \t\r\n") != std::string_view::npos) {
        return json_ ? parsed(*line) : item(Value::string(without_newline(*line)));
      }
    }
  }

 private:
  Result<std::optional<Item>> parsed(std::string_view line) const {
    JsonProblem problem;
    if (!check_json(line, problem)) {
      return fail(ErrorKind::invalid, fmt::format("line {} of {} is not JSON: {} (column {})", reader_.line_number(),
                                                  reader_.uri(), problem.message, problem.column));
    }
    return item(Value::from_checked_text(std::string(without_newline(line))));
  }

  bool json_;
};

}  // namespace

std::unique_ptr<ItemSource> json_line_items(TextReader reader) {
  return std::make_unique<LineItems>(std::move(reader), true);
}

std::unique_ptr<ItemSource> line_items(TextReader reader) {
  return std::make_unique<LineItems>(std::move(reader), false);
}

}  // namespace lockstep::map_run
