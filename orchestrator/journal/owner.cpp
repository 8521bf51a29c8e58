// The text of `lease`, and what is known of a process.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>

#include "journal/files.hpp"
#include "journal/lease.hpp"

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

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
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
  parse_number(std::string_view(stat).substr(at, stat.find(' ', at) - at), ticks);
  return ticks;
}

std::string to_text(const Owner& owner) {
  return fmt::format(
      "epoch {}\nhost {}\nboot_id {}\npid {}\nstart_time {}\nslurm_job {}\nslurm_restart {}\ncounter {}\nreleased {}\n"
      "end\n",
      owner.epoch, owner.host, owner.boot_id, owner.pid, owner.start_time, owner.slurm_job, owner.slurm_restart,
      owner.counter, owner.released ? 1 : 0);
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
    int released = 0;
    bool good = true;
    if (name == "epoch") {
      good = parse_number(value, owner.epoch);
    } else if (name == "host") {
      owner.host = value;
    } else if (name == "boot_id") {
      owner.boot_id = value;
    } else if (name == "pid") {
      good = parse_number(value, owner.pid);
    } else if (name == "start_time") {
      good = parse_number(value, owner.start_time);
    } else if (name == "slurm_job") {
      owner.slurm_job = value;
    } else if (name == "slurm_restart") {
      good = parse_number(value, owner.slurm_restart);
    } else if (name == "counter") {
      good = parse_number(value, owner.counter);
    } else if (name == "released") {
      good = parse_number(value, released);
      owner.released = released != 0;
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
  owner.pid = ::getpid();
  owner.start_time = process_start_time(owner.pid);
  owner.slurm_job = environment("SLURM_JOB_ID");
  parse_number(environment("SLURM_RESTART_COUNT"), owner.slurm_restart);
  return owner;
}

std::string describe(const Owner& owner) {
  std::string text = fmt::format("host {}, process {}", owner.host, owner.pid);
  if (!owner.slurm_job.empty()) {
    text += fmt::format(", Slurm job {} (restart {})", owner.slurm_job, owner.slurm_restart);
  }
  return text;
}

std::optional<Owner> read_owner(const std::string& run_folder) {
  const std::string text = read_text(run_folder + "/lease");
  return text.empty() ? std::nullopt : parse_owner(text);
}

}  // namespace lockstep::journal
