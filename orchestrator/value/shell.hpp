// Texts as a shell takes them: commands that people paste.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// `text` as one word.
std::string shell_word(std::string_view text);
/// `words` with a blank between each two.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace lockstep
