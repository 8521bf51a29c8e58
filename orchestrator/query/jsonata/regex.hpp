// JavaScript's regular expressions on PCRE2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct pcre2_real_code_8;

namespace lockstep::jsonata {

/// Immutable once compiled; shared between threads.
class Regex {
 public:
  /// Offsets in bytes of a match and its groups; npos where a group took no part. groups[0] is the whole match.
  struct Match {
    std::vector<std::pair<std::size_t, std::size_t>> groups;
    std::size_t start() const { return groups[0].first; }
    std::size_t end() const { return groups[0].second; }
  };
  enum class Outcome { found, none, too_much };

  /// Null, and why in `error`, where JavaScript refuses the pattern too.
  static std::unique_ptr<Regex> compile(std::string_view pattern, bool ignore_case, bool multi_line,
                                        std::string& error);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  /// The first match at or behind byte `from`. `too_much`: the matching budget is spent. `ascii`: the subject is.
  Outcome match(std::string_view subject, bool ascii, std::size_t from, Match& out) const;
  const std::string& source() const { return source_; }

 private:
  Regex() = default;

  std::string source_;
  std::uint32_t captures_ = 0;  // groups besides the whole match
  pcre2_real_code_8* unicode_ = nullptr;
  pcre2_real_code_8* ascii_ = nullptr;  // for subjects of ASCII only: faster; null where the pattern needs more
};

}  // namespace lockstep::jsonata
