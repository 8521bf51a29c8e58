#include "asl/definition_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <istream>

#include "asl/syntax.hpp"

namespace lockstep::asl {

namespace {

constexpr std::size_t kMaxFile = std::size_t{64} << 20;

Result<std::string> read_all(const std::string& file, std::istream& in) {
  std::string text;
  std::array<char, 65536> block{};
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxFile) {
      return fail(ErrorKind::invalid, fmt::format("reading {}: it is larger than {} bytes", file, kMaxFile));
    }
  }
  if (in.bad()) {
    return fail(ErrorKind::io, fmt::format("reading {} failed", file));
  }
  return text;
}

/// The file as it is, without a byte order mark.
Result<std::string> read_text(const std::string& file, std::istream& in) {
  Result<std::string> text;
  if (file == "-") {
    text = read_all(file, in);
  } else {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
      return fail(ErrorKind::invalid, fmt::format("opening {} failed: {}", file, std::strerror(errno)));
    }
    text = read_all(file, stream);
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.has_value() && text->starts_with(kByteOrderMark)) {
    text->erase(0, kByteOrderMark.size());
  }
  return text;
}

}  // namespace

bool is_yaml(std::string_view file) {
  return file.ends_with(".yaml") || file.ends_with(".yml");
}

Result<DefinitionText> load_definition(const std::string& file, std::istream& in) {
  std::string text = TRY(read_text(file, in));
  if (!is_yaml(file)) {
    return DefinitionText{std::move(text), {}};
  }
  std::string json = TRY(yaml_to_json(text));
  return DefinitionText{std::move(json), std::move(text)};
}

Result<DefinitionText> read_definition(const std::string& file, std::istream& in) {
  Result<DefinitionText> text = load_definition(file, in);
  if (!text.has_value() && text.error().message.find(file) == std::string::npos) {
    return fail(text.error().kind, fmt::format("{}: {}", file, text.error().message));
  }
  return text;
}

void find_positions(const DefinitionText& text, std::vector<Diagnostic>& diagnostics) {
  text.yaml.empty() ? find_positions(text.json, diagnostics) : find_yaml_positions(text.yaml, diagnostics);
}

}  // namespace lockstep::asl
