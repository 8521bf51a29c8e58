#include "mpi_worker/command.hpp"

#include <unistd.h>

#include <algorithm>

#include "mpi_worker/arguments.hpp"
#include "mpi_worker/environment.hpp"

namespace lockstep::worker {

namespace {

using work::Job;
using work::Runtime;
using work::WorkingDirectory;

/// Where `module` is no function yet, it is looked for where sites have it.
constexpr const char* kLoadModules =
    "type module >/dev/null 2>&1 || for f in \"${LMOD_PKG:-/nonexistent}/init/bash\" "
    "\"${MODULESHOME:-/nonexistent}/init/bash\" /etc/profile.d/modules.sh /etc/profile.d/lmod.sh "
    "/etc/profile.d/z00_lmod.sh /usr/share/modules/init/bash /usr/share/lmod/lmod/init/bash; do "
    "[ -r \"$f\" ] && . \"$f\" && break; done; "
    "n=$1; shift; module load \"${@:1:n}\" || exit; exec \"${@:n+1}\"";

/// A program with a folder in its name is the one that there is for jobs.json, wherever it is started from.
std::string whole_path(const Job& job, const std::string& program) {
  const bool is_relative = program.find('/') != std::string::npos && program.front() != '/';
  return is_relative ? job.folder + '/' + program : program;
}

std::vector<std::string> folders_of(const Job& job, const Command& command, const std::string& run_folder) {
  std::vector<std::string> folders;
  for (const std::string& folder : {job.folder, run_folder, command.folder}) {
    const bool is_within = std::any_of(folders.begin(), folders.end(), [&](const std::string& other) {
      return folder == other || folder.starts_with(other + '/');
    });
    if (!folder.empty() && !is_within) {
      folders.push_back(folder);
    }
  }
  return folders;
}

/// Apptainer takes the environment along; Docker has to be told each name.
std::vector<std::string> container_prefix(const Job& job, const Command& command, const std::string& run_folder) {
  std::vector<std::string> prefix{std::string(runtime_name(job.container))};
  const std::vector<std::string> folders = folders_of(job, command, run_folder);
  if (job.container == Runtime::apptainer || job.container == Runtime::singularity) {
    prefix.emplace_back("exec");
    for (const std::string& folder : folders) {
      prefix.insert(prefix.end(), {"--bind", folder});
    }
    prefix.insert(prefix.end(), {"--pwd", command.folder});
  } else {
    prefix.insert(prefix.end(), {"run", "--rm", "-i"});
    // Podman's containers are its user's own, and it has no init of its own everywhere.
    if (job.container == Runtime::docker) {
      prefix.insert(prefix.end(), {"--init", "--user", fmt::format("{}:{}", getuid(), getgid())});
    }
    for (const std::string& folder : folders) {
      prefix.insert(prefix.end(), {"--volume", fmt::format("{}:{}", folder, folder)});
    }
    prefix.insert(prefix.end(), {"--workdir", command.folder, "--env", "OMP_NUM_THREADS"});
    for (const std::string_view name : told_variables()) {
      prefix.insert(prefix.end(), {"--env", std::string(name)});
    }
    for (const std::string& variable : command.environment) {
      prefix.insert(prefix.end(), {"--env", variable.substr(0, variable.find('='))});
    }
  }
  prefix.insert(prefix.end(), job.options.begin(), job.options.end());
  prefix.push_back(job.image);
  return prefix;
}

}  // namespace

std::string_view runtime_name(Runtime runtime) {
  switch (runtime) {
    case Runtime::none:
      break;
    case Runtime::apptainer:
      return "apptainer";
    case Runtime::singularity:
      return "singularity";
    case Runtime::docker:
      return "docker";
    case Runtime::podman:
      return "podman";
  }
  return "";
}

tl::expected<Command, std::string> command_of(const Job& job, const Value& input, const std::vector<std::string>& more,
                                              const std::string& run_folder, const std::string& task_folder) {
  Command command;
  if (job.shell) {
    command.argv = job.argv;
  } else if (auto argv = fill_arguments(job.argv, input)) {
    command.argv = std::move(*argv);
  } else {
    return tl::unexpected(std::move(argv.error()));
  }
  if (command.argv.empty()) {
    return tl::unexpected<std::string>("no argument is left to name a program");
  }
  for (const std::string& variable : job.environment) {
    auto filled = fill_text(variable, input);
    if (!filled) {
      return tl::unexpected(std::move(filled.error()));
    }
    command.environment.push_back(*std::move(filled));
  }
  command.environment.insert(command.environment.end(), more.begin(), more.end());
  switch (job.cwd) {
    case WorkingDirectory::jobs_folder:
      command.folder = job.folder;
      break;
    case WorkingDirectory::task_folder:
      command.folder = task_folder;
      break;
    case WorkingDirectory::named:
      if (const auto folder = fill_text(job.directory, input)) {
        command.folder = folder->starts_with('/') ? *folder : job.folder + '/' + *folder;
      } else {
        return tl::unexpected(folder.error());
      }
      break;
  }
  if (job.container != Runtime::none || !job.modules.empty()) {
    command.argv.front() = whole_path(job, command.argv.front());
  }
  if (job.container != Runtime::none) {
    std::vector<std::string> prefix = container_prefix(job, command, run_folder);
    command.argv.insert(command.argv.begin(), std::make_move_iterator(prefix.begin()),
                        std::make_move_iterator(prefix.end()));
  }
  if (!job.modules.empty()) {
    std::vector<std::string> prefix{"bash", "-c", kLoadModules, "bash", std::to_string(job.modules.size())};
    prefix.insert(prefix.end(), job.modules.begin(), job.modules.end());
    command.argv.insert(command.argv.begin(), prefix.begin(), prefix.end());
  }
  return command;
}

}  // namespace lockstep::worker
