// serve and start: a house of many executions, held open, and what is to run in it.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "cli/carry_out.hpp"
#include "cli/command_line.hpp"
#include "cli/deliver.hpp"
#include "cli/exit_status.hpp"
#include "cli/json_argument.hpp"
#include "cli/run_options.hpp"
#include "fleet/local_fleet.hpp"
#include "service/mailbox.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;
namespace fs = std::filesystem;

Result<service::RunFolder> house_at(const std::string& path, const std::string& limits) {
  auto folder = service::RunFolder::at(path);
  if (!folder) {
    return folder;
  }
  const auto stands = TRY(folder->holds_run());
  if (!stands) {
    service::RunRequest request;
    request.type = service::RunRequest::kHouse;
    request.limits = limits;
    TRY(folder->keep(request));
    return folder;
  }
  const auto kept = TRY(folder->settings());
  if (!kept.is_house()) {
    return fail(ErrorKind::occupied, fmt::format("{0} holds a run, which is no house of many executions: to go on with "
                                                 "it: lockstep resume --dir {0}",
                                                 path));
  }
  return folder;
}

namespace {

/// Puts the jobs in the file `path` in place of those that the house has, unless it is empty, and these buckets, unless
/// none are given.
Result<void> change_settings(const service::RunFolder& folder, const std::string& path, const BucketOptions& buckets) {
  auto request = TRY(folder.load());
  const auto before = std::pair(request.buckets, request.bucket_root);
  TRY(buckets.put_into(request));
  if (path.empty() && before == std::pair(request.buckets, request.bucket_root)) {
    return {};
  }
  if (!path.empty()) {
    TRY(take_jobs(path, request));
  }
  TRY(service::make_house_plan(request, path));
  return folder.keep_jobs(request);
}

int serve(const Command& self, const Arguments& arguments) {
  OwnerOptions options;
  std::string jobs;
  std::string limits = "hpc";
  po::options_description shown("options");
  shown.add_options()                                                                                           //
      ("dir", po::value(&options.folder)->value_name("HOUSE"), "the house's folder, made where there is none")  //
      ("jobs", po::value(&jobs)->value_name("FILE"),
       "what resources mean, for state machines without jobs of their own; kept in the folder")  //
      ("limits", po::value(&limits)->value_name("PROFILE"), "hpc (default), or aws for AWS's quotas; of a new house");
  BucketOptions buckets;
  buckets.add_to(shown);
  options.add_to(shown);
  if (const auto help = help_wanted(self, arguments, shown)) {
    std::cout << *help << std::flush;
    return kSucceeded;
  }
  std::vector<std::string> folders;
  Result<OwnerOptions> owner = options;
  if (const auto values = parse_arguments(self, arguments, shown, &folders); !values) {
    owner = tl::unexpected<Error>(values.error());
  } else if (const auto good = options.check(*values); !good) {
    owner = tl::unexpected<Error>(good.error());
  } else {
    if (options.folder.empty() && folders.size() == 1) {
      options.folder = folders.front();
      folders.clear();
    }
    owner = options;
    if (options.folder.empty() || !folders.empty()) {
      owner = fail(ErrorKind::usage, "serve needs one folder: --dir HOUSE; `lockstep serve --help`");
    } else if (limits != "hpc" && limits != "aws") {
      owner = fail(ErrorKind::usage, fmt::format("--limits is hpc or aws, not '{}'", limits));
    }
  }
  return as_owner(self.name, arguments, owner, [&](const MakeFleet& make_fleet) {
    const auto folder = TRY_OR_TELL(house_at(options.folder, limits));
    auto lease = TRY_OR_TELL(acquire_lease(folder.path(), options));
    TRY_OR_TELL(change_settings(folder, jobs, buckets));
    return keep_house(folder, std::move(lease), options, make_fleet, {});
  });
}

/// Nobody holds the house open: whoever waits does, until what it waits for is over.
int hold_open(const service::RunFolder& folder, const std::string& request, const OwnerOptions& options) {
  auto lease = TRY_OR_TELL(acquire_lease(folder.path(), options));
  return keep_house(folder, std::move(lease), options,
                    [&](fleet::FleetSettings settings) {
                      return std::make_unique<fleet::LocalFleet>(std::move(settings), options.slots);
                    },
                    {{}, request});
}

/// What the answer says, and the exit status that goes with it.
int tell(const std::string& answer, bool waited) {
  const auto document = Value::from_text(answer);
  if (!document || !document->node().is_object()) {
    return report({ErrorKind::invalid, answer});
  }
  if (!waited) {
    std::cout << answer << '\n' << std::flush;
    return kSucceeded;
  }
  const auto text = [&](const char* key) -> std::optional<std::string> {
    const Node* found = document->node().find(key);
    return found == nullptr ? std::nullopt : std::optional(std::string(found->as_string()));
  };
  engine::EndExecution end;
  end.status = engine::status_named(text("status").value_or("")).value_or(engine::Status::failed);
  end.output = Value::from_text(text("output").value_or("null")).value_or(Value());
  end.error = text("error");
  end.cause = text("cause");
  return print_result(service::result_of(end));
}

/// Waits for the answer to what was posted, however long the execution takes.
int wait_for_end(const service::RunFolder& folder, const std::string& id, bool sync, const OwnerOptions& options) {
  constexpr std::chrono::milliseconds kBetweenLooks{2'000};
  while (true) {
    const auto answer = TRY_OR_TELL(service::await_answer(folder.path(), id, kBetweenLooks));
    if (answer) {
      return tell(*answer, true);
    }
    const auto owner = journal::look_at_owner(folder.path(), kBetweenLooks);
    if (owner.life != journal::Life::ended) {
      continue;
    }
    const auto waits = TRY_OR_TELL(service::is_waiting(folder.path(), id));
    if (waits) {
      return hold_open(folder, id, options);
    }
    if (const auto late = service::await_answer(folder.path(), id, {}); late && *late) {
      return tell(**late, true);
    }
    return report({sync ? ErrorKind::interrupted : ErrorKind::io,
                   fmt::format("lost: whoever held {} open has ended, and nobody knows what this execution came to{}",
                               folder.path(), sync ? "; a synchronous one is not begun again" : "")});
  }
}

int start(const Command& self, const Arguments& arguments) {
  OwnerOptions options;
  service::Start request;
  std::string input;
  std::string jobs;
  po::options_description shown("options");
  shown.add_options()                                                                                           //
      ("dir", po::value(&options.folder)->value_name("HOUSE"), "the house's folder, made where there is none")  //
      ("machine", po::value(&request.machine)->value_name("M"),
       "the state machine's name; DEF's without its endings unless given. Without DEF: one that is there")  //
      ("name", po::value(&request.name)->value_name("N"), "the execution's name; made up unless given")     //
      ("type", po::value(&request.type)->value_name("TYPE"),
       "STANDARD or EXPRESS, of a new machine; it cannot be changed later")  //
      ("jobs", po::value(&jobs)->value_name("FILE"),
       "what resources mean for this machine; kept with it. The house's unless given")                           //
      ("input", po::value(&input)->value_name("FILE|JSON|-"), "the execution's input; {} unless given")          //
      ("wait", po::bool_switch(&request.wait), "until it is over, and print its result as `lockstep run` does")  //
      ("sync", po::bool_switch(&request.sync), "likewise, an EXPRESS one that is begun at most once");
  shown.add_options()("slots", po::value(&options.slots)->value_name("N"),
                      "tasks at the same time, where --wait holds the house open itself; a core each unless given")  //
      ("quiet", po::bool_switch(&options.quiet), "say nothing on stderr but errors");
  std::vector<std::string> definitions;
  const auto values = TRY_OR_TELL(read_command_line(self, arguments, shown, &definitions));
  TRY_OR_TELL(options.check(values));
  if (options.folder.empty() || definitions.size() > 1 || (definitions.empty() && request.machine.empty())) {
    return report(
        {ErrorKind::usage, "start needs --dir HOUSE, and one definition or --machine M; `lockstep start --help`"});
  }
  if (!request.type.empty() && request.type != "STANDARD" && request.type != "EXPRESS") {
    return report({ErrorKind::usage, fmt::format("--type is STANDARD or EXPRESS, not '{}'", request.type)});
  }
  if (!definitions.empty()) {
    auto definition = TRY_OR_TELL(read_machine(definitions.front(), request.type));
    if (request.machine.empty()) {
      request.machine = execution_name(stem_of(definitions.front()));
    }
    request.definition = std::move(definition);
  }
  if (!jobs.empty()) {
    auto taken = TRY_OR_TELL(read_jobs(jobs));
    request.jobs = std::move(taken.jobs);
    request.jobs_folder = std::move(taken.jobs_folder);
  }
  request.input = TRY_OR_TELL(input.empty() ? Value::empty_object() : read_json_argument("--input", input));
  const auto folder = TRY_OR_TELL(house_at(options.folder, "hpc"));
  const auto id = TRY_OR_TELL(service::post(folder.path(), request));
  // As in deliver().
  constexpr std::chrono::milliseconds kSoon{1'000};
  auto answer = service::await_answer(folder.path(), id, kSoon);
  const bool waits = request.wait || request.sync;
  if (answer && !*answer) {
    const auto owner = journal::look_at_owner(folder.path(), std::chrono::milliseconds(3'000));
    if (owner.life == journal::Life::ended && !waits) {
      complain(fmt::format("nobody holds {0} open now; the request waits there for: lockstep serve --dir {0}",
                           folder.path()));
      return kSucceeded;
    }
    if (waits) {
      return wait_for_end(folder, id, request.sync, options);
    }
    answer = service::await_answer(folder.path(), id, std::chrono::minutes(1));
  }
  if (!answer) {
    return report(answer.error());
  }
  if (!*answer) {
    complain(
        fmt::format("no answer from the house in {} within 60 s; the request stays in its mailbox", folder.path()));
    return kInterrupted;
  }
  return tell(**answer, waits);
}

}  // namespace

const Command kServe{
    "serve",
    "hold a house of many executions open",
    "--dir HOUSE [OPTION]...",
    "Holds a house open: a run folder with any number of executions of any number of state machines, which `lockstep "
    "start` starts, from any node. What was open when it ended goes on. A signal ends it, with nothing lost.",
    {{{"lockstep serve --dir night --jobs jobs.json", "on this machine's cores"},
      {"lockstep serve --dir night --ranks 8",
       "on eight ranks; stop it with a signal, and start it again, at any time"}}},
    serve};

const Command kStart{"start",
                     "start an execution in a house",
                     "--dir HOUSE [DEF] [OPTION]...",
                     "Starts an execution in a house (`lockstep serve`). The state machine becomes what DEF says: a "
                     "text that has changed "
                     "is a new revision of it, which executions that run already do not see. Without a server the "
                     "request waits for one; "
                     "--wait holds the house open itself.",
                     {{{"lockstep start --dir night survey.asl.json --input plates.json", "prints its ARN"},
                       {"lockstep start --dir night --machine survey --name again --wait",
                        "a machine that is there; prints the result"}}},
                     start};

}  // namespace lockstep::cli
