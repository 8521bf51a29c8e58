#include "service/history_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/history.hpp"

namespace lockstep::service {

Result<std::unique_ptr<HistoryFile>> HistoryFile::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) {
    return fail(ErrorKind::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<HistoryFile>(new HistoryFile(path, file));
}

HistoryFile::~HistoryFile() {
  if (file_ != nullptr) {
    std::fclose(file_);
  }
}

void HistoryFile::begin() {
  if (!std::exchange(begun_, true)) {
    [[maybe_unused]] const int refused = ::ftruncate(fileno(file_), 0);  // a device or a pipe has nothing to cut
    std::fputs("{\"events\":[", file_);
  }
}

void HistoryFile::on_event(const engine::Event& event, const engine::Engine& engine) {
  asl::StateMachinePtr& machine = machines_[event.execution];
  if (const engine::Execution* execution = engine.find(event.execution); machine == nullptr && execution != nullptr) {
    machine = execution->machine;
  }
  follow_machine(machine, event);
  if (machine == nullptr) {
    return;
  }
  begin();
  entry_ = first_ ? "\n" : ",\n";
  if (engine::append_history(entry_, event, *machine)) {
    first_ = false;
    std::fwrite(entry_.data(), 1, entry_.size(), file_);
  }
}

Result<void> HistoryFile::close() {
  begin();
  std::fputs("\n]}\n", file_);
  const bool flushed = std::fflush(file_) == 0;
  const int number = errno;
  const bool good = std::ferror(file_) == 0;
  std::fclose(std::exchange(file_, nullptr));
  if (!flushed || !good) {
    return fail(ErrorKind::io, fmt::format("cannot write {}: {}", path_, std::strerror(flushed ? EIO : number)));
  }
  return {};
}

}  // namespace lockstep::service
