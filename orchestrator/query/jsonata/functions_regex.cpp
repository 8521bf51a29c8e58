// $match, $contains, $replace, $split: over regular expressions, strings, and functions that match.
#include <cmath>
#include <optional>

#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::size_t kNotFound = std::string_view::npos;

// Offset in bytes of UTF-16 unit `unit`.
std::size_t byte_of_unit(std::string_view text, bool ascii, double unit) {
  if (!(unit > 0)) {
    return 0;
  }
  if (unit >= static_cast<double>(text.size())) {
    return text.size();
  }
  const auto wanted = static_cast<std::size_t>(unit);
  if (ascii) {
    return wanted;
  }
  std::size_t at = 0;
  for (std::size_t units = 0; at < text.size() && units < wanted;) {
    const std::size_t length = utf8_length(text[at]);
    units += length == 4 ? 2 : 1;
    at += length;
  }
  return std::min(at, text.size());
}

Item unit_of_byte(std::string_view text, bool ascii, std::size_t byte) {
  return number_item(static_cast<double>(ascii ? byte : count_units(text.substr(0, byte))));
}

// Matches of a pattern in a subject, one after the other.
class Matches {
 public:
  Matches(Evaluator& e, const Item& matcher, const Item& subject) : e_(e), matcher_(matcher), subject_(subject) {
    regex_ = e.literal_regex(matcher);
    match_.groups.swap(spare_groups());
  }
  ~Matches() { match_.groups.swap(spare_groups()); }
  Matches(const Matches&) = delete;
  Matches& operator=(const Matches&) = delete;

  // Moves to the first match, then to the next; false where there is none.
  bool next() {
    e_.spend(2);
    return regex_ != nullptr ? next_of_regex() : next_of_function();
  }

  std::size_t start() const { return start_; }
  std::size_t end() const { return end_; }
  std::string_view text() const { return text_; }
  std::size_t group_count() const { return regex_ != nullptr ? match_.groups.size() - 1 : size_of_groups(); }
  std::optional<std::string_view> group(std::size_t i) const {
    if (regex_ != nullptr) {
      const auto& [from, to] = match_.groups[i + 1];
      if (from == kNotFound) {
        return std::nullopt;
      }
      return subject().substr(from, to - from);
    }
    const Item value = at(groups_, i);
    return value.is_string() ? std::optional(value.as_string()) : std::nullopt;
  }
  // The match as a function sees it.
  Item item() {
    if (regex_ == nullptr) {
      return current_;
    }
    return e_.match_item(*regex_, *matcher_.function()->expr, subject_, start_, false);
  }
  // {match, index, groups}, as $match lists them.
  Item entry() {
    static const std::uint32_t kMatchHash = hash_key("match");
    static const std::uint32_t kIndexHash = hash_key("index");
    static const std::uint32_t kGroupsHash = hash_key("groups");
    Object* object = e_.make_object(3);
    if (regex_ != nullptr) {
      e_.add(*object, "match", kMatchHash, string_item(text_, subject_.is_ascii() || is_ascii(text_)));
      e_.add(*object, "index", kIndexHash, unit_of_byte(subject(), subject_.is_ascii(), start_));
      Array* groups = e_.make_array(group_count(), false);
      for (std::size_t i = 0; i < group_count(); ++i) {
        const auto value = group(i);
        groups->items[groups->size++] = value ? string_item(*value, is_ascii(*value)) : Item();
      }
      e_.add(*object, "groups", kGroupsHash, array_item(groups));
    } else {
      const auto copy = [&](std::string_view from, std::string_view to) {
        const Item value = e_.member(current_, from, hash_key(from));
        if (!value.is_undefined()) {
          e_.set(*object, to, value);
        }
      };
      copy("match", "match");
      copy("start", "index");
      copy("groups", "groups");
    }
    return object_item(object);
  }

