#include "mpi_worker/tell.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace lockstep::worker {

namespace {

void to_stderr(const std::string& line) {
  fmt::print(stderr, "lockstep: {}\n", line);
}

void (*current)(const std::string& line) = to_stderr;

}  // namespace

void tell(const std::string& line) {
  current(line);
}

void set_teller(void (*teller)(const std::string& line)) {
  current = teller;
}

}  // namespace lockstep::worker
