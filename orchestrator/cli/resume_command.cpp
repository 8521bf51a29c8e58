#include <iostream>

#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"
#include "cli/owner.hpp"
#include "service/bindings.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

constexpr const char* kResumeUsage =
    "usage: lockstep resume --dir RUN [OPTION]...\n"
    "Goes on with a run that was cut off (kill, time limit, loss of a node) or stopped, and prints its output. The "
    "number "
    "of ranks may differ. Of a run that has ended it prints the result again.\n\n";
constexpr const char* kRedriveUsage =
    "usage: lockstep redrive --dir RUN [OPTION]...\n"
    "Runs again what did not succeed in a run that failed, timed out or was stopped: from the failed states on, and of "
    "a "
    "Map only the iterations that had not succeeded.\n\n";

/// Both commands: they differ in what they do with a run that has ended.
int go_on(const std::string& command, const Arguments& arguments) {
  const bool redrive = command == "redrive";
  OwnerOptions options;
  po::options_description shown("options");
  shown.add_options()("dir", po::value(&options.folder)->value_name("RUN"), "the run folder");
  options.add_to(shown);
  shown.add_options()("help,h", "show this text");
  const auto values = parse_arguments(command, arguments, shown, "");
  if (values && values->count("help") != 0) {
    std::cout << (redrive ? kRedriveUsage : kResumeUsage) << shown;
    return kSucceeded;
  }
  Result<OwnerOptions> checked = options;
  if (!values) {
    checked = tl::unexpected<Error>(values.error());
  } else if (const auto good = options.check(*values); !good) {
    checked = tl::unexpected<Error>(good.error());
  } else if (options.folder.empty()) {
    checked = fail(ErrorKind::usage, fmt::format("{} needs --dir RUN; `lockstep {} --help`", command, command));
  }
  return as_owner(command, arguments, checked, [&](const MakeFleet& make_fleet) {
    const auto folder = service::RunFolder::existing(options.folder);
    if (!folder) {
      return report(folder.error());
    }
    if (!redrive) {
      const auto finished = folder->finished();
      if (!finished) {
        return report(finished.error());
      }
      if (*finished) {
        return print_result(**finished);
      }
    }
    auto plan = plan_of(*folder);
    if (!plan) {
      return report(plan.error());
    }
    if (const auto loadable = service::check_plugins(*plan->machine, integrations::Integrations(plan->jobs.jobs));
        !loadable) {
      return report(loadable.error());
    }
    auto history = open_history(options);
    if (!history) {
      return report(history.error());
    }
    auto lease = acquire_lease(*folder, options);
    if (!lease) {
      return report(lease.error());
    }
    return carry_out(*folder, *std::move(plan), *std::move(lease), options, make_fleet, *std::move(history),
                     redrive ? [](service::Session& session) { return session.redrive(); }
                             : std::function<Result<void>(service::Session&)>());
  });
}

}  // namespace

int resume_command(const Arguments& arguments) {
  return go_on("resume", arguments);
}

int redrive_command(const Arguments& arguments) {
  return go_on("redrive", arguments);
}

}  // namespace lockstep::cli
