#include "journal/journal_folder.hpp"

#include "journal/format.hpp"
#include "value/number.hpp"

namespace lockstep::journal {

namespace {

/// The number in `prefix`NUMBER`end`.
std::optional<std::uint64_t> number_in(std::string_view name, std::string_view prefix,
                                       std::string_view end_of_name = ".h5") {
  if (!name.starts_with(prefix) || !name.ends_with(end_of_name) || name.size() <= prefix.size() + end_of_name.size()) {
    return std::nullopt;
  }
  return parse_whole<std::uint64_t>(name.substr(prefix.size(), name.size() - prefix.size() - end_of_name.size()));
}

}  // namespace

Result<JournalFolder> list_journal(const FileLayer& files, const std::string& folder) {
  JournalFolder found;
  for (const std::string_view part : {std::string_view(), kArchiveFolder, kTextFolder, kBlobFolder, kIndexFolder}) {
    const std::string path = part.empty() ? folder : fmt::format("{}/{}", folder, part);
    const auto names = TRY(files.list(path));
    for (const std::string& name : names) {
      const std::string file = fmt::format("{}/{}", path, name);
      if (name.ends_with(kTemporary)) {
        found.temporaries.push_back(file);
      } else if (const auto segment = number_in(name, "seg-"); segment && part.empty()) {
        found.segments[*segment] = {file, false};
      } else if (const auto archive = number_in(name, "hist-"); archive && part == kArchiveFolder) {
        if (!found.segments.try_emplace(*archive, SegmentPlace{file, true}).second) {
          found.twins[*archive] = file;
        }
      } else if (const auto checkpoint = number_in(name, "checkpoint-"); checkpoint && part.empty()) {
        found.checkpoints[*checkpoint] = file;
      } else if (const auto text = number_in(name, "text-", ""); text && part == kTextFolder) {
        found.texts[*text] = file;
      } else if (const auto index = number_in(name, "index-"); index && part == kIndexFolder) {
        found.indexes[*index] = file;
      } else if (part == kBlobFolder) {
        found.blobs.push_back(file);
      }
    }
  }
  return found;
}

}  // namespace lockstep::journal
