#include "mpi_worker/cores.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace lockstep::worker {
namespace {

/// Cores in the affinity mask of a process (0: this one); 0 where it cannot be read.
std::size_t mask_size(pid_t pid) {
  for (std::size_t cores = 1024; cores <= std::size_t{1} << 18; cores *= 2) {
    cpu_set_t* set = CPU_ALLOC(cores);
    const bool read = set != nullptr && sched_getaffinity(pid, CPU_ALLOC_SIZE(cores), set) == 0;
    const int count = read ? CPU_COUNT_S(CPU_ALLOC_SIZE(cores), set) : 0;
    CPU_FREE(set);
    if (read) {
      return static_cast<std::size_t>(count);
    }
  }
  return 0;
}

std::size_t number_from(const char* variable) {
  const char* text = std::getenv(variable);
  std::size_t number = 0;
  if (text != nullptr) {
    std::from_chars(text, text + std::strlen(text), number);
  }
  return number;
}

}  // namespace

std::size_t usable_cores() {
  return std::max<std::size_t>(mask_size(0), 1);
}

std::size_t slots_of_rank() {
  const std::size_t own = usable_cores();
  // Ranks may be bound to a part of what the launcher's process on this machine has.
  const std::size_t all = std::max(own, mask_size(getppid()));
  const std::size_t ranks = std::max<std::size_t>(
      {number_from("OMPI_COMM_WORLD_LOCAL_SIZE"), number_from("MPI_LOCALNRANKS"), std::size_t{1}});
  const std::size_t everywhere = std::max(number_from("OMPI_COMM_WORLD_SIZE"), number_from("PMI_SIZE"));
  const std::size_t rank = std::max(number_from("OMPI_COMM_WORLD_RANK"), number_from("PMI_RANK"));
  std::size_t share = all / ranks;
  if (ranks == everywhere && ranks > 1 && rank > 0) {
    const std::size_t workers = ranks - 1;
    share = all / workers + (rank - 1 < all % workers ? 1 : 0);
  }
  return std::max<std::size_t>(std::min(own, share), 1);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) {
    return "unknown";
  }
  const std::string whole = name.data();
  return whole.substr(0, whole.find('.'));
}

}  // namespace lockstep::worker