 private:
  // The memory for groups goes from one search to the next; a search within a search begins with none.
  static std::vector<std::pair<std::size_t, std::size_t>>& spare_groups() {
    thread_local std::vector<std::pair<std::size_t, std::size_t>> spare;
    return spare;
  }
  std::string_view subject() const { return subject_.as_string(); }
  std::size_t size_of_groups() const { return groups_.is_array() ? size_of(groups_) : 0; }

  bool next_of_regex() {
    if (started_ && end_ >= subject().size()) {
      return false;
    }
    bool found = false;
    e_.match_regex(*regex_, subject_, started_ ? end_ : 0, match_, found);
    if (!found) {
      return false;
    }
    if (started_ && match_.start() == match_.end()) {
      Problem p = problem("D1004", matcher_.function()->expr->position);
      append_quoted(p.value_json, regex_->source());
      throw p;
    }
    started_ = true;
    start_ = match_.start();
    end_ = match_.end();
    text_ = subject().substr(start_, end_ - start_);
    return true;
  }

  bool next_of_function() {
    if (!started_) {
      current_ = e_.call(*matcher_.function(), &subject_, 1);
    } else {
      const Item following = e_.member(current_, "next", hash_key("next"));
      if (!following.is_function()) {
        Problem p = problem("T1006");
        throw p;
      }
      current_ = e_.call(*following.function(), nullptr, 0);
    }
    started_ = true;
    if (current_.is_undefined() || current_.is_null()) {
      return false;
    }
    const auto get = [&](std::string_view key) {
      return current_.is_object() ? e_.member(current_, key, hash_key(key)) : Item();
    };
    const Item from = get("start");
    const Item to = get("end");
    groups_ = get("groups");
    if (!from.is_number() && !to.is_number() && !groups_.is_array() && !get("next").is_function()) {
      throw problem("T1010");
    }
    const Item match = get("match");
    text_ = match.is_string() ? match.as_string() : std::string_view();
    start_ = from.is_number() ? byte_of_unit(subject(), subject_.is_ascii(), from.as_double()) : 0;
    end_ = to.is_number() ? byte_of_unit(subject(), subject_.is_ascii(), to.as_double()) : start_;
    return true;
  }

  Evaluator& e_;
  Item matcher_;
  Item subject_;
  const Regex* regex_ = nullptr;
  Regex::Match match_;
  Item current_;
  Item groups_;
  bool started_ = false;
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  std::string_view text_;
};

// Whether another match is wanted: `limit` undefined is no limit.
bool wanted(const Item& limit, std::size_t count) {
  return limit.is_undefined() || static_cast<double>(count) < limit.as_double();
}

void check_limit(Evaluator& e, const Item& limit, std::string_view code) {
  if (!limit.is_undefined() && limit.as_double() < 0) {
    Problem p = problem(code);
    p.value_json = e.describe(limit);
    throw p;
  }
}

// The digits at `text[at]`, at most `most`; nothing where there is none.
std::optional<std::size_t> read_index(std::string_view text, std::size_t at, std::size_t most) {
  std::size_t value = 0;
  std::size_t digits = 0;
  while (digits < most && at + digits < text.size() && text[at + digits] >= '0' && text[at + digits] <= '9') {
    value = value * 10 + static_cast<std::size_t>(text[at + digits] - '0');
    ++digits;
  }
  return digits > 0 ? std::optional(value) : std::nullopt;
}

// Appends a replacement text: $0 is the match, $1 … its groups, $$ a dollar.
void append_replacement(std::string& out, std::string_view replacement, const Matches& match) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t dollar = replacement.find('$', at);
    out += replacement.substr(at, dollar == kNotFound ? kNotFound : dollar - at);
    if (dollar == kNotFound) {
      return;
    }
    at = dollar + 1;
    const char c = at < replacement.size() ? replacement[at] : '\0';
    if (c == '$') {
      out += '$';
      ++at;
      continue;
    }
    if (c == '0') {
      out += match.text();
      ++at;
      continue;
    }
    const std::size_t groups = match.group_count();
    const std::size_t most = std::to_string(std::max<std::size_t>(groups, 1)).size();
    auto index = read_index(replacement, at, most);
    if (most > 1 && index && *index > groups) {
      index = read_index(replacement, at, most - 1);
    }
    if (!index) {
      out += '$';
      continue;
    }
    if (*index > 0 && *index <= groups) {
      out += match.group(*index - 1).value_or("");
    }
    at += std::to_string(*index).size();
  }
}

