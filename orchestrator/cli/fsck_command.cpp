#include <iostream>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"
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
constexpr std::chrono::milliseconds kWatch{2'500};

Result<journal::JournalCheck> check(const report::RunFiles& run, bool is_live) {
  auto checked = journal::check_journal(journal::posix_files(), run.journal);
  for (int look = 1; look < kLooks && is_live && checked && checked->is_damaged(); ++look) {
    checked = journal::check_journal(journal::posix_files(), run.journal);
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
  journal::LeaseOptions options;
  options.warn = [](const std::string& message) { complain(message); };
  const auto lease = journal::Lease::acquire(run.folder, checked.epoch, options);
  if (!lease) {
    return tl::unexpected<Error>(lease.error());
  }
  // It may have changed before it was ours.
  auto again = journal::check_journal(journal::posix_files(), run.journal);
  if (!again) {
    return tl::unexpected<Error>(again.error());
  }
  const auto salvaged =
      journal::salvage_journal(journal::posix_files(), run.journal, *again, "lockstep fsck --salvage");
  if (!salvaged) {
    return tl::unexpected<Error>(salvaged.error());
  }
  if (salvaged->folder.empty()) {
    std::cout << "nothing can be done about it: what recovery needs is whole, and the rest cannot be had back\n";
    return kIo;
  }
  for (const std::string& line : salvaged->lines) {
    std::cout << "salvage: " << line << '\n';
  }
  std::cout << "salvage: what was taken out lies in " << salvaged->folder << '\n';
  again = journal::check_journal(journal::posix_files(), run.journal);
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
  const auto owner = journal::look_at_owner(folder, kWatch);
  if (owner.life == journal::Life::running) {
    const std::string who = owner.owner ? journal::describe(*owner.owner) : "another Lockstep";
    if (with_salvage) {
      return fail(ErrorKind::occupied,
                  fmt::format("{} belongs to a run that goes on ({}): nothing is salvaged", folder, who));
    }
    std::cout << "the run goes on (" << report::one_line(who, SIZE_MAX)
              << "): what it writes meanwhile may be missing here\n";
  }
  if (!owner.owner && journal::posix_files().exists(folder + "/lease")) {
    std::cout << "lease: cannot be read; the next owner writes a new one\n";
  }
  auto checked = check(*run, owner.life == journal::Life::running);
  if (!checked) {
    return tl::unexpected<Error>(checked.error());
  }
  print_findings(*checked);
  if (with_salvage) {
    return salvage(*run, std::move(*checked));
  }
  print_summary(*checked, folder);
  return checked->is_damaged() ? kIo : kSucceeded;
}

}  // namespace

int fsck_command(const Arguments& arguments) {
  std::string folder;
  bool with_salvage = false;
  po::options_description options("options");
  options.add_options()                                                 //
      ("dir", po::value(&folder)->value_name("RUN"), "the run folder")  //
      ("salvage", po::bool_switch(&with_salvage),
       "make a damaged journal readable up to the first hole; what is beyond is moved aside, never deleted")  //
      ("help,h", "show this text");
  const auto values = parse_arguments("fsck", arguments, options, "");
  if (!values) {
    complain(values.error().message);
    return kUsage;
  }
  if (values->count("help") != 0) {
    std::cout << "usage: lockstep fsck --dir RUN [--salvage]\n"
              << "Checks every file of a run's journal, and says whether resume will go on. Exit status 74 if anything "
                 "is damaged.\n\n"
              << options;
    return kSucceeded;
  }
  if (folder.empty()) {
    complain("fsck needs --dir RUN; `lockstep fsck --help`");
    return kUsage;
  }
  const auto status = run_fsck(folder, with_salvage);
  std::cout.flush();
  if (!status) {
    complain(status.error().message);
    return exit_status(status.error().kind);
  }
  return *status;
}

}  // namespace lockstep::cli
