#include <iostream>

#include "catalogue/catalogue.hpp"
#include "cli/carry_out.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "journal/fsck.hpp"
#include "journal/lease.hpp"
#include "journal/recovery.hpp"
#include "report/format.hpp"
#include "report/run_files.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

/// A live run's files move while they are read: what is believed has been seen this often.
constexpr int kLooks = 3;

Result<journal::JournalCheck> check_once(const report::RunFiles& run) {
  catalogue::Catalogue catalogue;
  return journal::check_journal(journal::posix_files(), run.journal, &catalogue);
}

Result<journal::JournalCheck> check(const report::RunFiles& run, bool is_live) {
  auto checked = check_once(run);
  for (int look = 1; look < kLooks && is_live && checked && checked->is_damaged(); ++look) {
    checked = check_once(run);
  }
  return checked;
}

void print_findings(const journal::JournalCheck& checked) {
  for (const journal::Finding& finding : checked.findings) {
    std::cout << report::one_line(fmt::format("{}: {}; {}", finding.file, finding.problem, finding.consequence),
                                  SIZE_MAX)
              << '\n';
  }
}

void print_summary(const journal::JournalCheck& checked, const std::string& folder) {
  std::cout << report::counted(checked.good_events, "good event");
  if (checked.last != 0) {
    std::cout << fmt::format(", {} to {} without a gap", report::grouped(checked.first), report::grouped(checked.last));
  }
  std::cout << fmt::format("; {}, {}\n", report::counted(checked.segments.size(), "segment"),
                           report::counted(checked.checkpoints.size(), "checkpoint"));
  if (checked.refusal) {
    std::cout << report::one_line(
                     fmt::format("resume refuses: {}; `lockstep fsck --salvage --dir {}` keeps what is whole",
                                 *checked.refusal, folder),
                     SIZE_MAX)
              << '\n';
  } else if (checked.segments.empty()) {
    std::cout << "nothing was journalled yet\n";
  } else {
    std::cout << fmt::format("resume goes on after event {}", report::grouped(checked.recovered))
              << (checked.recovered_checkpoint != 0
                      ? fmt::format(", from a checkpoint at event {}\n", report::grouped(checked.recovered_checkpoint))
                      : std::string("\n"));
  }
}

Result<int> salvage(const report::RunFiles& run, journal::JournalCheck checked) {
  if (!checked.is_damaged()) {
    std::cout << "nothing to salvage\n";
    return kSucceeded;
  }
  const auto lease = TRY(acquire_lease(run.folder, OwnerOptions(), checked.epoch));
  // It may have changed before it was ours.
  auto again = check_once(run);
  if (!again) {
    return tl::unexpected<Error>(again.error());
  }
  const auto salvaged =
      TRY(journal::salvage_journal(journal::posix_files(), run.journal, *again, "lockstep fsck --salvage"));
  if (salvaged.folder.empty()) {
    std::cout << "nothing can be done about it: what recovery needs is whole, and the rest cannot be had back\n";
    return kIo;
  }
  for (const std::string& line : salvaged.lines) {
    std::cout << "salvage: " << line << '\n';
  }
  std::cout << "salvage: what was taken out lies in " << salvaged.folder << '\n';
  again = check_once(run);
  if (!again) {
    return tl::unexpected<Error>(again.error());
  }
  print_findings(*again);
  print_summary(*again, run.folder);
  return again->refusal ? kIo : kSucceeded;
}

Result<int> run_fsck(const std::string& folder, bool with_salvage) {
  const auto run = report::open_run_folder(folder);
  if (!run) {
    return tl::unexpected<Error>(run.error());
  }
  const auto owner = journal::look_at_owner(folder, journal::kWatch);
  if (owner.life == journal::Life::running) {
    const std::string who = owner.owner ? journal::describe(*owner.owner) : "another Lockstep";
    if (with_salvage) {
      return fail(ErrorKind::occupied,
                  fmt::format("{} belongs to a run that goes on ({}): nothing is salvaged", folder, who));
    }
    std::cout << "the run goes on (" << report::one_line(who, SIZE_MAX)
              << "): what it writes meanwhile may be missing here\n";
  }
  if (!owner.owner && journal::posix_files().exists(folder + "/lease").value_or(true)) {
    std::cout << "lease: cannot be read; the next owner writes a new one\n";
  }
  auto checked = TRY(check(*run, owner.life == journal::Life::running));
  print_findings(checked);
  if (checked.segments.empty() && checked.checkpoints.empty() && owner.owner && owner.owner->has_journal) {
    std::cout << "the journal is empty, but the lease says that one was begun: resume refuses it; bring back what is "
                 "missing, or start anew with --fresh\n";
    return kIo;
  }
  if (with_salvage) {
    return salvage(*run, std::move(checked));
  }
  print_summary(checked, folder);
  return checked.is_damaged() ? kIo : kSucceeded;
}

int fsck(const Command& self, const Arguments& arguments) {
  RunChoice run;
  bool with_salvage = false;
  po::options_description options("options");
  run.add_to(options);
  options.add_options()  //
      ("salvage", po::bool_switch(&with_salvage),
       "make a damaged journal readable up to the first hole; what is beyond is moved aside, never deleted");
  const auto folder = TRY_OR_TELL(read_run_line(self, arguments, options, run));
  const auto status = run_fsck(folder, with_salvage);
  std::cout.flush();
  return status ? *status : report(status.error());
}

}  // namespace

const Command kFsck{
    "fsck",
    "check a run's journal; --salvage keeps what is whole",
    "[RUN] [--salvage]",
    "Checks every file of a run's journal, and says whether resume will go on. Exit status 74 if anything "
    "is damaged.",
    {{{"lockstep fsck survey-1.lockstep", "whether anything is damaged"},
      {"lockstep fsck survey-1.lockstep --salvage", "give up what is beyond the damage"}}},
    fsck};

}  // namespace lockstep::cli