Item replace_regex(Evaluator& e, const Arguments& a) {
  const std::string_view text = a[0].as_string();
  Matches matches(e, a[1], a[0]);
  std::string out;
  std::size_t at = 0;
  std::size_t count = 0;
  while (wanted(a[3], count) && matches.next()) {
    const std::size_t start = std::max(at, matches.start());
    out += text.substr(at, start - at);
    if (a[2].is_string()) {
      append_replacement(out, a[2].as_string(), matches);
    } else {
      const Item argument = matches.item();
      const Item value = a[2].is_function() ? e.call(*a[2].function(), &argument, 1) : Item();
      if (!value.is_string()) {
        Problem p = problem("D3012");
        p.value_json = e.describe(value);
        throw p;
      }
      out += value.as_string();
    }
    at = std::min(matches.start() + matches.text().size(), text.size());
    e.check_value(out.size());
    ++count;
  }
  if (count == 0) {
    return a[0];
  }
  out += text.substr(at);
  return e.make_string(out);
}

Item replace_text(Evaluator& e, const Arguments& a) {
  const std::string_view text = a[0].as_string();
  const std::string_view pattern = a[1].as_string();
  const std::string_view replacement = a[2].is_string() ? a[2].as_string() : std::string_view();
  std::string out;
  std::size_t at = 0;
  for (std::size_t count = 0; wanted(a[3], count); ++count) {
    const std::size_t found = text.find(pattern, at);
    if (found == kNotFound) {
      break;
    }
    out += text.substr(at, found - at);
    out += replacement;
    at = found + pattern.size();
    e.spend(1);
    e.check_value(out.size());
  }
  out += text.substr(at);
  return e.make_string(out);
}

void split_text(Evaluator& e, std::string_view text, std::string_view separator, double limit, Array& out) {
  if (separator.empty()) {
    for (std::size_t at = 0; at < text.size() && out.size < limit;) {
      const std::size_t start = at;
      const std::uint32_t point = next_code_point(text, at);
      e.spend(1);
      if (point < 0x10000) {
        e.push(out, string_item(text.substr(start, at - start), point < 0x80));
        continue;
      }
      // Two UTF-16 units, each an element of its own.
      for (const unsigned unit : {0xD800U + ((point - 0x10000U) >> 10), 0xDC00U + ((point - 0x10000U) & 0x3FFU)}) {
        std::string half;
        append_utf8(half, unit);
        if (out.size < limit) {
          e.push(out, e.make_string(half));
        }
      }
    }
    return;
  }
  std::size_t at = 0;
  while (out.size < limit) {
    const std::size_t found = text.find(separator, at);
    const std::string_view part = text.substr(at, found == kNotFound ? kNotFound : found - at);
    e.spend(1);
    e.push(out, string_item(part, is_ascii(part)));
    if (found == kNotFound) {
      return;
    }
    at = found + separator.size();
  }
}

}  // namespace

const Regex* Evaluator::literal_regex(const Item& function) const {
  if (!function.is_function()) {
    return nullptr;
  }
  const Function& f = *function.function();
  return f.kind == Function::Kind::regex && !f.partial ? f.expr->regex : nullptr;
}

void Evaluator::match_regex(const Regex& regex, Item subject, std::size_t from, Regex::Match& match, bool& found) {
  spend(4);
  const Regex::Outcome outcome = regex.match(subject.as_string(), subject.is_ascii(), from, match);
  if (outcome == Regex::Outcome::too_much) {
    throw LimitReached{LimitReached::Which::steps};
  }
  found = outcome == Regex::Outcome::found;
}

