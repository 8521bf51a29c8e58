#include "mpi_worker/scarcity.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace lockstep::worker {
namespace {

const char* advice(int number) {
  switch (number) {
    case EAGAIN:
      return "more processes must be allowed (ulimit -u, a cgroup's pids.max), or --slots be fewer";
    case EMFILE:
    case ETOOMANYREFS:
      return "more open files must be allowed (ulimit -n), or --slots be fewer";
    case ENFILE:
      return "the machine has too many open files";
    case ENOMEM:
    case ENOBUFS:
      return "memory must be freed, or --slots be fewer";
    case ENOSPC:
      return "room or inodes must be freed there (df, df -i)";
    case EDQUOT:
      return "files must be removed there, or the quota be raised";
    default:
      return nullptr;
  }
}

}  // namespace

bool is_scarcity(int number) {
  switch (number) {
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ETOOMANYREFS:
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case ESTALE:
    case ETIME:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

std::string explain_scarcity(int number) {
  const char* what = advice(number);
  return what == nullptr ? std::strerror(number) : fmt::format("{}: {}", std::strerror(number), what);
}

}  // namespace lockstep::worker
