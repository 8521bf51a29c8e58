#include "asl/validate_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <istream>
#include <iterator>
#include <ostream>

#include "asl/syntax.hpp"

namespace lockstep::asl {

namespace {

constexpr std::size_t kMaxFile = std::size_t{64} << 20;

bool is_yaml(std::string_view file) {
  return file.ends_with(".yaml") || file.ends_with(".yml");
}

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

std::string_view name_of(Severity severity) {
  return severity == Severity::error ? "ERROR" : "WARNING";
}

void append_member(std::string& line, std::string_view key, std::string_view text) {
  append_json_string(line, key);
  line += ':';
  append_json_string(line, as_utf8(text));
}

std::string json_line(const std::string& file, bool valid, const std::vector<Diagnostic>& diagnostics) {
  std::string line = "{";
  append_member(line, "file", file);
  line += fmt::format(",\"valid\":{},\"diagnostics\":[", valid);
  for (const Diagnostic& diagnostic : diagnostics) {
    line += line.back() == '[' ? "{" : ",{";
    append_member(line, "severity", name_of(diagnostic.severity));
    line += ',';
    append_member(line, "code", diagnostic.code);
    line += ',';
    append_member(line, "message", diagnostic.message);
    if (!diagnostic.location.empty()) {
      line += ',';
      append_member(line, "location", diagnostic.location);
    }
    if (diagnostic.line > 0) {
      line += fmt::format(",\"line\":{},\"column\":{}", diagnostic.line, diagnostic.column);
    }
    line += '}';
  }
  return line + "]}";
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

std::vector<Diagnostic> unreadable(const Error& error) {
  return {{Severity::error, std::string(kSyntax), error.message, ""}};
}

std::vector<Diagnostic> diagnose(const std::string& file, const ValidateOptions& options, std::istream& in) {
  const Result<std::string> text = read_text(file, in);
  if (!text.has_value()) {
    return unreadable(text.error());
  }
  if (!is_yaml(file)) {
    std::vector<Diagnostic> diagnostics = parse_definition(*text, {options.type}).diagnostics;
    find_positions(*text, diagnostics);
    return diagnostics;
  }
  const Result<std::string> json = yaml_to_json(*text);
  if (!json.has_value()) {
    return unreadable(json.error());
  }
  std::vector<Diagnostic> diagnostics = parse_definition(*json, {options.type}).diagnostics;
  find_yaml_positions(*text, diagnostics);
  return diagnostics;
}

}  // namespace

Result<std::string> read_definition(const std::string& file, std::istream& in) {
  Result<std::string> text = read_text(file, in);
  return text.has_value() && is_yaml(file) ? yaml_to_json(*text) : text;
}

bool validate(const ValidateOptions& options, std::istream& in, std::ostream& out) {
  bool all_valid = true;
  for (const std::string& file : options.files) {
    const std::vector<Diagnostic> diagnostics = diagnose(file, options, in);
    const bool valid = std::none_of(diagnostics.begin(), diagnostics.end(),
                                    [](const Diagnostic& d) { return d.severity == Severity::error; });
    all_valid = all_valid && valid;
    if (options.json) {
      out << json_line(file, valid, diagnostics) << '\n';
      continue;
    }
    for (const Diagnostic& diagnostic : diagnostics) {
      out << format_diagnostic(file, diagnostic) << '\n';
    }
  }
  return all_valid;
}

}  // namespace lockstep::asl
