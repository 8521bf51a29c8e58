#include "map_run/json_pointer.hpp"

namespace lockstep::map_run {

std::vector<std::string> pointer_tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (!tokens.empty()) {
      const bool escape =
          pointer[i] == '~' && i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1');
      tokens.back() += !escape ? pointer[i] : pointer[i + 1] == '1' ? '/' : '~';
      i += escape ? 1 : 0;
    }
  }
  return tokens;
}

}  // namespace lockstep::map_run
