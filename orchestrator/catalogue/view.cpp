#include "catalogue/view.hpp"

#include <algorithm>
#include <array>

#include "journal/checkpoint.hpp"
#include "journal/event_reader.hpp"
#include "journal/journal_folder.hpp"

namespace lockstep::catalogue {

namespace {

// An owner that takes checkpoints meanwhile removes what is being read; so often in a row it does not.
constexpr int kLooks = 5;

/// Whether Events of that kind change the catalogue.
bool is_of_interest(std::uint16_t kind) {
  constexpr std::string_view kNames[] = {"ExecutionStarted",  "ExecutionSucceeded", "ExecutionFailed",
                                         "ExecutionTimedOut", "ExecutionAborted",   "ExecutionRedriven",
                                         "MachineCreated",    "MachineRevised",     "MachineDeleted",
                                         "ActivityCreated",   "ActivityDeleted"};
  static const auto wanted = [&] {
    std::array<bool, 256> table{};
    for (std::uint16_t i = 0; i < table.size(); ++i) {
      const std::string_view name = journal::kind_name(i);
      table[i] = !name.empty() && std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
    }
    return table;
  }();
  return kind < wanted.size() && wanted[kind];
}

/// Applies the Events from `from` on. 0: from the first that is there.
Result<void> apply_from(const journal::FileLayer& files, const std::string& folder, SequenceNumber from,
                        Catalogue& catalogue) {
  journal::ReadOptions options;
  options.files = &files;
  options.from = from;
  auto reader = TRY(journal::EventReader::open(folder, options));
  while (true) {
    const auto row = TRY(reader.next_row());
    if (!row) {
      return {};
    }
    if (is_of_interest(row->kind)) {
      const auto event = TRY(reader.decode());
      catalogue.apply(event, row->seq);
    }
  }
}

Result<std::unique_ptr<Catalogue>> look(journal::FileLayer& files, const std::string& folder) {
  const auto listed = TRY(journal::list_journal(files, folder));
  auto made = std::make_unique<Catalogue>();
  SequenceNumber from = listed.checkpoints.empty() ? 1 : 0;
  for (auto it = listed.checkpoints.rbegin(); it != listed.checkpoints.rend() && from == 0; ++it) {
    made->start(files, folder);
    const auto loaded = journal::load_folded(files, folder, it->second, *made);
    if (loaded && loaded->folded_problem.empty()) {
      from = loaded->first_seq + 1;
    }
  }
  if (from <= 1) {
    made->start(files, folder);
  }
  TRY(apply_from(files, folder, from, *made));
  return made;
}

}  // namespace

Result<std::unique_ptr<Catalogue>> view(journal::FileLayer& files, const std::string& folder) {
  auto seen = look(files, folder);
  for (int i = 1; i < kLooks && !seen; ++i) {
    seen = look(files, folder);
  }
  return seen;
}

}  // namespace lockstep::catalogue
