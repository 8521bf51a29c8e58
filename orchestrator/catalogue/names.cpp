#include "catalogue/names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "value/utf8.hpp"

namespace lockstep::catalogue {

namespace {

constexpr std::string_view kPrefix = "arn:aws:states:";
constexpr std::string_view kMachine = ":stateMachine:";
constexpr std::string_view kExecution = ":execution:";

bool is_forbidden(char c) {
  return static_cast<unsigned char>(c) <= ' ' || c == '\x7F' ||
         std::string_view("<>{}[]?*\"#%\\^|~`$&,;:/").find(c) != std::string_view::npos;
}

}  // namespace

bool is_valid_name(std::string_view name) {
  const std::size_t characters = count_characters(name);
  if (characters == 0 || characters > kLongestName || !is_utf8(name) ||
      std::any_of(name.begin(), name.end(), is_forbidden)) {
    return false;
  }
  for (std::size_t at = name.find('\xC2'); at != std::string_view::npos; at = name.find('\xC2', at + 1)) {
    if (static_cast<unsigned char>(name[at + 1]) < 0xA0) {  // U+0080 to U+009F
      return false;
    }
  }
  for (const std::string_view none : {"\uFFFE", "\uFFFF", "\U0010FFFF"}) {
    if (name.find(none) != std::string_view::npos) {
      return false;
    }
  }
  return true;
}

std::string machine_arn(std::string_view name) {
  return fmt::format("{}{}{}{}", kPrefix, kRegionAndAccount, kMachine, name);
}

std::string activity_arn(std::string_view name) {
  return fmt::format("{}{}:activity:{}", kPrefix, kRegionAndAccount, name);
}

std::string activity_arn_of(std::string_view name_or_arn) {
  constexpr std::string_view kActivity = ":activity:";
  const std::size_t kind = name_or_arn.starts_with("arn:") ? name_or_arn.find(kActivity) : std::string_view::npos;
  return activity_arn(kind == std::string_view::npos ? name_or_arn : name_or_arn.substr(kind + kActivity.size()));
}

std::optional<ExecutionName> parse_execution_arn(std::string_view arn) {
  const std::size_t kind = arn.find(kExecution);
  const std::size_t last = arn.rfind(':');
  if (!arn.starts_with(kPrefix) || kind == std::string_view::npos || last < kind + kExecution.size()) {
    return std::nullopt;
  }
  const std::string_view machine = arn.substr(kind + kExecution.size(), last - kind - kExecution.size());
  if (machine.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  return ExecutionName{fmt::format("{}{}{}", arn.substr(0, kind), kMachine, machine),
                       std::string(arn.substr(last + 1))};
}

std::string not_an_execution(std::string_view arn) {
  constexpr int kBeforeType = 5;  // arn:aws:states:REGION:ACCOUNT:TYPE:…
  if (!arn.starts_with("arn:")) {
    return fmt::format("Invalid Arn: 'Invalid ARN prefix: {}'", arn);
  }
  std::string_view type = arn;
  for (int i = 0; i < kBeforeType; ++i) {
    type.remove_prefix(std::min(type.size(), type.find(':')));
    type.remove_prefix(std::min<std::size_t>(type.size(), 1));
  }
  return fmt::format("Invalid Arn: 'Resource type not valid in this context: {}'", type.substr(0, type.find(':')));
}

}  // namespace lockstep::catalogue
