// A regular expression of a filter: `=~ /hello.*/i`. Internal to jsonpath/.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace lockstep::jsonpath {

/// Immutable once compiled; shared between threads.
class Pattern {
 public:
  /// `flags`: of Java's letters, i m s x u U d. Null where it does not compile.
  static std::unique_ptr<const Pattern> compile(std::string_view expression, std::string_view flags);
  /// Whether all of `text` matches; false too where matching takes more than a bounded number of steps.
  bool matches(std::string_view text) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

}  // namespace lockstep::jsonpath
