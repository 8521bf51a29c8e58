// YAML to JSON text, with YAML 1.2's core schema: only what that schema calls a number, a boolean or null is one.
#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>
#include <unordered_set>

#include "asl/parser.hpp"
#include "asl/report.hpp"
#include "asl/syntax.hpp"

namespace lockstep::asl {

namespace {

constexpr std::size_t kMaxYaml = std::size_t{8} << 20;  // bytes of YAML text
constexpr std::size_t kMaxJson = std::size_t{5} << 20;  // bytes of JSON text: what aliases may multiply to
constexpr std::size_t kMaxNodes = 250'000;              // visits: what empty aliases may multiply to

bool all_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}
constexpr std::string_view kDigits = "0123456789";

bool is_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}
bool is_true(std::string_view text) {
  return text == "true" || text == "True" || text == "TRUE";
}
bool is_false(std::string_view text) {
  return text == "false" || text == "False" || text == "FALSE";
}

bool is_not_finite(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) {
    text.remove_prefix(1);
  }
  for (const std::string_view name : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}) {
    if (text == name) {
      return true;
    }
  }
  return false;
}

std::string_view without_leading_zeros(std::string_view digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? "0" : digits.substr(first);
}

/// 0x… and 0o…, as far as they fit 64 bits.
std::optional<std::string> based_integer(std::string_view text) {
  const unsigned base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 0;
  const std::string_view digits = text.substr(std::min<std::size_t>(2, text.size()));
  if (base == 0 || !all_of(digits, base == 16 ? "0123456789abcdefABCDEF" : "01234567")) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (value > (UINT64_MAX >> 4U)) {
      return std::nullopt;
    }
    const unsigned digit = c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a' + 10);
    value = value * base + digit;
  }
  return std::to_string(value);
}

/// The number as JSON spells it: digits are kept, however many there are.
std::optional<std::string> number(std::string_view text) {
  if (auto based = based_integer(text); based.has_value()) {
    return based;
  }
  std::string out;
  if (text.starts_with('-')) {
    out += '-';
  }
  if (text.starts_with('+') || text.starts_with('-')) {
    text.remove_prefix(1);
  }
  const std::size_t e = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, e);
  const std::size_t dot = mantissa.find('.');
  const std::string_view whole = mantissa.substr(0, dot);
  const std::string_view fraction = dot == std::string_view::npos ? std::string_view{} : mantissa.substr(dot + 1);
  const bool has_digits = !whole.empty() || !fraction.empty();
  if (!has_digits || (!whole.empty() && !all_of(whole, kDigits)) || (!fraction.empty() && !all_of(fraction, kDigits))) {
    return std::nullopt;
  }
  out += without_leading_zeros(whole);
  if (dot != std::string_view::npos) {
    out += '.';
    out += fraction.empty() ? "0" : fraction;
  }
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    out += 'e';
    if (exponent.starts_with('+') || exponent.starts_with('-')) {
      out += exponent.front();
      exponent.remove_prefix(1);
    }
    if (!all_of(exponent, kDigits)) {
      return std::nullopt;
    }
    out += exponent;
  }
  return out;
}

tl::unexpected<Error> refuse(const YAML::Mark& mark, std::string_view message) {
  if (mark.is_null()) {
    return fail(ErrorKind::invalid, fmt::format("YAML: {}", message));
  }
  return fail(ErrorKind::invalid, fmt::format("YAML, line {}, column {}: {}", mark.line + 1, mark.column + 1, message));
}

/// yaml-cpp says of a tab at the beginning of a line whatever it finds instead.
std::optional<std::size_t> tab_before(std::string_view yaml, const YAML::Mark& mark) {
  for (int line = 0; line <= mark.line; ++line) {
    const std::string_view text = yaml.substr(0, yaml.find('\n'));
    const std::size_t indent = std::min(text.find_first_not_of(" \t"), text.size());
    if (line + 1 >= mark.line && text.substr(0, indent).find('\t') != std::string_view::npos) {
      return line + 1;
    }
    yaml.remove_prefix(std::min(text.size() + 1, yaml.size()));
  }
  return std::nullopt;
}

class Converter {
 public:
  Result<std::string> run(const YAML::Node& node) {
    if (Result<void> done = value(node, 0); !done.has_value()) {
      return tl::unexpected(done.error());
    }
    return std::move(json_);
  }

