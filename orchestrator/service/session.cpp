#include "service/session.hpp"

#include <fmt/format.h>

#include <random>

#include "asl/validate_command.hpp"
#include "journal/event_codec.hpp"
#include "mpi_worker/spool.hpp"
#include "service/bindings.hpp"

namespace lockstep::service {

namespace {

// A run folder holds one execution.
constexpr engine::ExecutionId kExecution{1};
// Step Functions Local's account and region: there is one place here, but AWS's names have these parts.
constexpr std::string_view kRegionAndAccount = "us-east-1:123456789012";

std::optional<engine::EndExecution> to_end(const engine::Event& event) {
  using namespace engine;
  if (const auto* succeeded = std::get_if<ExecutionSucceeded>(&event.body)) {
    return EndExecution{event.execution, Status::succeeded, succeeded->output, {}, {}};
  }
  if (const auto* failed = std::get_if<ExecutionFailed>(&event.body)) {
    return EndExecution{event.execution, Status::failed, Value(), failed->error, failed->cause};
  }
  if (const auto* aborted = std::get_if<ExecutionAborted>(&event.body)) {
    return EndExecution{event.execution, Status::aborted, Value(), aborted->error, aborted->cause};
  }
  if (std::holds_alternative<ExecutionTimedOut>(event.body)) {
    return EndExecution{event.execution, Status::timed_out, Value(), {}, {}};
  }
  return std::nullopt;
}

}  // namespace

Finished result_of(const engine::EndExecution& end) {
  if (end.status == engine::Status::succeeded) {
    std::string line = end.output.to_text();
    if (line.find('\n') != std::string::npos || line.find('\r') != std::string::npos) {
      line.clear();
      append_json(line, end.output.node());
    }
    return {line, 0};
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
  return {line + "}", 1};
}

Result<Plan> make_plan(RunRequest request, const std::string& definition_name, const std::string& jobs_name) {
  Plan plan;
  asl::ParseOptions parse;
  parse.type = request.type == "EXPRESS" ? asl::ExecutionType::express : asl::ExecutionType::standard;
  asl::ParsedDefinition parsed = asl::parse_definition(request.definition, parse);
  if (parsed.machine == nullptr) {
    std::string lines;
    for (const asl::Diagnostic& diagnostic : parsed.diagnostics) {
      if (diagnostic.severity == asl::Severity::error) {
        lines += (lines.empty() ? "" : "\n") + asl::format_diagnostic(definition_name, diagnostic);
      }
    }
    return fail(ErrorKind::invalid, lines);
  }
  plan.machine = parsed.machine;
  auto input = Value::from_text(request.input);
  if (!input) {
    return fail(ErrorKind::invalid, fmt::format("the input is not JSON: {}", input.error().message));
  }
  plan.input = *std::move(input);
  if (!request.jobs.empty()) {
    auto jobs = integrations::parse_jobs(request.jobs, jobs_name, request.jobs_folder);
    if (!jobs) {
      return tl::unexpected<Error>(jobs.error());
    }
    plan.jobs = *std::move(jobs);
  }
  if (auto bound = check_bindings(*plan.machine, integrations::Integrations(plan.jobs.jobs)); !bound) {
    return fail(bound.error().kind, fmt::format("{}: {}", definition_name, bound.error().message));
  }
  plan.request = std::move(request);
  return plan;
}

Session::Session(const RunFolder& folder, Plan plan, SessionOptions options)
    : folder_(folder),
      plan_(std::move(plan)),
      options_(std::move(options)),
      integrations_(plan_.jobs.jobs),
      engine_(plan_.request.limits == "aws" ? engine::Limits::aws() : engine::Limits::hpc()) {}

Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::open(const RunFolder& folder, Plan plan, SessionOptions options,
                                               std::unique_ptr<journal::Lease> lease) {
  std::unique_ptr<Session> session(new Session(folder, std::move(plan), std::move(options)));
  const SessionOptions& chosen = session->options_;
  const journal::Owner self = journal::this_process();
  journal::OpenOptions open;
  open.journal.sync = chosen.sync;
  open.journal.origin = {chosen.software, self.host, self.slurm_job};
  open.journal.now = [] { return SystemClock().now().us; };
  if (fleet::Waker* waker = chosen.waker; waker != nullptr) {
    open.journal.on_durable = [waker] { waker->wake(); };
  }
  open.checkpoint.warn = chosen.say;
  open.checkpoint.retain = chosen.retain;
  auto run = journal::open_run(folder.path(), session->engine_, std::move(open), std::move(lease));
  if (!run) {
    return tl::unexpected<Error>(run.error());
  }
  session->run_.emplace(*std::move(run));
  auto mailbox = Mailbox::open(folder.path());
  if (!mailbox) {
    return tl::unexpected<Error>(mailbox.error());
  }
  session->mailbox_ = *std::move(mailbox);
  const journal::Recovered& found = session->run_->recovered;
  for (const std::string& warning : found.warnings) {
    chosen.say(warning);
  }
  if (found.tail.torn_rows > 0) {
    chosen.say(
        fmt::format("the end of the journal was torn: {} events ({} bytes) had been begun but were never durable",
                    found.tail.torn_rows, found.tail.torn_bytes));
  }
  return session;
}

const engine::Execution* Session::execution() const {
  return engine_.find(kExecution);
}

Result<std::optional<Finished>> Session::ended() {
  if (redrives_) {
    return std::optional<Finished>();
  }
  for (const engine::Event& event : run_->recovered.endings) {
    const auto end = to_end(event);
    const engine::Execution* execution = engine_.find(event.execution);
    if (!end || event.execution != kExecution || execution == nullptr || execution->status == engine::Status::running) {
      continue;
    }
    const Finished finished = result_of(*end);
    if (const auto kept = folder_.finish(finished); !kept) {
      return tl::unexpected<Error>(kept.error());
    }
    return std::optional(finished);
  }
  return std::optional<Finished>();
}

Result<void> Session::redrive() {
  if (plan_.request.type == "EXPRESS") {
    return fail(ErrorKind::invalid, "an EXPRESS execution cannot be redriven; run it again with --fresh");
  }
  const engine::Execution* execution = engine_.find(kExecution);
  if (execution == nullptr || execution->status == engine::Status::succeeded) {
    return fail(ErrorKind::invalid,
                fmt::format("{} cannot be redriven: {}", folder_.path(),
                            execution == nullptr ? "its journal holds no execution" : "its execution succeeded"));
  }
  if (execution->status == engine::Status::running) {
    return {};  // it never ended: to go on is all that there is to do
  }
  // In this order: a crash in between shows it ended, and the result is kept anew.
  if (const auto opened = folder_.reopen(); !opened) {
    return opened;
  }
  redrives_ = true;
  return {};
}

Result<void> Session::replay(Observer& observer) {
  journal::ReadOptions options;
  options.execution = kExecution;
  auto reader = journal::EventReader::open(journal::journal_folder(folder_.path()), options);
  while (reader) {
    const auto next = reader->next();
    if (!next) {
      return tl::unexpected<Error>(next.error());
    }
    if (!*next) {
      return {};
    }
    observer.on_event((*next)->event, engine_);
  }
  return tl::unexpected<Error>(reader.error());
}

engine::StartExecution Session::start() const {
  const RunRequest& request = plan_.request;
  auto identity = std::make_shared<engine::Identity>();
  identity->name = request.name;
  if (request.type == "EXPRESS") {
    std::random_device random;
    identity->arn = fmt::format("arn:aws:states:{}:express:{}:{}:{:08x}-{:08x}", kRegionAndAccount,
                                request.machine_name, request.name, random(), random());
  } else {
    identity->arn =
        fmt::format("arn:aws:states:{}:execution:{}:{}", kRegionAndAccount, request.machine_name, request.name);
  }
  identity->role_arn = "arn:aws:iam::123456789012:role/lockstep";
  identity->machine_name = request.machine_name;
  identity->machine_arn = fmt::format("arn:aws:states:{}:stateMachine:{}", kRegionAndAccount, request.machine_name);
  return {kExecution, identity, plan_.machine, plan_.input};
}

/// What was out when the last owner ended, and what the spools say of it.
Result<Interruption> Session::interruption() {
  Interruption found;
  found.execution = kExecution;
  std::unordered_set<worker::DispatchId, worker::DispatchIdHash> wanted;
  const engine::Execution* execution = engine_.find(kExecution);
  for (const engine::OpenTask& task : engine::open_tasks(*execution)) {
    found.tasks.push_back(task.id);
    wanted.insert({task.id.execution, task.id.visit, task.id.count});
  }
  auto damage = worker::read_spools(folder_.path(), [&](worker::SpoolRecord record) {
    if (!wanted.contains(record.id)) {
      return;
    }
    if (record.kind == worker::SpoolRecord::Kind::started) {
      found.begun.insert(record.id);
    } else {
      found.finished.insert_or_assign(record.id, std::move(record.outcome));
    }
  });
  if (!damage) {
    return tl::unexpected<Error>(damage.error());
  }
  for (const std::string& line : *damage) {
    options_.say(line);
  }
  if (!found.tasks.empty()) {
    options_.say(fmt::format("of {} tasks that were running, {} had finished; the others are dispatched again",
                             found.tasks.size(), found.finished.size()));
  }
  found.taken_in = [this] {
    if (const auto removed = worker::remove_spools(folder_.path(), epoch()); !removed) {
      options_.say(removed.error().message);
    }
  };
  return found;
}

/// Whether effects may go out. Where the lease could not be confirmed for a while, they wait, and it is asked again.
Result<bool> Session::is_owner() {
  if (run_->lease->is_confirmed()) {
    return true;
  }
  if (const auto checked = run_->lease->check(); !checked) {
    return tl::unexpected<Error>(checked.error());
  }
  return run_->lease->is_confirmed();
}

Result<Session::End> Session::run(fleet::Fleet& fleet, Observer* observer) {
  const bool express = plan_.request.type == "EXPRESS";
  std::random_device device;
  Service::Parts parts{engine_, *run_->journal, fleet, integrations_, clock_, *options_.waker, *options_.stop};
  parts.observer = observer;
  parts.seed = (static_cast<std::uint64_t>(device()) << 32) | device();
  parts.mailbox = &*mailbox_;
  parts.is_owner = [this] { return is_owner(); };
  parts.express = express;
  parts.grace = options_.grace;
  if (!express) {  // that begins anew after an interruption, so there is nothing to keep of it
    parts.between_inputs = [this] { run_->checkpointer->step(engine_); };
  }
  Service service(parts);
  Result<RunEnd> ended = [&]() -> Result<RunEnd> {
    if (engine_.find(kExecution) == nullptr) {
      return service.run(start());
    }
    if (redrives_) {
      return service.redrive(kExecution);
    }
    auto before = interruption();
    return before ? service.resume(*std::move(before)) : tl::unexpected<Error>(before.error());
  }();
  fleet.stop();
  if (!ended) {
    return tl::unexpected<Error>(ended.error());
  }
  End end;
  end.interrupted = ended->interrupted;
  end.dispatched = service.dispatched();
  if (const auto synced = run_->journal->sync(); !synced) {
    return tl::unexpected<Error>(synced.error());
  }
  if (end.interrupted) {
    if (!express) {
      if (const auto taken = run_->checkpointer->take(engine_); !taken) {
        options_.say(
            fmt::format("no checkpoint at the end, so the next start takes longer: {}", taken.error().message));
      }
    }
    return end;
  }
  // Whoever took the run over meanwhile tells how it ended.
  if (const auto owner = run_->lease->check(); !owner) {
    return tl::unexpected<Error>(owner.error());
  }
  end.finished = result_of(ended->end);
  if (const auto kept = folder_.finish(end.finished); !kept) {
    options_.say(kept.error().message);
  }
  return end;
}

}  // namespace lockstep::service
