#include "mpi_worker/plugin_host.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "mpi_worker/pipe.hpp"
#include "mpi_worker/plugin.hpp"
#include "mpi_worker/printable.hpp"
#include "mpi_worker/protocol.hpp"
#include "mpi_worker/spawn.hpp"
#include "value/builder.hpp"
#include "value/descriptor.hpp"

namespace lockstep::worker {
namespace {

/// Signs of life closer together than this are of no use to anyone.
constexpr std::chrono::milliseconds kBeatTime{20};
/// For a plugin to be loaded when it is checked.
constexpr std::chrono::seconds kLoadTime{30};
/// What a host without a plugin says on its way out.
constexpr int kNotLoaded = 65;

std::atomic<bool> cancelled{false};
std::atomic<bool> calling{false};

extern "C" void on_term(int /*signal*/) {
  cancelled = true;
  if (!calling) {
    _exit(0);
  }
}

/// Two numbers with a blank between them; nothing where they are none.
std::optional<std::pair<std::int64_t, std::int64_t>> two_numbers(std::string_view text) {
  std::int64_t numbers[2] = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::int64_t& number : numbers) {
    at += at != end && *at == ' ' ? 1 : 0;
    const auto [next, problem] = std::from_chars(at, end, number);
    if (problem != std::errc() || number < 0) {
      return std::nullopt;
    }
    at = next;
  }
  return at == end ? std::optional(std::pair(numbers[0], numbers[1])) : std::nullopt;
}

std::string answer_line(const PluginAnswer& answer) {
  std::string line = fmt::format("{} {} {} ", answer.failed ? '-' : '+', answer.cpu.count(), answer.max_rss_kib);
  if (answer.failed) {
    line += '[';
    append_json_string(line, answer.error);
    line += ',';
    append_json_string(line, answer.cause);
    line += ']';
  } else {
    line += answer.json;
  }
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line += '\n';
}

/// The next task and its folder; nothing at the end of the input or where it makes no sense.
std::optional<std::pair<Task, std::string>> read_request(std::FILE* in) {
  char head[64];
  if (std::fgets(head, sizeof head, in) == nullptr) {
    return std::nullopt;
  }
  std::string_view line = head;
  line.remove_suffix(!line.empty() && line.back() == '\n' ? 1 : 0);
  const auto sizes = two_numbers(line);
  if (!sizes) {
    return std::nullopt;
  }
  std::string message(static_cast<std::size_t>(sizes->first), '\0');
  std::string folder(static_cast<std::size_t>(sizes->second), '\0');
  if (std::fread(message.data(), 1, message.size(), in) != message.size() ||
      std::fread(folder.data(), 1, folder.size(), in) != folder.size()) {
    return std::nullopt;
  }
  auto decoded = decode_tasks(message);
  if (!decoded || decoded->tasks.size() != 1) {
    return std::nullopt;
  }
  return std::pair(std::move(decoded->tasks.front()), std::move(folder));
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::vector<std::string> plugin_host_command(const work::Job& job) {
  // By this name it is found whatever has become of the binary's file meanwhile.
  return {"/proc/self/exe", "plugin-host", job.argv.front(), job.resource};
}

std::string plugin_request(const Task& task, const std::string& task_folder) {
  Batch batch(MessageType::tasks);
  batch.add(task);
  const std::string message = batch.take(0);
  return fmt::format("{} {}\n{}{}", message.size(), task_folder.size(), message, task_folder);
}

void conclude_plugin_line(std::string_view line, std::size_t output_limit, Outcome& outcome) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  // "+ CPU RSS JSON"
  std::size_t end = 1;
  for (int blanks = 0; end < line.size() && blanks < 3; ++end) {
    blanks += line[end] == ' ' ? 1 : 0;
  }
  const bool failed = line.substr(0, 2) == "- ";
  const auto used = end > 3 ? two_numbers(line.substr(2, end - 3)) : std::nullopt;
  auto value = Value::from_text(std::string(line.substr(std::min(end, line.size()))));
  const bool sound = used && value && (failed || line.substr(0, 2) == "+ ") &&
                     (!failed || (value->node().is_array() && value->node().size() == 2 &&
                                  value->node().at(0).is_string() && value->node().at(1).is_string()));
  PluginAnswer answer;
  if (!sound) {
    answer.failed = true;
    answer.error = "Lockstep.BadOutput";
    answer.cause = fmt::format("the plugin's process said what it should not: {}", excerpt(line, 80));
  } else {
    answer.cpu = std::chrono::microseconds(used->first);
    answer.max_rss_kib = used->second;
    answer.failed = failed;
    if (failed) {
      answer.error = value->node().at(0).as_string();
      answer.cause = value->node().at(1).as_string();
    } else {
      answer.json = line.substr(end);
    }
  }
  conclude_plugin(std::move(answer), output_limit, outcome);
}

int run_plugin_host(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    std::fputs("lockstep: plugin-host is for Lockstep's own use\n", stderr);
    return 2;
  }
  // What the plugin prints goes to the log: the answers have a descriptor of their own.
  const int answers = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  struct sigaction action = {};
  action.sa_handler = on_term;
  sigaction(SIGTERM, &action, nullptr);
  const Result<Plugin> plugin = Plugin::load(arguments[0]);
  if (!plugin) {
    write_all(STDERR_FILENO, plugin.error().message + "\n");
    return kNotLoaded;
  }
  if (arguments.size() > 2 && arguments[2] == "--check") {
    return 0;
  }
  PluginPlace place{arguments[1], variable("LOCKSTEP_RUN_ID"), variable("LOCKSTEP_RUN_DIR"), variable("LOCKSTEP_HOST"),
                    static_cast<std::uint32_t>(std::strtoul(variable("LOCKSTEP_RANK").c_str(), nullptr, 10))};
  std::mutex beating;
  auto last_beat = std::chrono::steady_clock::time_point::min();
  const PluginHooks hooks{cancelled,
                          [&] {
                            const auto now = std::chrono::steady_clock::now();
                            const std::lock_guard lock(beating);
                            if (last_beat + kBeatTime <= now) {
                              last_beat = now;
                              write_all(answers, " ");
                            }
                          },
                          [](std::string_view text) { write_all(STDERR_FILENO, text); }};
  while (auto request = read_request(stdin)) {
    last_beat = std::chrono::steady_clock::time_point();
    calling = true;
    PluginAnswer answer = call_plugin(*plugin, request->first, request->second, place, hooks);
    std::fflush(nullptr);
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    answer.max_rss_kib = usage.ru_maxrss;
    if (write_all(answers, answer_line(answer)) != 0) {
      return 1;
    }
    calling = false;
    if (cancelled) {
      return 0;
    }
  }
  return 0;
}

