#include "mpi_worker/task_folders.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "mpi_worker/scarcity.hpp"

namespace lockstep::worker {
namespace {

constexpr mode_t kMode = 0700;

/// As it was made: nothing in it, and nobody changed its permissions.
bool is_untouched(TaskFolder& folder) {
  constexpr std::ptrdiff_t kOwnEntries = 48;  // "." and "..", 24 bytes each
  struct stat status = {};
  std::array<char, 256> entries{};
  if (fstat(folder.folder.get(), &status) != 0 || (status.st_mode & 07777U) != kMode) {
    return false;
  }
  const bool is_unchanged =
      status.st_mtim.tv_sec == folder.changed.tv_sec && status.st_mtim.tv_nsec == folder.changed.tv_nsec;
  if (is_unchanged && folder.tells) {
    return true;  // without reading it, which would take several times as long
  }
  if (lseek(folder.folder.get(), 0, SEEK_SET) != 0 ||
      syscall(SYS_getdents64, folder.folder.get(), entries.data(), entries.size()) != kOwnEntries) {
    return false;
  }
  if (!is_unchanged || folder.empty_since == std::chrono::steady_clock::time_point::max()) {
    folder.changed = status.st_mtim;
    folder.empty_since = std::chrono::steady_clock::now();
  }
  return true;
}

}  // namespace

TaskFolders::TaskFolders(const std::string& run_folder, std::chrono::milliseconds clock_steps)
    : tasks_(run_folder.empty() ? "" : run_folder + "/tasks"), clock_steps_(clock_steps) {}

TaskFolders::~TaskFolders() {
  remove_spare();
}

void TaskFolders::remove_spare() {
  for (const TaskFolder& folder : spare_) {
    rmdir(folder.path.c_str());
  }
  spare_.clear();
}

std::string task_folder_name(const Task& task) {
  constexpr std::size_t kMostState = 40;
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  std::string name;
  for (const char c : task.state_name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_start = byte < 0x80 || byte >= 0xc0;  // of a character
    if (is_start && name.size() >= kMostState) {
      break;
    }
    name += byte >= 0x80 || kPlain.find(c) != std::string_view::npos ? c : '_';
  }
  if (name.starts_with('-') || name.starts_with('.')) {
    name.front() = '_';
  }
  if (task.item_index >= 0) {
    name += fmt::format("-{}", task.item_index);
  }
  return fmt::format("{}{}{}", name, name.empty() ? "" : ".", work::visit_text(task.id));
}

tl::expected<TaskFolder, std::string> TaskFolders::take(const Task& task) {
  TaskFolder taken;
  if (tasks_.empty()) {
    return taken;
  }
  taken.path = fmt::format("{}/{}", tasks_, task_folder_name(task));
  if (task.id.count > 1) {
    // It may have begun when folders were called by their numbers alone.
    rename(fmt::format("{}/{}", tasks_, work::visit_text(task.id)).c_str(), taken.path.c_str());
  }
  if (!spare_.empty()) {
    TaskFolder& spare = spare_.back();
    // Fails where the task's folder stands already and holds something.
    if (rename(spare.path.c_str(), taken.path.c_str()) == 0) {
      taken.folder = std::move(spare.folder);
      taken.changed = spare.changed;
      taken.empty_since = spare.empty_since;
      // Nobody had it meanwhile. What changes it now does so later than it was last seen empty, by more than the file
      // system's clock could miss.
      taken.tells = std::chrono::steady_clock::now() - clock_steps_ > taken.empty_since;
      spare_.pop_back();
      return taken;
    }
    if (errno == ENOENT) {
      spare_.pop_back();
    }
  }
  int made = mkdir(taken.path.c_str(), kMode);
  if (made != 0 && errno == ENOENT) {
    mkdir(tasks_.c_str(), kMode);
    made = mkdir(taken.path.c_str(), kMode);
  }
  int number = errno;
  if (made == 0) {
    taken.folder = Descriptor(open(taken.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return taken;
  }
  if (number == EEXIST) {
    struct stat status = {};
    number = lstat(taken.path.c_str(), &status) != 0 ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
  }
  if (number != 0) {
    return tl::unexpected(fmt::format("cannot make the task's folder {}: {}", taken.path, explain_scarcity(number)));
  }
  return taken;
}

bool TaskFolders::give_back(TaskFolder folder) {
  if (folder.path.empty()) {
    return false;
  }
  // Else it might be moved away while its task runs in it again.
  if (!folder.may_be_wanted && folder.folder && is_untouched(folder)) {
    spare_.push_back(std::move(folder));
    return false;
  }
  return rmdir(folder.path.c_str()) != 0 && errno == ENOTEMPTY;
}

}  // namespace lockstep::worker
