#include <filesystem>
#include <iostream>
#include <random>

#include "asl/validate_command.hpp"
#include "cli/commands.hpp"
#include "cli/dry_run.hpp"
#include "cli/exit_status.hpp"
#include "cli/owner.hpp"
#include "cli/run_options.hpp"
#include "mpi_worker/printable.hpp"
#include "service/bindings.hpp"
#include "service/files.hpp"

namespace lockstep::cli {

namespace {

namespace fs = std::filesystem;

/// "pipeline" of "dir/pipeline.asl.json".
std::string stem_of(const std::string& path) {
  fs::path name = fs::path(path).filename();
  for (const char* extension : {".json", ".yaml", ".yml", ".asl"}) {
    if (name.extension() == extension) {
      name = name.stem();
    }
  }
  return name.empty() ? "machine" : worker::to_utf8(name.string());
}

std::string make_name() {
  std::random_device device;
  std::mt19937_64 random((static_cast<std::uint64_t>(device()) << 32) | device());
  const std::uint64_t a = random();
  const std::uint64_t b = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xFFFF, a & 0xFFF,
                     0x8000 | ((b >> 48) & 0x3FFF), b & 0xFFFFFFFFFFFF);
}

Result<Value> read_input(const std::string& argument) {
  if (argument.empty()) {
    return Value::empty_object();
  }
  const std::size_t first = argument.find_first_not_of(" \t\r\n");
  const bool looks_like_json =
      first != std::string::npos && std::string_view("{[\"").find(argument[first]) != std::string_view::npos;
  std::error_code error;
  std::string text = argument;
  std::string name = "the text after --input";
  if (argument == "-" || (!looks_like_json && fs::exists(argument, error))) {
    auto content = service::read_file(argument);
    if (!content) {
      return tl::unexpected<Error>(content.error());
    }
    text = *std::move(content);
    name = argument == "-" ? "standard input" : argument;
  } else if (JsonProblem problem; !looks_like_json && !check_json(argument, problem)) {
    return fail(ErrorKind::invalid, fmt::format("--input '{}' is neither a file nor JSON", argument));
  }
  auto value = Value::from_text(std::move(text));
  if (!value) {
    return fail(ErrorKind::invalid, fmt::format("{} is not JSON: {}", name, value.error().message));
  }
  return value;
}

/// What the command line named, read and checked. The name is left empty unless it was given.
Result<service::Plan> read_plan(const RunOptions& options) {
  service::RunRequest request;
  auto definition = asl::read_definition(options.definition, std::cin);
  if (!definition) {
    return tl::unexpected<Error>(definition.error());
  }
  request.definition = *std::move(definition);
  request.type = options.type;
  request.limits = options.limits;
  request.name = options.name;
  request.machine_name = stem_of(options.definition);
  std::string jobs_path = options.jobs;
  if (jobs_path.empty()) {
    const std::string beside = (fs::path(options.definition).parent_path() / "jobs.json").string();
    std::error_code error;
    if (fs::exists(beside, error)) {
      jobs_path = beside;
    }
  }
  if (!jobs_path.empty()) {
    auto text = service::read_file(jobs_path, integrations::kMaxJobsFileBytes);
    if (!text) {
      return tl::unexpected<Error>(text.error());
    }
    std::error_code error;
    request.jobs = *std::move(text);
    request.jobs_folder = fs::absolute(jobs_path, error).lexically_normal().parent_path().string();
  }
  // The definition first: what is wrong with it is told before what is wrong with the input.
  request.input = "null";
  auto plan = service::make_plan(std::move(request), options.definition, jobs_path);
  if (!plan) {
    return plan;
  }
  auto input = read_input(options.input);
  if (!input) {
    return tl::unexpected<Error>(input.error());
  }
  plan->input = *std::move(input);
  plan->request.input = plan->input.to_text();
  return plan;
}

int coordinate(const RunOptions& options, const MakeFleet& make_fleet) {
  auto plan = read_plan(options);
  if (!plan) {
    return report(plan.error());
  }
  const std::string path = options.owner.folder.empty()
                               ? service::RunFolder::choose(options.definition, plan->request.machine_name)
                               : options.owner.folder;
  if (options.dry_run) {
    const auto loadable = service::check_plugins(*plan->machine, integrations::Integrations(plan->jobs.jobs));
    return loadable ? dry_run(options, *plan, path) : report(loadable.error());
  }
  auto history = open_history(options.owner);
  if (!history) {
    return report(history.error());
  }
  const auto folder = service::RunFolder::at(path);
  if (!folder) {
    return report(folder.error());
  }
  /// Whether the run that stands there is the one that is asked for; its name and limits hold.
  const auto adopt = [&]() -> Result<void> {
    const auto kept = folder->load();
    if (!kept) {
      return tl::unexpected<Error>(kept.error());
    }
    if (const auto same = service::RunFolder::compare(path, *kept, plan->request); !same) {
      return same;
    }
    plan->request.name = kept->name;
    plan->request.limits = kept->limits;
    plan->request.machine_name = kept->machine_name;
    return {};
  };
  if (folder->holds_run() && !options.fresh) {
    if (const auto adopted = adopt(); !adopted) {
      return report(adopted.error());
    }
    const auto finished = folder->finished();
    if (!finished) {
      return report(finished.error());
    }
    if (*finished) {
      return print_result(**finished);
    }
  }
  if (const auto loadable = service::check_plugins(*plan->machine, integrations::Integrations(plan->jobs.jobs));
      !loadable) {
    return report(loadable.error());
  }
  auto lease = acquire_lease(*folder, options.owner);
  if (!lease) {
    return report(lease.error());
  }
  // Others may have been here meanwhile; from here on none can.
  Result<void> ready;
  if (options.fresh) {
    ready = folder->clear();
  } else if (folder->holds_run()) {
    ready = adopt();
  }
  if (ready) {
    if (plan->request.name.empty()) {
      plan->request.name = make_name();
    }
    ready = folder->keep(plan->request);
  }
  if (!ready) {
    return report(ready.error());
  }
  return carry_out(*folder, *std::move(plan), *std::move(lease), options.owner, make_fleet, *std::move(history));
}

}  // namespace

int run_command(const Arguments& arguments) {
  const auto options = parse_run_options(arguments);
  if (options && options->help) {
    std::cout << options->help_text;
    return kSucceeded;
  }
  Result<OwnerOptions> owner = options ? Result<OwnerOptions>(options->owner) : tl::unexpected<Error>(options.error());
  if (options && options->dry_run) {
    owner->ranks.clear();  // nothing is to be run on them
  }
  return as_owner("run", arguments, owner,
                  [&](const MakeFleet& make_fleet) { return coordinate(*options, make_fleet); });
}

}  // namespace lockstep::cli