 private:
  Result<void> check_bounds(const YAML::Node& node, std::size_t depth) {
    if (depth > kMaxDepth) {
      return refuse(node.Mark(), fmt::format("nested more than {} levels deep", kMaxDepth));
    }
    if (++nodes_ > kMaxNodes || json_.size() > kMaxJson) {
      return refuse(node.Mark(), "the document is too large once its aliases are expanded");
    }
    return {};
  }

  Result<void> value(const YAML::Node& node, std::size_t depth) {
    if (Result<void> bounded = check_bounds(node, depth); !bounded.has_value()) {
      return bounded;
    }
    if (node.IsMap()) {
      return map(node, depth);
    }
    if (node.IsSequence()) {
      json_ += '[';
      bool first = true;
      for (const YAML::Node& element : node) {
        json_ += first ? "" : ",";
        first = false;
        if (Result<void> done = value(element, depth + 1); !done.has_value()) {
          return done;
        }
      }
      json_ += ']';
      return {};
    }
    if (node.IsScalar()) {
      return scalar(node);
    }
    json_ += "null";
    return {};
  }

  Result<void> map(const YAML::Node& node, std::size_t depth) {
    json_ += '{';
    bool first = true;
    if (Result<void> done = members(node, depth, first, nullptr); !done.has_value()) {
      return done;
    }
    json_ += '}';
    return {};
  }

  static bool is_merge(const YAML::Node& key) { return key.IsScalar() && key.Scalar() == "<<" && key.Tag() != "!"; }

  /// Writes the members of `node`; with `taken`, only those whose keys are not in it. Members of its own go before
  /// merged ones.
  Result<void> members(const YAML::Node& node, std::size_t depth, bool& first, std::unordered_set<std::string>* taken) {
    if (Result<void> bounded = check_bounds(node, depth); !bounded.has_value()) {
      return bounded;
    }
    std::unordered_set<std::string> own;
    std::vector<YAML::Node> merged;
    for (const auto& member : node) {
      if (is_merge(member.first)) {
        merged.push_back(member.second);
        continue;
      }
      if (Result<void> bounded = check_bounds(node, depth); !bounded.has_value()) {
        return bounded;
      }
      if (!member.first.IsScalar() && !member.first.IsNull()) {
        return refuse(member.first.Mark(), "a key must be a scalar");
      }
      const std::string key = member.first.IsNull() ? "null" : member.first.Scalar();
      if (taken != nullptr && taken->contains(key)) {
        continue;
      }
      own.insert(key);
      json_ += first ? "" : ",";
      first = false;
      append_json_string(json_, key);
      json_ += ':';
      if (Result<void> done = value(member.second, depth + 1); !done.has_value()) {
        return done;
      }
    }
    if (taken != nullptr) {
      own.merge(*taken);
    }
    for (const YAML::Node& source : merged) {
      if (Result<void> done = merge(source, depth, first, own); !done.has_value()) {
        return done;
      }
    }
    if (taken != nullptr) {
      *taken = std::move(own);
    }
    return {};
  }

  Result<void> merge(const YAML::Node& source, std::size_t depth, bool& first, std::unordered_set<std::string>& taken) {
    if (source.IsMap()) {
      return members(source, depth + 1, first, &taken);
    }
    if (!source.IsSequence()) {
      return refuse(source.Mark(), "a merge key needs a mapping or a list of mappings");
    }
    for (const YAML::Node& element : source) {
      if (!element.IsMap()) {
        return refuse(element.Mark(), "a merge key needs a mapping or a list of mappings");
      }
      if (Result<void> done = members(element, depth + 1, first, &taken); !done.has_value()) {
        return done;
      }
    }
    return {};
  }

  Result<void> scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    const std::string& tag = node.Tag();  // "?": plain; "!": quoted; else as written
    const std::string_view core = "tag:yaml.org,2002:";
    const bool plain = tag.empty() || tag == "?";
    const std::string_view type =
        std::string_view(tag).starts_with(core) ? std::string_view(tag).substr(core.size()) : std::string_view{};
    if ((plain || type == "null") && is_null(text)) {
      json_ += "null";
    } else if ((plain || type == "bool") && is_true(text)) {
      json_ += "true";
    } else if ((plain || type == "bool") && is_false(text)) {
      json_ += "false";
    } else if ((plain || type == "float") && is_not_finite(text)) {
      return refuse(node.Mark(), fmt::format("'{}' cannot be said in JSON", text));
    } else if (auto digits = plain || type == "int" || type == "float" ? number(text) : std::nullopt;
               digits.has_value()) {
      json_ += *digits;
    } else if (type == "int" || type == "float" || type == "bool" || type == "null") {
      return refuse(node.Mark(), fmt::format("the value is tagged !!{}, but is none", type));
    } else {
      append_json_string(json_, text);
    }
    return {};
  }

  std::string json_;
  std::size_t nodes_ = 0;
};

