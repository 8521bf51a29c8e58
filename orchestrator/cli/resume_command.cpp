#include <iostream>

#include "cli/carry_out.hpp"
#include "cli/changes.hpp"
#include "cli/command_line.hpp"
#include "cli/deliver.hpp"
#include "cli/exit_status.hpp"
#include "service/bindings.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

/// What the command line names instead of what the run has; empty: nothing.
struct Replacements {
  std::string definition;
  std::string jobs;
};

/// What on disk is not what the run goes on with. What it is given anew is not mentioned.
void tell_changes(const service::RunFolder& folder, const Replacements& given) {
  const auto settings = folder.settings();
  if (!settings) {
    return;
  }
  auto changes = service::changes_since(settings->sources, folder.path());
  std::erase_if(changes, [&](const service::Change& one) {
    return (one.of == service::Change::Of::jobs && !given.jobs.empty()) ||
           (one.of == service::Change::Of::definition && !given.definition.empty());
  });
  complain_each(describe_changes(folder, changes));
}

/// Before the run goes on: it is redriven, and takes what it was given from where `plan` has it.
Result<void> prepare(service::House& house, const service::RunFolder& folder, bool redrive, const service::Plan& plan,
                     const Replacements& given, bool quiet) {
  auto before = TRY(folder.load());
  const service::RunRequest& now = plan.request;
  const auto tell = [&](const char* what, const service::Source& from, const std::string& old,
                        const std::string& text) {
    if (!quiet && old != text) {
      complain(fmt::format("from here on the run takes its {} from {} ({})", what,
                           from.path.empty() ? "standard input" : from.path, service::difference(old, text)));
    }
  };
  if (redrive) {
    if (auto good = house.redrive(service::House::kOnly, given.definition.empty() ? nullptr : &plan); !good) {
      return good;
    }
    tell("definition", now.sources.definition, before.definition, now.definition);
  }
  if (given.jobs.empty()) {
    return {};
  }
  const std::string old_jobs = std::exchange(before.jobs, now.jobs);
  before.jobs_folder = now.jobs_folder;
  before.sources.jobs = now.sources.jobs;
  const auto kept = folder.keep_jobs(before);
  if (kept) {
    tell("jobs", now.sources.jobs, old_jobs, now.jobs);
  }
  return kept;
}

/// Asks a house for it: what was given becomes a revision of the execution's machine.
int redrive_in_house(const service::RunFolder& folder, const std::string& execution, const Replacements& given) {
  if (execution.empty()) {
    return report({ErrorKind::usage, fmt::format("{0} is a house of many executions: say which, with --execution NAME; "
                                                 "lockstep list --dir {0} lists them",
                                                 folder.path())});
  }
  service::Redrive request{execution};
  if (!given.definition.empty()) {
    request.definition = TRY_OR_TELL(read_machine(given.definition, "STANDARD"));  // no other can be redriven
  }
  if (!given.jobs.empty()) {
    auto jobs = TRY_OR_TELL(read_jobs(given.jobs));
    request.jobs = std::move(jobs.jobs);
    request.jobs_folder = std::move(jobs.jobs_folder);
  }
  return deliver(folder, request, 60);
}

/// Both commands: they differ in what they do with a run that has ended.
int go_on(const Command& self, const Arguments& arguments) {
  const bool redrive = &self == &kRedrive;
  OwnerOptions options;
  RunChoice run;
  po::options_description shown("options");
  Replacements given;
  std::string execution;
  run.add_to(shown);
  if (redrive) {
    shown.add_options()("execution", po::value(&execution)->value_name("NAME"), "name or ARN, in a house of many")(
        "definition", po::value(&given.definition)->value_name("FILE"),
        "with which it goes on: one that has all states that were entered; the one it has unless given");
  }
  shown.add_options()("jobs", po::value(&given.jobs)->value_name("FILE"),
                      "what resources mean from here on; what the run has kept unless given");
  options.add_to(shown);
  if (const auto help = help_wanted(self, arguments, shown)) {
    std::cout << *help << std::flush;
    return kSucceeded;
  }
  const auto values = parse_arguments(self, arguments, shown, run.operands());
  Result<OwnerOptions> checked = options;
  if (!values) {
    checked = tl::unexpected<Error>(values.error());
  } else if (const auto good = options.check(*values); !good) {
    checked = tl::unexpected<Error>(good.error());
  } else if (const auto named = run.is_named(); !named) {
    checked = tl::unexpected<Error>(named.error());
  } else if (values->count("jobs") != 0 && given.jobs.empty()) {
    checked = fail(ErrorKind::usage, "--jobs is given, but empty");
  } else if (values->count("definition") != 0 && given.definition.empty()) {
    checked = fail(ErrorKind::usage, "--definition is given, but empty");
  }
  return as_owner(self.name, arguments, checked, [&](const MakeFleet& make_fleet) {
    const auto path = TRY_OR_TELL(run.folder());
    const auto folder = TRY_OR_TELL(service::RunFolder::existing(path));
    if (const auto settings = folder.settings(); redrive && settings && settings->is_house()) {
      return redrive_in_house(folder, execution, given);
    }
    if (!redrive) {
      const auto finished = TRY_OR_TELL(folder.finished());
      if (finished) {
        if (!options.quiet) {
          complain(describe_ended(folder, *finished));
          complain_each(changes_on_disk(folder));
        }
        return print_result(*finished);
      }
    }
    auto plan = TRY_OR_TELL(plan_of(folder, given.jobs, given.definition));
    if (!options.quiet) {
      tell_changes(folder, given);
    }
    TRY_OR_TELL(service::check_plugins(*plan.machine, integrations::Integrations(plan.jobs.jobs)));
    auto history = TRY_OR_TELL(open_history(options));
    auto lease = TRY_OR_TELL(acquire_lease(folder.path(), options));
    return carry_out(
        folder, plan, std::move(lease), options, make_fleet, std::move(history),
        [&](service::House& house) { return prepare(house, folder, redrive, plan, given, options.quiet); });
  });
}

}  // namespace

const Command kResume{
    "resume",
    "go on with a run that was cut off or stopped",
    "[RUN] [OPTION]...",
    "Goes on with a run that was cut off (kill, time limit, loss of a node) or stopped, and prints its output. The "
    "number of ranks may differ. Of a run that has ended it prints the result again.",
    {{{"lockstep resume", "go on with the last run of this folder"},
      {"lockstep resume runs/survey --ranks 16", "on sixteen ranks, however many there were"}}},
    go_on};

const Command kRedrive{
    "redrive",
    "run again what failed in a run that failed",
    "[RUN] [OPTION]...",
    "Runs again what did not succeed in a run that failed, timed out or was stopped: from the failed states on, and of "
    "a Map only the iterations that had not succeeded.",
    {{{"lockstep redrive", "try again what failed in the last run of this folder"},
      {"lockstep redrive runs/survey --definition survey.asl.json --jobs jobs.json",
       "with a definition and a jobs.json that were corrected meanwhile"}}},
    go_on};

}  // namespace lockstep::cli