Result<void> check_plugin(const work::Job& job) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorKind::invalid,
                fmt::format("plugin {} of {} cannot be loaded: {}", job.argv.front(), job.resource, printable(why)));
  };
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return refuse(std::strerror(errno));
  }
  const Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  const Descriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  std::vector<std::string> command = plugin_host_command(job);
  command.emplace_back("--check");
  std::vector<const char*> argv;
  for (const std::string& argument : command) {
    argv.push_back(argument.c_str());
  }
  argv.push_back(nullptr);
  SpawnPlan plan;
  plan.program = argv[0];
  plan.argv = argv.data();
  plan.environment = environ;
  plan.folder = job.folder.c_str();
  plan.in = null.get();
  plan.out = null.get();
  plan.err = to.get();
  plan.death_signal = SIGKILL;
  const auto pid = spawn(plan);
  if (!pid) {
    return refuse(std::strerror(pid.error().number));
  }
  to.reset();
  std::string said;
  const auto end = std::chrono::steady_clock::now() + kLoadTime;
  bool in_time = true;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd fd = {from.get(), POLLIN, 0};
    const int ready = poll(&fd, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    char block[4096];
    const ssize_t size = ready > 0 ? read(from.get(), block, sizeof block) : 0;
    in_time = ready > 0;
    if (size <= 0) {
      break;
    }
    said.append(block, static_cast<std::size_t>(size));
  }
  if (!in_time) {
    kill(-*pid, SIGKILL);
  }
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return refuse(fmt::format("it has not come to an end in {} s", kLoadTime.count()));
  }
  if (WIFSIGNALED(status)) {
    return refuse(fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status))));
  }
  if (WEXITSTATUS(status) == kNotLoaded) {
    return fail(ErrorKind::invalid, fmt::format("{}: {}", job.resource, printable(last_line(said))));
  }
  return WEXITSTATUS(status) == 0 ? Result<void>() : refuse(fmt::format("exit status {}", WEXITSTATUS(status)));
}

}  // namespace lockstep::worker
