#include "service/history_file.hpp"

#include <cerrno>

#include "engine/history.hpp"

namespace lockstep::service {

Result<std::unique_ptr<HistoryFile>> HistoryFile::create(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return fail(ErrorKind::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  std::fputs("{\"events\":[", file);
  return std::unique_ptr<HistoryFile>(new HistoryFile(path, file));
}

HistoryFile::~HistoryFile() {
  if (file_ != nullptr) {
    std::fclose(file_);
  }
}

void HistoryFile::on_event(const engine::Event& event, const engine::Engine& engine) {
  const engine::Execution* execution = engine.find(event.execution);
  if (execution == nullptr) {
    return;
  }
  entry_ = first_ ? "\n" : ",\n";
  if (engine::append_history(entry_, event, *execution->machine)) {
    first_ = false;
    std::fwrite(entry_.data(), 1, entry_.size(), file_);
  }
}

Result<void> HistoryFile::close() {
  std::fputs("\n]}\n", file_);
  const bool good = std::ferror(file_) == 0;
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (!good || !closed) {
    return fail(ErrorKind::io, fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
  }
  return {};
}

}  // namespace lockstep::service
