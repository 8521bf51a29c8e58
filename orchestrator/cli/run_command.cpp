#include <fmt/ranges.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include "asl/definition_file.hpp"
#include "catalogue/names.hpp"
#include "cli/carry_out.hpp"
#include "cli/changes.hpp"
#include "cli/command_line.hpp"
#include "cli/dry_run.hpp"
#include "cli/exit_status.hpp"
#include "cli/json_argument.hpp"
#include "cli/run_options.hpp"
#include "mpi_worker/printable.hpp"
#include "service/bindings.hpp"
#include "service/files.hpp"

namespace lockstep::cli {

namespace {

namespace fs = std::filesystem;

/// "survey-1" of "dir/survey-1.lockstep".
std::string name_of_folder(const std::string& path) {
  fs::path name = fs::absolute(path).lexically_normal();
  name = name.has_filename() ? name.filename() : name.parent_path().filename();
  return execution_name(name.extension() == ".lockstep" ? name.stem().string() : name.string());
}

/// Where jobs are looked for, unless the command line says it.
std::vector<std::string> jobs_paths(const std::string& definition) {
  std::vector<std::string> paths;
  for (const char* name : {"jobs.json", "jobs.yaml", "jobs.yml"}) {
    paths.push_back((fs::path(definition).parent_path() / name).string());
  }
  return paths;
}

/// Which of them there is; empty: none.
Result<std::string> jobs_beside(const std::string& definition) {
  std::string found;
  for (const std::string& path : jobs_paths(definition)) {
    const auto stands = TRY(journal::posix_files().exists(path));
    if (stands && !found.empty()) {
      return fail(ErrorKind::invalid, fmt::format("there are both {} and {}: name one with --jobs", found, path));
    }
    found = stands ? path : found;
  }
  return found;
}

/// Those that it names, and those that the run has with which it goes on.
std::vector<std::string> activities_of(const RunOptions& options) {
  std::vector<std::string> names = options.activities;
  const auto stands = options.owner.folder.empty() || options.fresh
                          ? fail(ErrorKind::occupied, "")
                          : service::RunFolder::existing(options.owner.folder);
  if (const auto kept = stands ? stands->settings() : tl::unexpected<Error>(stands.error())) {
    names.insert(names.end(), kept->activities.begin(), kept->activities.end());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// Files of state machines in a folder, with the names that they give.
Result<std::vector<std::pair<std::string, std::string>>> machines_in(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator entries(folder, error), end; !error && entries != end; entries.increment(error)) {
    const std::string path = entries->path().string();
    if (path.ends_with(".asl.json") || path.ends_with(".asl.yaml") || path.ends_with(".asl.yml")) {
      found.emplace_back(stem_of(path), path);
    }
  }
  if (error || found.empty()) {
    return fail(ErrorKind::usage,
                fmt::format("--machine {}: {}", folder,
                            error ? error.message() : "no file there is called *.asl.json, *.asl.yaml or *.asl.yml"));
  }
  return found;
}

/// The state machines besides the run's own. `files`: theirs, in the same order.
Result<void> read_machines(const RunOptions& options, service::RunRequest& request, std::vector<std::string>& files) {
  std::map<std::string, std::string> named;
  for (const std::string& one : options.machines) {
    const std::size_t equals = one.find('=');
    const auto given = equals != std::string::npos
                           ? std::vector{std::pair(one.substr(0, equals), one.substr(equals + 1))}
                           : TRY(machines_in(one));
    for (const auto& [name, file] : given) {
      if (!catalogue::is_valid_name(name)) {
        return fail(ErrorKind::usage, fmt::format("--machine: a state machine cannot be called '{}'", name));
      }
      if (name == request.machine_name || !named.emplace(name, file).second) {
        return fail(ErrorKind::usage,
                    fmt::format("--machine: two state machines are called '{}', {} and {}", name,
                                name == request.machine_name ? options.definition : named[name], file));
      }
    }
  }
  for (const std::string& name : options.express) {
    if (!named.contains(name)) {
      return fail(ErrorKind::usage, fmt::format("--express {}: no --machine is called so", name));
    }
  }
  for (const auto& [name, file] : named) {
    const bool express = std::find(options.express.begin(), options.express.end(), name) != options.express.end();
    request.machines.push_back(
        {name, express ? "EXPRESS" : "STANDARD", TRY(asl::read_definition(file, std::cin)).json});
    files.push_back(file);
  }
  return {};
}

/// What the command line named, read and checked. The name is left empty unless it was given.
Result<service::Plan> read_plan(RunOptions options) {
  service::RunRequest request;
  request.sources.definition = service::source_of(options.definition);
  auto definition = TRY(asl::read_definition(options.definition, std::cin));
  request.definition = std::move(definition.json);
  request.type = options.type;
  request.limits = options.limits;
  request.name = options.name;
  request.machine_name = execution_name(stem_of(options.definition));
  request.activities = activities_of(options);
  TRY(options.buckets.put_into(request));
  std::string jobs_name = options.jobs;
  if (options.jobs.empty()) {
    auto beside = jobs_beside(options.definition);
    if (!beside) {
      return tl::unexpected<Error>(beside.error());
    }
    options.jobs = *std::move(beside);
    jobs_name =
        !options.jobs.empty() ? options.jobs : fmt::format("{}", fmt::join(jobs_paths(options.definition), ", "));
  }
  if (!options.jobs.empty()) {
    TRY(take_jobs(options.jobs, request));
  }
  if (names_file(options.input)) {
    request.sources.input = service::source_of(options.input);
  }
  std::vector<std::string> machine_files;
  TRY(read_machines(options, request, machine_files));
  // The definition first: what is wrong with it is told before what is wrong with the input.
  request.input = "null";
  auto plan = service::make_plan(std::move(request),
                                 {options.definition, std::move(definition.yaml), jobs_name, std::move(machine_files)});
  if (!plan) {
    return plan;
  }
  auto input = options.input.empty() ? Value::empty_object() : read_json_argument("--input", options.input);
  if (!input) {
    return tl::unexpected<Error>(input.error());
  }
  plan->input = *std::move(input);
  plan->request.input = plan->input.to_text();
  return plan;
}

int coordinate(const RunOptions& options, const MakeFleet& make_fleet) {
  auto plan = TRY_OR_TELL(read_plan(options));
  const auto choose = [&] {
    return service::RunFolder::choose(options.definition, stem_of(options.definition), options.name);
  };
  std::string path = options.owner.folder.empty() ? choose() : options.owner.folder;
  if (options.dry_run) {
    const auto loadable = service::check_plugins(*plan.machine, integrations::Integrations(plan.jobs.jobs));
    return loadable ? dry_run(options, plan, path) : report(loadable.error());
  }
  auto history = TRY_OR_TELL(open_history(options.owner));
  if (options.owner.folder.empty() && options.name.empty() && std::getenv("SLURM_JOB_ID") == nullptr) {
    while (::mkdir(path.c_str(), 0700) != 0 && errno == EEXIST) {
      path = choose();  // another run has begun here at the same time
    }
  }
  const auto folder = TRY_OR_TELL(service::RunFolder::at(path));
  std::vector<service::Change> changes;
  /// Whether the run that stands there is the one that is asked for; its name and limits hold.
  const auto adopt = [&]() -> Result<void> {
    const auto kept = TRY(folder.load());
    if (const auto same = service::RunFolder::compare(path, kept, plan.request); !same) {
      return same;
    }
    changes = changed_jobs(kept, plan.request);
    plan.request.name = kept.name;
    plan.request.limits = kept.limits;
    plan.request.machine_name = kept.machine_name;
    if (plan.request.buckets.empty() && plan.request.bucket_root.empty()) {
      plan.request.buckets = kept.buckets;
      plan.request.bucket_root = kept.bucket_root;
      service::add_buckets(kept, plan.jobs);
    }
    return {};
  };
  const auto holds_run = TRY_OR_TELL(folder.holds_run());
  if (holds_run && !options.fresh) {
    TRY_OR_TELL(adopt());
    const auto finished = TRY_OR_TELL(folder.finished());
    if (finished) {
      if (!options.owner.quiet) {
        complain(describe_ended(folder, *finished));
        complain_each(describe_changes(folder, changes));
      }
      return print_result(*finished);
    }
    for (const service::Change& change : options.owner.quiet ? std::vector<service::Change>() : changes) {
      complain(fmt::format("{} has changed since the run took it in ({}); it goes on with what is there now",
                           change.path, change.difference));
    }
  }
  TRY_OR_TELL(service::check_plugins(*plan.machine, integrations::Integrations(plan.jobs.jobs)));
  auto lease = TRY_OR_TELL(acquire_lease(folder.path(), options.owner));
  // Others may have been here meanwhile; from here on none can.
  Result<void> ready;
  if (options.fresh) {
    ready = lease->forget_journal();
    ready = ready ? folder.clear() : ready;
  } else if (const auto still = folder.holds_run(); !still || *still) {
    ready = still ? adopt() : tl::unexpected<Error>(still.error());
  }
  if (ready) {
    if (plan.request.name.empty()) {
      plan.request.name = name_of_folder(path);
    }
    ready = folder.keep(plan.request);
  }
  if (!ready) {
    return report(ready.error());
  }
  return carry_out(folder, std::move(plan), std::move(lease), options.owner, make_fleet, std::move(history));
}

int run(const Command& self, const Arguments& arguments) {
  RunOptions options;
  boost::program_options::options_description shown("options");
  options.add_to(shown);
  if (const auto help = help_wanted(self, arguments, shown)) {
    std::cout << *help << std::flush;
    return kSucceeded;
  }
  const auto good = options.read(self, arguments, shown);
  Result<OwnerOptions> owner = good ? Result<OwnerOptions>(options.owner) : tl::unexpected<Error>(good.error());
  if (good && options.dry_run) {
    owner->ranks.clear();  // nothing is to be run on them
  }
  return as_owner("run", arguments, owner,
                  [&](const MakeFleet& make_fleet) { return coordinate(options, make_fleet); });
}

}  // namespace

const Command kRun{
    "run",
    "run a state machine; alone, with --ranks N, or under mpirun",
    "DEF [OPTION]...",
    "Runs the state machine that the file DEF defines (Amazon States Language, JSON or YAML) and prints its output, or "
    "{\"status\",\"error\",\"cause\"} where it failed.",
    {{{"lockstep run survey.asl.json --input '{\"plates\": 12}'", "run it on this machine's cores"},
      {"lockstep run survey.asl.json --ranks 8 --dir runs/survey", "on eight ranks, with a run folder of that name"}}},
    run};

}  // namespace lockstep::cli
