#include "journal/journal_folder.hpp"

#include <charconv>

#include "journal/format.hpp"

namespace lockstep::journal {

namespace {

/// The number in `prefix`NUMBER`.h5`.
std::optional<std::uint64_t> number_in(std::string_view name, std::string_view prefix) {
  constexpr std::string_view kEnd = ".h5";
  if (!name.starts_with(prefix) || !name.ends_with(kEnd) || name.size() <= prefix.size() + kEnd.size()) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(prefix.size(), name.size() - prefix.size() - kEnd.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

Result<JournalFolder> list_journal(const FileLayer& files, const std::string& folder) {
  JournalFolder found;
  if (!files.exists(folder)) {
    return found;
  }
  for (const std::string_view part : {std::string_view(), kArchiveFolder, kBlobFolder}) {
    const std::string path = part.empty() ? folder : fmt::format("{}/{}", folder, part);
    if (!files.exists(path)) {
      continue;
    }
    const auto names = files.list(path);
    if (!names) {
      return tl::unexpected<Error>(names.error());
    }
    for (const std::string& name : *names) {
      const std::string file = fmt::format("{}/{}", path, name);
      if (name.ends_with(kTemporary)) {
        found.temporaries.push_back(file);
      } else if (const auto segment = number_in(name, "seg-"); segment && part.empty()) {
        found.segments[*segment] = {file, false};
      } else if (const auto archive = number_in(name, "hist-"); archive && part == kArchiveFolder) {
        found.segments.try_emplace(*archive, SegmentPlace{file, true});
      } else if (const auto checkpoint = number_in(name, "checkpoint-"); checkpoint && part.empty()) {
        found.checkpoints[*checkpoint] = file;
      }
    }
  }
  return found;
}

}  // namespace lockstep::journal