/// Notes where a document starts, and nothing else.
class StartOnly final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}

  YAML::Mark start = YAML::Mark::null_mark();
};

/// YAML::Load leaves what is behind the first document unseen, and YAML::LoadAll never ends on some texts.
Result<void> check_single_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  StartOnly handler;
  if (parser.HandleNextDocument(handler) && parser.HandleNextDocument(handler)) {
    return refuse(handler.start, "there must be one document only");
  }
  return {};
}

}  // namespace

Result<std::string> yaml_to_json(std::string_view yaml) {
  if (yaml.size() > kMaxYaml) {
    return fail(ErrorKind::invalid, fmt::format("YAML: the text is longer than {} bytes", kMaxYaml));
  }
  if (!is_utf8(yaml)) {
    return fail(ErrorKind::invalid, "YAML: the text is not UTF-8");
  }
  try {
    const std::string text(yaml);
    if (Result<void> single = check_single_document(text); !single.has_value()) {
      return tl::unexpected(single.error());
    }
    Result<std::string> json = Converter().run(YAML::Load(text));
    JsonProblem problem;
    if (json.has_value() && !check_json(*json, problem)) {
      return fail(ErrorKind::invalid, fmt::format("YAML: {}", problem.message));
    }
    return json;
  } catch (const YAML::DeepRecursion& exception) {
    return refuse(exception.mark, "nested too deeply");
  } catch (const YAML::Exception& exception) {
    if (const auto line = tab_before(yaml, exception.mark)) {
      return fail(ErrorKind::invalid, fmt::format("YAML, line {}: indented with a tab; YAML takes blanks only", *line));
    }
    return refuse(exception.mark, exception.msg);
  } catch (const std::exception& exception) {
    return fail(ErrorKind::invalid, fmt::format("YAML: {}", exception.what()));
  }
}

namespace {

/// The value that most of `location` leads to. A key may hold the separators, so every member that fits is tried.
struct Found {
  YAML::Node node;
  std::size_t left;  // characters of the location that the node leaves unexplained
};

Found look(const YAML::Node& node, std::string_view rest, std::size_t depth) {
  constexpr std::size_t kMostDepth = 300;
  Found best{node, rest.size()};
  if (rest.empty() || depth > kMostDepth) {
    return best;
  }
  if (node.IsSequence() && rest.front() == '[') {
    const std::size_t end = rest.find(']');
    std::size_t index = 0;
    for (const char c : rest.substr(1, end == std::string_view::npos ? 0 : end - 1)) {
      index = std::min<std::size_t>(index * 10 + static_cast<std::size_t>(c - '0'), node.size());
    }
    return end != std::string_view::npos && index < node.size() ? look(node[index], rest.substr(end + 1), depth + 1)
                                                                : best;
  }
  if (!node.IsMap() || rest.front() != '/') {
    return best;
  }
  for (const auto& member : node) {
    const std::string key = member.first.IsScalar() ? shortened(member.first.Scalar()) : std::string();
    const std::string_view after = rest.substr(std::min(rest.size(), key.size() + 1));
    if (!rest.substr(1).starts_with(key) || (!after.empty() && after.front() != '/' && after.front() != '[')) {
      continue;
    }
    if (const Found inner = look(member.second, after, depth + 1); inner.left < best.left) {
      best.node.reset(inner.node);
      best.left = inner.left;
    }
    if (best.left == 0) {
      break;
    }
  }
  return best;
}

}  // namespace

void find_yaml_positions(std::string_view yaml, std::vector<Diagnostic>& diagnostics) {
  constexpr std::size_t kMost = 200;  // each costs a walk over the document
  if (yaml.size() > kMaxYaml) {
    return;
  }
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    std::size_t found = 0;
    for (Diagnostic& diagnostic : diagnostics) {
      if (!diagnostic.location.starts_with('/') || ++found > kMost) {
        continue;
      }
      const std::string_view location = diagnostic.location == "/" ? std::string_view{} : diagnostic.location;
      const YAML::Mark mark = look(root, location, 0).node.Mark();
      if (!mark.is_null()) {
        diagnostic.line = static_cast<std::size_t>(mark.line) + 1;
        diagnostic.column = static_cast<std::size_t>(mark.column) + 1;
      }
    }
  } catch (const std::exception&) {
    // Then there are no positions to be had.
  }
}

}  // namespace lockstep::asl
