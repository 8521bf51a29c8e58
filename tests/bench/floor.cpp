// The machine's floors, for scripts/bench to print beside Lockstep's figures. Prints one number: operations a second.
//   - bench_floor spawn N: posix_spawn of /bin/true with pipes on stdin and stdout, one after another, on two threads
//   - bench_floor sync FILE N: pwrite of 200 bytes + fdatasync into space that was zeroed before
//   - bench_floor ping N: MPI round trips of 200 bytes between ranks 0 and 1, one outstanding (under mpirun -n 2)
//   - bench_floor empty: starts MPI and ends it (under mpirun); prints nothing
#include <fcntl.h>
#include <mpi.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void spawn_one() {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
    std::exit(1);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  char name[] = "/bin/true";
  char* argv[] = {name, nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, name, &actions, nullptr, argv, environ) != 0) {
    std::exit(1);
  }
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  static_cast<void>(!write(in[1], "{}", 2));
  close(in[1]);
  char byte = 0;
  while (read(out[0], &byte, 1) > 0) {
  }
  close(out[0]);
  waitpid(pid, nullptr, 0);
}

double spawn(int count) {
  signal(SIGPIPE, SIG_IGN);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([count] {
      for (int i = 0; i < count / 2; ++i) {
        spawn_one();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return count / seconds_since(begin);
}

double sync(const char* path, int count) {
  const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  const std::string zeros(std::size_t{200} * static_cast<std::size_t>(count), '\0');
  if (fd < 0 || write(fd, zeros.data(), zeros.size()) < 0 || fsync(fd) != 0) {
    std::exit(1);
  }
  const std::string row(200, 'x');
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    if (pwrite(fd, row.data(), row.size(), off_t{200} * i) < 0 || fdatasync(fd) != 0) {
      std::exit(1);
    }
  }
  const double rate = count / seconds_since(begin);
  close(fd);
  unlink(path);
  return rate;
}

double ping(int count) {
  MPI_Init(nullptr, nullptr);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  char buffer[200] = {};
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    if (rank == 0) {
      MPI_Send(buffer, sizeof buffer, MPI_CHAR, 1, 0, MPI_COMM_WORLD);
      MPI_Recv(buffer, sizeof buffer, MPI_CHAR, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (rank == 1) {
      MPI_Recv(buffer, sizeof buffer, MPI_CHAR, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      MPI_Send(buffer, sizeof buffer, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
    }
  }
  const double rate = count / seconds_since(begin);
  MPI_Finalize();
  return rank == 0 ? rate : -1;
}

double empty() {
  MPI_Init(nullptr, nullptr);
  MPI_Finalize();
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  double rate = 0;
  if (what == "spawn" && argc == 3) {
    rate = spawn(std::atoi(argv[2]));
  } else if (what == "sync" && argc == 4) {
    rate = sync(argv[2], std::atoi(argv[3]));
  } else if (what == "ping" && argc == 3) {
    rate = ping(std::atoi(argv[2]));
  } else if (what == "empty" && argc == 2) {
    rate = empty();
  } else {
    std::fputs("usage: bench_floor spawn N | sync FILE N | ping N | empty\n", stderr);
    return 2;
  }
  if (rate >= 0) {
    std::printf("%.1f\n", rate);
  }
  return 0;
}
