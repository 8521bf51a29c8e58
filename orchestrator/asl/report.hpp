// Collects what is wrong with a definition, in the order in which AWS answers it. For the asl room, and for other
// documents that are checked like definitions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "asl/parser.hpp"

namespace lockstep::asl {

/// A place in the definition: a chain on the stack, written out only when there is something to say about it.
class Place {
 public:
  Place() = default;
  Place(const Place& parent, std::string_view key) : parent_(&parent), key_(key) {}
  Place(const Place& parent, std::size_t index) : parent_(&parent), index_(index), is_index_(true) {}

  /// `/States/A/Choices[0]/Next`; `/` for the root.
  std::string location() const;
  /// The way from `base`, one of its parents, as JSONata failures name it: `Choices[0]/Condition`.
  std::string relative_to(const Place& base) const;
  std::string_view key() const { return key_; }

 private:
  void append(std::string& out, const Place* stop) const;

  const Place* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_index_ = false;
};

/// At most `most` characters of `text`, for quoting it in a message.
std::string shortened(std::string_view text, std::size_t most = 80);
/// What is said of a resource that is none, of whose text at most `most` characters are quoted.
std::string not_recognized(std::string_view resource, std::size_t most = 80);

class Report {
 public:
  /// More than this many errors, or warnings, are counted out: a text of 1 MiB must not become gigabytes of complaints.
  static constexpr std::size_t kMost = 1000;

  /// A rule about fields and values: SCHEMA_VALIDATION_FAILED.
  void schema(const Place& place, std::string message, std::string hint = {});
  void error(std::string_view code, const Place& place, std::string message);
  void error(std::string_view code, std::string location, std::string message);
  void warning(std::string_view code, const Place& place, std::string message);
  void warning(std::string_view code, std::string location, std::string message);
  /// Errors about transitions and names come after all the others.
  void graph_error(std::string_view code, std::string location, std::string message, std::string hint = {});
  /// Nothing is wrong with it, but this version cannot run it.
  void beyond_this_version(const Place& place, std::string message);

  bool is_full_of_warnings() const { return warnings_.size() >= kMost; }
  bool has_errors() const { return !errors_.empty() || !graph_.empty(); }
  /// Errors, graph errors, warnings.
  std::vector<Diagnostic> take();
  std::vector<Diagnostic> take_beyond() { return std::move(beyond_); }

 private:
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> graph_;
  std::vector<Diagnostic> warnings_;
  std::vector<Diagnostic> beyond_;
};

/// "did you mean 'Middle'?", or nothing. A text full of slips gets some of them told: each costs a look at all names.
class Hints {
 public:
  std::string of(std::string_view word, const std::vector<std::string>& candidates);
  /// Whether there may be one more, that of() does not give.
  bool take() { return left_ > 0 && left_-- > 0; }

 private:
  std::size_t left_ = 20;
};

inline constexpr std::string_view kSchema = "SCHEMA_VALIDATION_FAILED";
inline constexpr std::string_view kBeyond = "NOT_IN_THIS_VERSION";
inline constexpr std::string_view kSyntax = "INVALID_JSON_DESCRIPTION";
inline constexpr std::string_view kJsonata = "INVALID_JSONATA_EXPRESSION";

}  // namespace lockstep::asl
