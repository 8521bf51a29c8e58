#include "mpi_worker/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/scarcity.hpp"

namespace lockstep::worker {
namespace {

using work::Job;

/// What a pipe takes at once, whatever its user's limits are.
constexpr std::size_t kPipeBytes = 4096;

struct Pipe {
  Descriptor read_end, write_end;
};

bool make_pipe(Pipe& made) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return false;
  }
  made.read_end = Descriptor(ends[0]);
  made.write_end = Descriptor(ends[1]);
  return true;
}

/// Of a pipe's end, which has no other flag that could be set.
void set_nonblocking(int fd) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
}

/// The path of the program, empty where PATH has none.
std::string find_program(const Job& job, const std::string& name, ProcessContext& context) {
  if (name.find('/') != std::string::npos) {
    return name.front() == '/' ? name : job.folder + '/' + name;
  }
  const auto known = context.programs.find(name);
  if (known != context.programs.end()) {
    return known->second;
  }
  std::string path = find_in_path(name, context.path);
  constexpr std::size_t kMostPrograms = 1000;
  if (!path.empty() && context.programs.size() < kMostPrograms) {
    context.programs.emplace(name, path);
  }
  return path;
}

/// Of no program in particular: never the task's fault.
StartFailure cannot_start(int number) {
  return {"", fmt::format("cannot start a process: {}", explain_scarcity(number))};
}

/// The cause of a task whose program could not be run.
std::string explain(const Report& failure, const std::string& program, const std::string& folder) {
  const char* text = std::strerror(failure.number);
  if (failure.stage == SpawnStage::folder) {
    return fmt::format("cannot change to the folder {}: {}", folder, text);
  }
  switch (failure.number) {
    case ENOENT:
      return access(program.c_str(), F_OK) == 0
                 ? fmt::format("{}: not executable: the interpreter that its first line names is not found", program)
                 : fmt::format("{}: not found", program);
    case EACCES:
      return fmt::format("{}: not executable: {}", program, text);
    case ENOEXEC:
      return fmt::format("{}: not executable: neither a program nor a script with a first line #!…", program);
    case E2BIG:
      return fmt::format("{}: its arguments are too long: {}", program, text);
    default:
      return fmt::format("{}: cannot be run: {}", program, text);
  }
}

}  // namespace

tl::expected<Program, StartFailure> start_program(const ProgramPlan& plan, ProcessContext& context) {
  const std::string& name = plan.argv.front();
  std::string path = name.empty() ? std::string() : find_program(plan.job, name, context);
  if (path.empty()) {
    return tl::unexpected(StartFailure{"States.TaskFailed", fmt::format("{}: not found in PATH", printable(name))});
  }
  Pipe in, out, err, beat;
  if (!make_pipe(in) || !make_pipe(out) || !make_pipe(err) || (plan.heartbeat && !make_pipe(beat))) {
    return tl::unexpected(cannot_start(errno));
  }
  Program program;
  if (plan.input.size() <= kPipeBytes) {
    program.input_written =
        write(in.write_end.get(), plan.input.data(), plan.input.size()) == static_cast<ssize_t>(plan.input.size());
  }
  if (program.input_written && !plan.more_input) {
    in.write_end.reset();
  } else {
    set_nonblocking(in.write_end.get());
  }
  set_nonblocking(out.read_end.get());
  set_nonblocking(err.read_end.get());
  if (plan.heartbeat) {
    set_nonblocking(beat.read_end.get());
  }

  KeeperPlan keeper_plan{path,
                         plan.folder,
                         plan.argv,
                         plan.environment,
                         {in.read_end.get(), out.write_end.get(), err.write_end.get()},
                         plan.tells_pid,
                         plan.replacing};
  if (plan.heartbeat) {
    keeper_plan.descriptors.push_back(beat.write_end.get());
  }
  auto keeper = context.keepers->start(keeper_plan);
  if (!keeper) {
    return tl::unexpected(cannot_start(keeper.error()));
  }
  program.keeper = std::move(*keeper);
  program.path = std::move(path);
  program.in = std::move(in.write_end);
  program.out = std::move(out.read_end);
  program.err = std::move(err.read_end);
  program.beat = std::move(beat.read_end);
  return program;
}

StartFailure explain_refusal(const Report& report, const Program& program, const std::string& folder,
                             ProcessContext& context) {
  std::erase_if(context.programs, [&](const auto& known) { return known.second == program.path; });
  if (report.stage == SpawnStage::process) {
    return cannot_start(report.number);
  }
  const bool too_long = report.stage == SpawnStage::program && report.number == E2BIG;
  return {is_scarcity(report.number) ? ""
          : too_long                 ? "Lockstep.BadArguments"
                                     : "States.TaskFailed",
          printable(explain(report, program.path, folder))};
}

Outcome outcome_of(const Task& task, StartFailure failure, bool cancelled) {
  Outcome outcome;
  outcome.id = task.id;
  outcome.begun = !failure.error.empty();
  outcome.kind = outcome.begun ? OutcomeKind::failed : cancelled ? OutcomeKind::cancelled : OutcomeKind::interrupted;
  if (outcome.kind == OutcomeKind::interrupted) {
    outcome.unbegun = std::make_shared<Task>(task);
  }
  outcome.error = std::move(failure.error);
  outcome.cause = std::move(failure.cause);
  outcome.started = now();
  outcome.ended = outcome.started;
  return outcome;
}

Outcome not_started(const Task& task, StartFailure failure, ProcessContext& context) {
  Outcome outcome = outcome_of(task, std::move(failure));
  if (outcome.kind == OutcomeKind::failed) {
    context.log->write_failure(task, outcome);
  }
  return outcome;
}

}  // namespace lockstep::worker
