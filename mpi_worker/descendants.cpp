#include "mpi_worker/descendants.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "value/descriptor.hpp"

namespace lockstep::worker {
namespace {

/// Nothing where it cannot be read.
std::optional<std::string> contents(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return std::nullopt;
  }
  std::string text;
  std::array<char, 4096> block{};
  ssize_t size = 0;
  while ((size = read(file.get(), block.data(), block.size())) > 0) {
    text.append(block.data(), static_cast<std::size_t>(size));
  }
  return size == 0 ? std::optional(std::move(text)) : std::nullopt;
}

/// The entries of a folder of /proc that are numbers.
std::vector<pid_t> numbers_in(const char* folder) {
  std::vector<pid_t> numbers;
  DIR* const entries = opendir(folder);
  if (entries == nullptr) {
    return numbers;
  }
  while (const dirent* entry = readdir(entries)) {
    if (const long number = std::strtol(entry->d_name, nullptr, 10); number > 0) {
      numbers.push_back(static_cast<pid_t>(number));
    }
  }
  closedir(entries);
  return numbers;
}

/// 0: it is gone.
pid_t parent_of(pid_t pid) {
  const std::string status = contents(fmt::format("/proc/{}/stat", pid)).value_or("");
  // Behind the name, which may hold anything: a blank, the state, a blank.
  const std::size_t name_end = status.rfind(')');
  return name_end == std::string::npos || name_end + 4 >= status.size()
             ? 0
             : static_cast<pid_t>(std::strtol(status.c_str() + name_end + 4, nullptr, 10));
}

/// For a kernel that does not list children.
std::vector<pid_t> search_children(pid_t parent) {
  std::vector<pid_t> children = numbers_in("/proc");
  std::erase_if(children, [&](pid_t pid) { return parent_of(pid) != parent; });
  return children;
}

}  // namespace

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  const std::string tasks = fmt::format("/proc/{}/task", parent);
  for (const pid_t thread : numbers_in(tasks.c_str())) {
    const auto list = contents(fmt::format("{}/{}/children", tasks, thread));
    if (!list && access(fmt::format("/proc/self/task/{}/children", getpid()).c_str(), F_OK) != 0) {
      return search_children(parent);
    }
    const char* at = list ? list->c_str() : "";
    char* end = nullptr;
    for (long pid = std::strtol(at, &end, 10); end != at; pid = std::strtol(at, &end, 10)) {
      children.push_back(static_cast<pid_t>(pid));
      at = end;
    }
  }
  return children;
}

void signal_descendants(int signal, pid_t except) {
  struct Found {
    pid_t pid;
    pid_t parent;
    Descriptor handle;
  };
  // All are known before the first hears of it: when a parent ends, its children are no more where they were.
  std::vector<Found> found;
  found.push_back({getpid(), 0, {}});
  for (std::size_t i = 0; i < found.size(); ++i) {
    const pid_t parent = found[i].pid;
    for (const pid_t child : children_of(parent)) {
      found.push_back({child, parent, Descriptor(static_cast<int>(syscall(SYS_pidfd_open, child, 0)))});
    }
  }
  for (const Found& one : found) {
    // A number may have gone to somebody else before there was a handle on it, and then has another parent.
    const pid_t parent = one.handle && getpgid(one.pid) != except ? parent_of(one.pid) : 0;
    if (parent != 0 && (parent == one.parent || parent == getpid())) {
      for (const int each : {signal, SIGCONT}) {
        syscall(SYS_pidfd_send_signal, one.handle.get(), each, nullptr, 0);
      }
    }
  }
}

std::size_t kill_children(const std::vector<pid_t>& except) {
  std::size_t count = 0;
  for (const pid_t child : children_of(getpid())) {
    if (std::find(except.begin(), except.end(), child) == except.end()) {
      kill(child, SIGKILL);  // nobody but us can reap it: the number is its own
      ++count;
    }
  }
  return count;
}

}  // namespace lockstep::worker
