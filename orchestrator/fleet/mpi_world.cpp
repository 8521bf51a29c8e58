#include "fleet/mpi_world.hpp"

#include <mpi.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "fleet/launch.hpp"
#include "fleet/local_fleet.hpp"
#include "fleet/mpi_fleet.hpp"
#include "mpi_worker/cores.hpp"
#include "mpi_worker/heart.hpp"
#include "mpi_worker/mpi_channel.hpp"
#include "mpi_worker/told_to_end.hpp"
#include "mpi_worker/worker_loop.hpp"

namespace lockstep::fleet {
namespace {

/// For MPI_Finalize(), which may wait for a rank that does not come.
constexpr std::chrono::seconds kFinalize{5};
/// The same where this process was told to end: mpirun, without which it comes to nothing, often was as well.
constexpr std::chrono::seconds kHurriedFinalize{1};

/// Passes calls on, and remembers after the fleet's end how that was.
class WatchedFleet final : public Fleet {
 public:
  WatchedFleet(std::unique_ptr<MpiFleet> fleet, bool& all_ended) : fleet_(std::move(fleet)), all_ended_(all_ended) {}
  ~WatchedFleet() override { WatchedFleet::stop(); }
  std::size_t slots() const override { return fleet_->slots(); }
  std::size_t room() const override { return fleet_->room(); }
  void add_jobs(std::vector<work::Job> jobs) override { fleet_->add_jobs(std::move(jobs)); }
  void dispatch(work::Task task) override { fleet_->dispatch(std::move(task)); }
  void cancel(const work::DispatchId& id) override { fleet_->cancel(id); }
  void wait(std::chrono::microseconds limit, const Waker& waker, std::vector<work::Outcome>& outcomes) override {
    fleet_->wait(limit, waker, outcomes);
  }
  void settled(std::uint32_t rank) override { fleet_->settled(rank); }
  std::optional<Error> failure() const override { return fleet_->failure(); }
  void drain() override { fleet_->drain(); }
  void kill() override { fleet_->kill(); }
  void set_gate(std::function<bool()> may_begin) override { fleet_->set_gate(std::move(may_begin)); }
  void stop() override {
    fleet_->stop();
    all_ended_ = fleet_->all_ended();
  }
  Workload workload() const override { return fleet_->workload(); }
  std::string describe() const override { return fleet_->describe(); }

 private:
  std::unique_ptr<MpiFleet> fleet_;
  bool& all_ended_;
};

}  // namespace

struct MpiWorld::State {
  int rank = 0;
  int size = 1;
  worker::MpiChannel channel;
  std::unique_ptr<worker::MpiHeart> heart;
  bool fleet_made = false;
  bool all_ended = false;  // rank 0: every worker has said goodbye
};

bool MpiWorld::launched() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (std::getenv(variable) != nullptr) {
      return true;
    }
  }
  return false;
}

MpiWorld::MpiWorld(std::unique_ptr<State> state) : state_(std::move(state)) {}
MpiWorld::~MpiWorld() = default;

Result<std::unique_ptr<MpiWorld>> MpiWorld::start(int& argc, char**& argv) {
  // Naps between two looks for messages are shorter than the 50 µs by which Linux may lengthen a sleep.
  prctl(PR_SET_TIMERSLACK, 1'000UL);
  int provided = 0;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS) {
    return fail(ErrorKind::unavailable, "MPI cannot be initialized");
  }
  if (provided != MPI_THREAD_MULTIPLE) {
    return fail(ErrorKind::unavailable, "this MPI does not support MPI_THREAD_MULTIPLE");
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  auto state = std::make_unique<State>();
  MPI_Comm_rank(MPI_COMM_WORLD, &state->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &state->size);
  if (state->size > 1) {
    state->heart = std::make_unique<worker::MpiHeart>(state->rank, state->size, worker::Patience::from_environment());
  }
  if (state->rank == 0) {
    report_start();
  }
  return std::unique_ptr<MpiWorld>(new MpiWorld(std::move(state)));
}

int MpiWorld::rank() const {
  return state_->rank;
}

int MpiWorld::size() const {
  return state_->size;
}

std::unique_ptr<Fleet> MpiWorld::make_fleet(FleetSettings settings, std::size_t slots) {
  if (state_->size == 1) {
    return std::make_unique<LocalFleet>(std::move(settings), slots);
  }
  settings.log_limit /= static_cast<std::uint64_t>(state_->size) - 1;
  state_->fleet_made = true;
  return std::make_unique<WatchedFleet>(
      std::make_unique<MpiFleet>(std::move(settings), state_->size, state_->channel, *state_->heart),
      state_->all_ended);
}

int MpiWorld::run_worker(std::size_t slots) {
  const int status =
      worker::run_worker(state_->rank, slots != 0 ? slots : worker::slots_of_rank(), state_->channel, *state_->heart);
  state_->all_ended = status == 0;
  return status;
}

void MpiWorld::finish(int status) {
  if (state_->rank == 0 && state_->size > 1 && !state_->fleet_made) {
    // The workers wait for orders: a fleet without jobs sends them home.
    FleetSettings settings;
    settings.kill_after = std::chrono::milliseconds(0);
    make_fleet(std::move(settings), 0)->stop();
  }
  std::fflush(nullptr);
  const bool reported = state_->rank == 0 && report_status(status);
  const int own = reported ? 0 : status;  // mpirun would comment on anything else
  if (state_->heart) {
    state_->heart->stop();
  }
  if (state_->size > 1 && !state_->all_ended) {
    _exit(own);
  }
  const auto limit = worker::told_to_end.times() > 0 ? kHurriedFinalize : kFinalize;
  std::thread([own, limit] {
    std::this_thread::sleep_for(limit);
    _exit(own);
  }).detach();
  MPI_Finalize();
  _exit(own);
}

}  // namespace lockstep::fleet
