#include "asl/report.hpp"

#include <fmt/format.h>

#include <iterator>

#include "value/nearest.hpp"
#include "value/utf8.hpp"

namespace lockstep::asl {

namespace {

void add(std::vector<Diagnostic>& list, Severity severity, std::string_view code, std::string location,
         std::string message, std::string hint = {}) {
  if (list.size() < Report::kMost) {
    list.push_back({severity, std::string(code), std::move(message), std::move(location), 0, 0, std::move(hint)});
  }
}

}  // namespace

std::string shortened(std::string_view text, std::size_t most) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && ++characters > most) {
      return std::string(text.substr(0, i)) + "…";
    }
  }
  return std::string(text);
}

std::string not_recognized(std::string_view resource, std::size_t most) {
  return fmt::format(
      "The resource provided {} is not recognized. The value is not a valid resource ARN, or the resource is not "
      "available in this region.",
      shortened(resource, most));
}

std::string Place::location() const {
  std::string out;
  append(out, nullptr);
  return out.empty() ? "/" : out;
}

std::string Place::relative_to(const Place& base) const {
  std::string out;
  append(out, &base);
  return out.starts_with('/') ? out.substr(1) : out;
}

void Place::append(std::string& out, const Place* stop) const {
  if (parent_ == nullptr || this == stop) {
    return;
  }
  parent_->append(out, stop);
  if (is_index_) {
    fmt::format_to(std::back_inserter(out), "[{}]", index_);
  } else {
    out += '/';
    out += shortened(key_);
  }
}

void Report::schema(const Place& place, std::string message, std::string hint) {
  if (errors_.size() < kMost) {
    add(errors_, Severity::error, kSchema, place.location(), std::move(message), std::move(hint));
  }
}

void Report::error(std::string_view code, const Place& place, std::string message) {
  if (errors_.size() < kMost) {
    error(code, place.location(), std::move(message));
  }
}

void Report::warning(std::string_view code, const Place& place, std::string message) {
  if (warnings_.size() < kMost) {
    warning(code, place.location(), std::move(message));
  }
}

void Report::error(std::string_view code, std::string location, std::string message) {
  add(errors_, Severity::error, code, std::move(location), std::move(message));
}

void Report::warning(std::string_view code, std::string location, std::string message) {
  add(warnings_, Severity::warning, code, std::move(location), std::move(message));
}

void Report::graph_error(std::string_view code, std::string location, std::string message, std::string hint) {
  add(graph_, Severity::error, code, std::move(location), std::move(message), std::move(hint));
}

void Report::beyond_this_version(const Place& place, std::string message) {
  if (beyond_.size() < kMost) {
    add(beyond_, Severity::error, kBeyond, place.location(), std::move(message));
  }
}

std::string Hints::of(std::string_view word, const std::vector<std::string>& candidates) {
  if (left_ == 0) {
    return {};
  }
  --left_;
  const std::string_view meant = nearest(word, candidates);
  return meant.empty() ? std::string() : fmt::format("did you mean '{}'?", meant);
}

std::vector<Diagnostic> Report::take() {
  std::vector<Diagnostic> all = std::move(errors_);
  for (std::vector<Diagnostic>* list : {&graph_, &warnings_}) {
    all.insert(all.end(), std::make_move_iterator(list->begin()), std::make_move_iterator(list->end()));
  }
  return all;
}

}  // namespace lockstep::asl
