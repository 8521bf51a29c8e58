#include "mpi_worker/program.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "mpi_worker/builtin.hpp"
#include "mpi_worker/printable.hpp"

namespace lockstep::worker {
namespace {

using integrations::Job;

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

/// The cause of a task whose program could not be run.
std::string explain(const SpawnFailure& failure, const std::string& program, const std::string& folder) {
  const char* text = std::strerror(failure.number);
  if (failure.stage == SpawnStage::process) {
    return fmt::format("cannot start a process: {}", text);
  }
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

std::vector<const char*> pointers(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  std::vector<const char*> all;
  all.reserve(first.size() + second.size() + 1);
  for (const std::vector<std::string>* texts : {&first, &second}) {
    for (const std::string& text : *texts) {
      all.push_back(text.c_str());
    }
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

tl::expected<Program, StartFailure> start_program(const ProgramPlan& plan, ProcessContext& context) {
  const auto refuse = [](std::string error, std::string cause) {
    return tl::unexpected(StartFailure{std::move(error), std::move(cause)});
  };
  const std::string& name = plan.argv.front();
  const std::string path = name.empty() ? std::string() : find_program(plan.job, name, context);
  if (path.empty()) {
    return refuse("States.TaskFailed", fmt::format("{}: not found in PATH", printable(name)));
  }
  Pipe in, out, err, beat;
  if (!make_pipe(in) || !make_pipe(out) || !make_pipe(err) || (plan.heartbeat && !make_pipe(beat))) {
    return refuse("States.TaskFailed", fmt::format("cannot start a process: {}", std::strerror(errno)));
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

  const std::vector<const char*> arguments = pointers(plan.argv, {});
  const std::vector<const char*> environment = pointers(*context.environment, plan.environment);
  SpawnPlan spawn_plan;
  spawn_plan.program = path.c_str();
  spawn_plan.argv = arguments.data();
  spawn_plan.environment = environment.data();
  spawn_plan.folder = plan.folder.empty() ? nullptr : plan.folder.c_str();
  spawn_plan.in = in.read_end.get();
  spawn_plan.out = out.write_end.get();
  spawn_plan.err = err.write_end.get();
  spawn_plan.fourth = beat.write_end.get();
  spawn_plan.death_signal = SIGKILL;
  spawn_plan.signals = &context.signals;
  const auto pid = spawn(spawn_plan);
  if (!pid) {
    context.programs.erase(name);
    const bool too_long = pid.error().stage == SpawnStage::program && pid.error().number == E2BIG;
    return refuse(too_long ? "Lockstep.BadArguments" : "States.TaskFailed",
                  printable(explain(pid.error(), path, plan.folder)));
  }
  program.pid = *pid;
  program.ended = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  program.in = std::move(in.write_end);
  program.out = std::move(out.read_end);
  program.err = std::move(err.read_end);
  program.beat = std::move(beat.read_end);
  return program;
}

Outcome not_started(const Task& task, StartFailure failure) {
  Outcome outcome;
  outcome.id = task.id;
  outcome.kind = OutcomeKind::failed;
  outcome.error = std::move(failure.error);
  outcome.cause = std::move(failure.cause);
  outcome.started = now();
  outcome.ended = outcome.started;
  return outcome;
}

}  // namespace lockstep::worker
