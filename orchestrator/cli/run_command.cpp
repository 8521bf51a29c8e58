#include <csignal>
#include <filesystem>
#include <iostream>
#include <random>

#include "asl/validate_command.hpp"
#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/run_options.hpp"
#include "fleet/launch.hpp"
#include "fleet/local_fleet.hpp"
#include "fleet/mpi_world.hpp"
#include "integrations/jobs_file.hpp"
#include "mpi_worker/printable.hpp"
#include "service/bindings.hpp"
#include "service/files.hpp"
#include "service/history_file.hpp"
#include "service/run_folder.hpp"
#include "service/service.hpp"

namespace lockstep::cli {

namespace {

namespace fs = std::filesystem;

// Step Functions Local's account and region: there is one place here, but AWS's names have these parts.
constexpr std::string_view kRegionAndAccount = "us-east-1:123456789012";

/// How signal handlers reach the loop.
struct Bell {
  service::StopRequest stop;
  fleet::Waker waker;
};
Bell* bell = nullptr;

extern "C" void on_stop_signal(int signal) {
  int none = 0;
  if (!bell->stop.signal.compare_exchange_strong(none, signal)) {
    _exit(kInterrupted);  // the second time: at once
  }
  bell->waker.wake();
}

/// The bell outlives everything: a signal may come as late as it likes.
Bell& catch_signals() {
  bell = new Bell;
  struct sigaction action = {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    sigaction(signal, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
  return *bell;
}

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

std::string make_name(std::mt19937_64& random) {
  const std::uint64_t a = random();
  const std::uint64_t b = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xFFFF, a & 0xFFF,
                     0x8000 | ((b >> 48) & 0x3FFF), b & 0xFFFFFFFFFFFF);
}

/// What the command line named, read and checked.
struct Plan {
  std::string definition;
  asl::StateMachinePtr machine;
  Value input;
  std::string jobs_text;
  integrations::JobsFile jobs;
};

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

Result<Plan> read_plan(const RunOptions& options) {
  Plan plan;
  auto definition = asl::read_definition(options.definition, std::cin);
  if (!definition) {
    return tl::unexpected<Error>(definition.error());
  }
  plan.definition = *std::move(definition);
  asl::ParseOptions parse;
  parse.type = options.type == "EXPRESS" ? asl::ExecutionType::express : asl::ExecutionType::standard;
  asl::ParsedDefinition parsed = asl::parse_definition(plan.definition, parse);
  if (parsed.machine == nullptr) {
    std::string lines;
    for (const asl::Diagnostic& diagnostic : parsed.diagnostics) {
      if (diagnostic.severity == asl::Severity::error) {
        lines += (lines.empty() ? "" : "\n") + asl::format_diagnostic(options.definition, diagnostic);
      }
    }
    return fail(ErrorKind::invalid, lines);
  }
  plan.machine = parsed.machine;

  auto input = read_input(options.input);
  if (!input) {
    return tl::unexpected<Error>(input.error());
  }
  plan.input = *std::move(input);

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
    auto jobs = integrations::parse_jobs(*text, jobs_path,
                                         fs::absolute(jobs_path, error).lexically_normal().parent_path().string());
    if (!jobs) {
      return tl::unexpected<Error>(jobs.error());
    }
    plan.jobs_text = *std::move(text);
    plan.jobs = *std::move(jobs);
  }
  if (auto bound = service::check_bindings(*plan.machine, integrations::Integrations(plan.jobs.jobs)); !bound) {
    return fail(bound.error().kind, fmt::format("{}: {}", options.definition, bound.error().message));
  }
  return plan;
}

/// The one line that a run prints (README): the output, or status, error and cause.
service::RunFolder::Finished result_of(const engine::EndExecution& end) {
  if (end.status == engine::Status::succeeded) {
    std::string line = end.output.to_text();
    if (line.find('\n') != std::string::npos || line.find('\r') != std::string::npos) {
      line.clear();
      append_json(line, end.output.node());
    }
    return {line, kSucceeded};
  }
  const char* status = end.status == engine::Status::failed      ? "FAILED"
                       : end.status == engine::Status::timed_out ? "TIMED_OUT"
                                                                 : "ABORTED";
  std::string line = fmt::format("{{\"status\":\"{}\"", status);
  for (const auto& [key, text] : {std::pair{"error", &end.error}, {"cause", &end.cause}}) {
    if (*text) {
      line += fmt::format(",\"{}\":", key);
      append_json_string(line, **text);
    }
  }
  return {line + "}", kFailed};
}

int print_result(const service::RunFolder::Finished& finished) {
  std::cout << finished.line << '\n' << std::flush;
  if (!std::cout) {
    complain("cannot write the result to standard output");
    return kIo;
  }
  return finished.exit_status;
}

int report(const Error& error) {
  complain(error.message);
  return exit_status(error.kind);
}

/// Runs the plan on `fleet`. Everything that is not the result goes to stderr.
int run_on(fleet::Fleet& fleet, const RunOptions& options, const Plan& plan, const service::RunFolder& folder,
           service::HistoryFile* history, const std::string& name, std::mt19937_64& random) {
  Bell& signals = catch_signals();
  auto identity = std::make_shared<engine::Identity>();
  const std::string stem = stem_of(options.definition);
  identity->name = name;
  identity->arn =
      options.type == "EXPRESS"
          ? fmt::format("arn:aws:states:{}:express:{}:{}:{}", kRegionAndAccount, stem, name, make_name(random))
          : fmt::format("arn:aws:states:{}:execution:{}:{}", kRegionAndAccount, stem, name);
  identity->role_arn = "arn:aws:iam::123456789012:role/lockstep";
  identity->machine_name = stem;
  identity->machine_arn = fmt::format("arn:aws:states:{}:stateMachine:{}", kRegionAndAccount, stem);

  const integrations::Integrations integrations(plan.jobs.jobs);
  engine::Engine engine(options.limits == "aws" ? engine::Limits::aws() : engine::Limits::hpc());
  journal::VolatileJournal journal;
  const service::SystemClock clock;
  service::Service service(
      {engine, journal, fleet, integrations, clock, signals.waker, signals.stop, history, random()});

  const auto began = clock.now();
  if (!options.quiet) {
    complain(fmt::format("execution {} on {}; run folder {}", name, fleet.describe(), folder.path()));
  }
  const auto ended = service.run({engine::ExecutionId{1}, identity, plan.machine, plan.input});
  fleet.stop();
  const Result<void> written = history != nullptr ? history->close() : Result<void>();
  int status = kSucceeded;
  if (!ended) {
    status = report(ended.error());
  } else if (ended->interrupted) {
    complain(fmt::format("stopped by {} with work left", strsignal(signals.stop.signal.load())));
    status = kInterrupted;
  } else {
    const service::RunFolder::Finished finished = result_of(ended->end);
    const auto kept = folder.finish(finished);
    if (!options.quiet) {
      complain(fmt::format("{} in {:.1f} s, {} tasks", finished.exit_status == kSucceeded ? "SUCCEEDED" : "FAILED",
                           static_cast<double>(clock.now().us - began.us) / 1e6, service.dispatched()));
    }
    status = print_result(finished);
    if (!kept) {
      return report(kept.error());
    }
  }
  return written ? status : report(written.error());
}

/// Everything that rank 0 does, or the only process: `make_fleet` is called once all that was asked for is known to be
/// good.
int coordinate(const RunOptions& options,
               const std::function<std::unique_ptr<fleet::Fleet>(fleet::FleetSettings)>& make_fleet) {
  const auto plan = read_plan(options);
  if (!plan) {
    return report(plan.error());
  }
  std::random_device device;
  std::mt19937_64 random((static_cast<std::uint64_t>(device()) << 32) | device());
  const std::string name = options.name.empty() ? make_name(random) : options.name;
  const std::string path = options.folder.empty()
                               ? service::RunFolder::choose(options.definition, stem_of(options.definition))
                               : options.folder;
  std::unique_ptr<service::HistoryFile> history;
  if (!options.history.empty()) {
    auto opened = service::HistoryFile::open(options.history);
    if (!opened) {
      return report(opened.error());
    }
    history = *std::move(opened);
  }
  const auto folder = service::RunFolder::open(
      path, {plan->definition, plan->input.to_text(), plan->jobs_text, name, options.type}, options.fresh);
  if (!folder) {
    return report(folder.error());
  }
  if (folder->finished()) {
    return print_result(*folder->finished());
  }
  fleet::FleetSettings settings;
  settings.jobs = plan->jobs.jobs;
  settings.run_folder = folder->path();
  settings.run_id = name;
  settings.kill_after = std::chrono::milliseconds(static_cast<std::int64_t>(options.grace * 1000));
  const std::unique_ptr<fleet::Fleet> fleet = make_fleet(std::move(settings));
  return run_on(*fleet, options, *plan, *folder, history.get(), name, random);
}

/// This process is one of several ranks: rank 0 coordinates, the others work.
int run_as_rank(const Result<RunOptions>& options) {
  int argc = 0;
  char** argv = nullptr;
  auto world = fleet::MpiWorld::start(argc, argv);
  if (!world) {
    return report(world.error());
  }
  fleet::MpiWorld& ranks = **world;
  if (ranks.rank() != 0) {
    ranks.finish(ranks.run_worker(options ? options->slots : 0));
  }
  int status = kSucceeded;
  if (!options) {
    status = report(options.error());
  } else {
    try {
      status = coordinate(*options, [&](fleet::FleetSettings settings) {
        return ranks.make_fleet(std::move(settings), options->slots);
      });
    } catch (const std::exception& exception) {
      // The workers wait for orders: whatever has happened here, they must be sent home.
      status = report({ErrorKind::internal, fmt::format("internal error: {}", exception.what())});
    }
  }
  ranks.finish(status);
}

}  // namespace

int run_command(const Arguments& arguments) {
  const auto options = parse_run_options(arguments);
  if (options && options->help) {
    std::cout << options->help_text;
    return kSucceeded;
  }
  if (fleet::MpiWorld::launched()) {
    return run_as_rank(options);
  }
  if (!options) {
    return report(options.error());
  }
  if (!options->ranks.empty()) {
    fleet::LaunchPlan plan;
    plan.ranks = options->ranks == "all" ? 0 : std::stoul(options->ranks);
    std::error_code error;
    plan.program = fs::read_symlink("/proc/self/exe", error).string();
    plan.argv = {"run"};
    plan.argv.insert(plan.argv.end(), arguments.begin(), arguments.end());
    const auto status = fleet::launch(plan);
    return status ? *status : report(status.error());
  }
  return coordinate(*options, [&](fleet::FleetSettings settings) {
    return std::make_unique<fleet::LocalFleet>(std::move(settings), options->slots);
  });
}

}  // namespace lockstep::cli
