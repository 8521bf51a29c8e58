// The text of `lease`, and what is known of a process.
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "journal/files.hpp"
#include "journal/lease.hpp"
#include "value/descriptor.hpp"
#include "value/number.hpp"

namespace lockstep::journal {

namespace {

/// Of a small file of the kernel's; empty if it cannot be read.
std::string read_text(const std::string& path) {
  const auto file = posix_files().open_to_read(path);
  if (!file) {
    return "";
  }
  std::array<std::byte, 4096> bytes{};
  const auto got = (*file)->read(bytes, 0);
  return got ? std::string(reinterpret_cast<const char*>(bytes.data()), *got) : "";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// In which our pids say something; empty if the kernel does not tell.
std::string own_pid_namespace() {
  std::array<char, 64> text{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", text.data(), text.size());
  return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : "";
}

}  // namespace

std::uint64_t process_start_time(std::int64_t pid) {
  const std::string stat = read_text(fmt::format("/proc/{}/stat", pid));
  // The name, in parentheses, may hold anything; the start time is the 20th field behind it.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) {
    return 0;
  }
  // One that has ended stays there until somebody asks how: that may be never, where init is not what it should be.
  if (constexpr std::string_view kEnded = "ZX";
      kEnded.find(stat[std::min(name_end + 2, stat.size() - 1)]) != std::string_view::npos) {
    return 0;
  }
  std::size_t at = name_end + 1;
  constexpr int kFieldsBefore = 20;
  for (int field = 0; field < kFieldsBefore && at != std::string::npos; ++field) {
    at = stat.find(' ', at);
    at = at == std::string::npos ? at : at + 1;
  }
  if (at == std::string::npos) {
    return 0;
  }
  std::uint64_t ticks = 0;
  parse_whole(std::string_view(stat).substr(at, stat.find(' ', at) - at), ticks);
  return ticks;
}

bool Owner::is_same(const Owner& other) const {
  return epoch == other.epoch && host == other.host && boot_id == other.boot_id &&
         pid_namespace == other.pid_namespace && pid == other.pid && start_time == other.start_time &&
         token == other.token;
}

std::optional<bool> is_running(const Owner& owner) {
  const Owner self = this_process();
  if (owner.boot_id.empty() || owner.boot_id != self.boot_id || owner.pid_namespace != self.pid_namespace) {
    return std::nullopt;
  }
  const bool exists = ::kill(static_cast<pid_t>(owner.pid), 0) == 0 || errno == EPERM;
  return exists && process_start_time(owner.pid) == owner.start_time;
}

std::string to_text(const Owner& owner) {
  return fmt::format(
      "epoch {}\nhost {}\nboot_id {}\npid_namespace {}\npid {}\nstart_time {}\ntoken {}\nslurm_job {}\n"
      "slurm_restart {}\ncounter {}\nhas_journal {}\nreleased {}\nend\n",
      owner.epoch, owner.host, owner.boot_id, owner.pid_namespace, owner.pid, owner.start_time, owner.token,
      owner.slurm_job, owner.slurm_restart, owner.counter, owner.has_journal ? 1 : 0, owner.released ? 1 : 0);
}

std::optional<Owner> parse_owner(const std::string& text) {
  Owner owner;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t line_end = rest.find('\n');
    if (line_end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(line_end + 1);
    if (line == "end") {
      return owner;
    }
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view name = line.substr(0, space);
    const std::string_view value = line.substr(space + 1);
    int flag = 0;
    bool good = true;
    if (name == "epoch") {
      good = parse_whole(value, owner.epoch);
    } else if (name == "host") {
      owner.host = value;
    } else if (name == "boot_id") {
      owner.boot_id = value;
    } else if (name == "pid_namespace") {
      owner.pid_namespace = value;
    } else if (name == "pid") {
      good = parse_whole(value, owner.pid);
    } else if (name == "start_time") {
      good = parse_whole(value, owner.start_time);
    } else if (name == "token") {
      owner.token = value;
    } else if (name == "slurm_job") {
      owner.slurm_job = value;
    } else if (name == "slurm_restart") {
      good = parse_whole(value, owner.slurm_restart);
    } else if (name == "counter") {
      good = parse_whole(value, owner.counter);
    } else if (name == "has_journal") {
      good = parse_whole(value, flag);
      owner.has_journal = flag != 0;
    } else if (name == "released") {
      good = parse_whole(value, flag);
      owner.released = flag != 0;
    }
    if (!good) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

Owner this_process() {
  Owner owner;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) {
    owner.host = host.data();
  }
  owner.boot_id = read_text("/proc/sys/kernel/random/boot_id");
  while (!owner.boot_id.empty() && owner.boot_id.back() == '\n') {
    owner.boot_id.pop_back();
  }
  owner.pid_namespace = own_pid_namespace();
  owner.pid = ::getpid();
  owner.start_time = process_start_time(owner.pid);
  owner.slurm_job = environment("SLURM_JOB_ID");
  parse_whole(environment("SLURM_RESTART_COUNT"), owner.slurm_restart);
  return owner;
}

bool end_process(std::int64_t pid, std::uint64_t start_time) {
  const auto number = static_cast<pid_t>(pid);
  // In this order: what the descriptor names is the process whose start time is looked at, and stays that.
  const Descriptor fd(static_cast<int>(::syscall(SYS_pidfd_open, number, 0)));
  const bool has_descriptors = fd || errno != ENOSYS;  // Linux 5.3
  const bool is_it = start_time != 0 && pid != ::getpid() && process_start_time(pid) == start_time;
  return is_it && (has_descriptors ? ::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0) == 0
                                   : ::kill(number, SIGKILL) == 0);
}

bool end_owner(const Owner& owner, std::chrono::milliseconds limit) {
  constexpr std::chrono::milliseconds kLook{5};
  const auto end = BootClock::now() + limit;
  bool lives = is_running(owner).value_or(false) && end_process(owner.pid, owner.start_time);
  if (!lives) {
    return false;
  }
  while (lives && BootClock::now() < end) {
    std::this_thread::sleep_for(kLook);
    lives = process_start_time(owner.pid) == owner.start_time;
  }
  return !lives;
}

std::string describe(const Owner& owner) {
  std::string text = fmt::format("host {}, process {}", owner.host, owner.pid);
  if (!owner.slurm_job.empty()) {
    text += fmt::format(", Slurm job {} (restart {})", owner.slurm_job, owner.slurm_restart);
  }
  return text;
}

}  // namespace lockstep::journal