Item Evaluator::match_item(const Regex& regex, const Expr& expr, Item subject, std::size_t from, bool following) {
  const std::string_view text = subject.as_string();
  if (following && from >= text.size()) {
    return {};
  }
  Regex::Match match;
  bool found = false;
  match_regex(regex, subject, from, match, found);
  if (!found) {
    return {};
  }
  if (following && match.start() == match.end()) {
    Problem p = problem("D1004", expr.position);
    append_quoted(p.value_json, regex.source());
    throw p;
  }
  Object* object = make_object(5);
  const std::string_view whole = text.substr(match.start(), match.end() - match.start());
  set(*object, "match", string_item(whole, lockstep::jsonata::is_ascii(whole)));
  set(*object, "start", unit_of_byte(text, subject.is_ascii(), match.start()));
  set(*object, "end", unit_of_byte(text, subject.is_ascii(), match.end()));
  Array* groups = make_array(match.groups.size() - 1, false);
  for (std::size_t i = 1; i < match.groups.size(); ++i) {
    const auto& [start, end] = match.groups[i];
    const std::string_view part = start == kNotFound ? std::string_view() : text.substr(start, end - start);
    groups->items[groups->size++] = start == kNotFound ? Item() : string_item(part, lockstep::jsonata::is_ascii(part));
  }
  set(*object, "groups", array_item(groups));
  auto* next = heap_.make_array<Function>(1);
  *next = Function();
  next->kind = Function::Kind::next_match;
  next->expr = &expr;
  next->input = subject;
  next->second = number_item(static_cast<double>(match.end()));
  set(*object, "next", function_item(next));
  return object_item(object);
}

namespace fn {

Item match(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  check_limit(e, a[2], "D3040");
  Array* out = e.make_array(4, true);
  if (a[1].is_function()) {
    Matches matches(e, a[1], a[0]);
    while (wanted(a[2], out->size) && matches.next()) {
      e.push(*out, matches.entry());
    }
  }
  return array_item(out);
}

Item contains(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined() || a[1].is_undefined()) {
    return {};
  }
  if (a[1].is_string()) {
    return boolean_item(a[0].as_string().find(a[1].as_string()) != kNotFound);
  }
  return boolean_item(Matches(e, a[1], a[0]).next());
}

Item replace(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  if (a[1].is_string() && a[1].as_string().empty()) {
    Problem p = problem("D3010");
    p.value_json = "\"\"";
    throw p;
  }
  check_limit(e, a[3], "D3011");
  if (!wanted(a[3], 0) || a[1].is_undefined()) {
    return a[0];
  }
  return a[1].is_string() ? replace_text(e, a) : replace_regex(e, a);
}

Item split(Evaluator& e, const Arguments& a) {
  if (a[0].is_undefined()) {
    return {};
  }
  check_limit(e, a[2], "D3020");
  const std::string_view text = a[0].as_string();
  Array* out = e.make_array(4, false);
  if (a[1].is_undefined()) {
    e.push(*out, a[0]);
    return array_item(out);
  }
  if (a[1].is_string()) {
    const double limit = a[2].is_undefined() ? 4294967295.0 : std::trunc(a[2].as_double());
    split_text(e, text, a[1].as_string(), limit, *out);
    return array_item(out);
  }
  const auto piece = [&](std::size_t from, std::size_t to) {
    const std::string_view part = text.substr(from, to > from ? to - from : 0);
    return string_item(part, a[0].is_ascii() || is_ascii(part));
  };
  Matches matches(e, a[1], a[0]);
  std::size_t at = 0;
  while (wanted(a[2], out->size) && matches.next()) {
    e.push(*out, piece(at, matches.start()));
    at = matches.end();
  }
  if (wanted(a[2], out->size)) {
    e.push(*out, piece(at, text.size()));
  }
  return array_item(out);
}

}  // namespace fn

}  // namespace lockstep::jsonata
