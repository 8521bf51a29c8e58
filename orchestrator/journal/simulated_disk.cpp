#include "journal/simulated_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace lockstep::journal {

namespace {

constexpr std::size_t kSector = 512;

void apply(std::vector<std::byte>& content, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    return;
  }
  if (content.size() < offset + bytes.size()) {
    content.resize(offset + bytes.size());
  }
  std::memcpy(content.data() + offset, bytes.data(), bytes.size());
}

/// Applies a random choice of the sectors that a write touches.
void apply_torn(std::vector<std::byte>& content, std::uint64_t offset, std::span<const std::byte> bytes,
                std::mt19937_64& random) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t end = std::min<std::size_t>(bytes.size(), (offset + at) / kSector * kSector + kSector - offset);
    const auto part = bytes.subspan(at, end - at);
    switch (random() % 4) {
      case 0:
      case 1:
        apply(content, offset + at, part);
        break;
      case 2:
        break;  // as it was before
      default: {
        const bool beyond = offset + at >= content.size();
        if (beyond) {  // a sector that was never written may hold anything
          std::vector<std::byte> stale(part.size());
          for (std::byte& b : stale) {
            b = static_cast<std::byte>(random());
          }
          apply(content, offset + at, stale);
        }
      }
    }
    at = end;
  }
}

tl::unexpected<Error> failure(const std::string& path, std::string_view reason) {
  return fail(ErrorKind::io, fmt::format("cannot write to {}: {}", path, reason));
}

}  // namespace

class SimulatedFile final : public File {
 public:
  SimulatedFile(SimulatedDisk& disk, std::shared_ptr<SimulatedDisk::Inode> inode, std::string path)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)) {}

  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) override {
    return disk_.write(*inode_, path_, bytes, offset);
  }
  Result<std::size_t> read(std::span<std::byte> bytes, std::uint64_t offset) const override {
    const std::lock_guard lock(disk_.mutex_);
    const std::vector<std::byte>& now = inode_->now;
    const std::size_t length = offset >= now.size() ? 0 : std::min<std::size_t>(bytes.size(), now.size() - offset);
    if (length > 0) {
      std::memcpy(bytes.data(), now.data() + offset, length);
    }
    return length;
  }
  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_.mutex_);
    return inode_->now.size();
  }
  Result<void> sync() override { return disk_.sync(*inode_, path_); }

 private:
  SimulatedDisk& disk_;
  std::shared_ptr<SimulatedDisk::Inode> inode_;
  std::string path_;
};

std::unique_ptr<SimulatedDisk> SimulatedDisk::crash(CrashPolicy policy, std::mt19937_64& random) const {
  const std::lock_guard lock(mutex_);
  auto after = std::make_unique<SimulatedDisk>(flaws_);
  std::size_t kept = changes_.size();
  if (policy == CrashPolicy::none || policy == CrashPolicy::no_folders) {
    kept = 0;
  } else if (policy == CrashPolicy::prefix || policy == CrashPolicy::random) {
    kept = random() % (changes_.size() + 1);
  }
  Names names = durable_;
  for (std::size_t i = 0; i < kept; ++i) {
    changes_[i].apply(names);
  }
  for (const auto& [path, inode] : names.files) {
    auto copy = std::make_shared<Inode>();
    copy->durable = crashed(*inode, policy, random);
    copy->now = copy->durable;
    after->durable_.files[path] = std::move(copy);
  }
  after->durable_.folders = names.folders;
  after->now_ = after->durable_;
  return after;
}

std::vector<std::byte> SimulatedDisk::crashed(const Inode& inode, CrashPolicy policy, std::mt19937_64& random) {
  std::vector<std::byte> content = inode.durable;
  if (policy == CrashPolicy::all || policy == CrashPolicy::no_folders) {
    for (const Write& written : inode.unsynced) {
      apply(content, written.offset, written.bytes);
    }
  }
  if (policy == CrashPolicy::prefix) {
    const std::size_t kept = random() % (inode.unsynced.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) {
      apply(content, inode.unsynced[i].offset, inode.unsynced[i].bytes);
    }
    if (kept < inode.unsynced.size()) {
      const Write& torn = inode.unsynced[kept];
      const std::size_t part = random() % (torn.bytes.size() + 1) / kSector * kSector;
      apply(content, torn.offset, std::span(torn.bytes).first(part));
    }
  } else if (policy == CrashPolicy::random) {
    for (const Write& written : inode.unsynced) {
      apply_torn(content, written.offset, written.bytes, random);
    }
  }
  return content;
}

std::uint64_t SimulatedDisk::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

void SimulatedDisk::fail_at(std::uint64_t operation, Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_[operation] = fault;
}

void SimulatedDisk::flip(const std::string& path, std::uint64_t offset, std::uint8_t bits) {
  const std::lock_guard lock(mutex_);
  Inode& inode = *now_.files.at(path);
  inode.now.at(offset) ^= std::byte{bits};
  inode.durable = inode.now;
}

std::vector<std::byte> SimulatedDisk::contents(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return now_.files.at(path)->now;
}

std::vector<std::string> SimulatedDisk::paths() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, inode] : now_.files) {
    paths.push_back(path);
  }
  return paths;
}

Result<void> SimulatedDisk::operate(const std::string& path) {
  const std::uint64_t number = operations_++;
  if (off_) {
    return failure(path, "the power is off");
  }
  const auto fault = faults_.find(number);
  if (fault == faults_.end()) {
    return {};
  }
  switch (fault->second) {
    case Fault::power_off:
      off_ = true;
      return failure(path, "the power is off");
    case Fault::io_error:
      return failure(path, "Input/output error");
    case Fault::no_space:
      return failure(path, "No space left on device");
  }
  return {};
}

void SimulatedDisk::change(const std::string& folder, std::function<void(Names&)> apply) {
  apply(now_);
  changes_.push_back({folder, std::move(apply)});
}

Result<void> SimulatedDisk::write(Inode& inode, const std::string& path, std::span<const std::byte> bytes,
                                  std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  if (const auto done = operate(path); !done) {
    return done;
  }
  apply(inode.now, offset, bytes);
  inode.unsynced.push_back({offset, {bytes.begin(), bytes.end()}});
  return {};
}

Result<void> SimulatedDisk::sync(Inode& inode, const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto done = operate(path);
  if (off_) {
    return done;
  }
  if (!done) {
    inode.unsynced.clear();  // the kernel takes the pages for clean now
    return done;
  }
  if (!flaws_.ignores_sync) {
    for (const Write& written : inode.unsynced) {
      apply(inode.durable, written.offset, written.bytes);
    }
    inode.unsynced.clear();
  }
  return {};
}

Result<std::unique_ptr<File>> SimulatedDisk::create(const std::string& path) {
  const std::lock_guard lock(mutex_);
  TRY(operate(path));
  const std::string folder = folder_of(path);
  if (!now_.folders.contains(folder)) {
    return failure(path, "No such file or directory");
  }
  if (now_.files.contains(path)) {
    return failure(path, "File exists");
  }
  auto inode = std::make_shared<Inode>();
  change(folder, [path, inode](Names& names) { names.files[path] = inode; });
  return std::make_unique<SimulatedFile>(*this, std::move(inode), path);
}

Result<std::unique_ptr<File>> SimulatedDisk::open_to_write(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto found = now_.files.find(path);
  if (found == now_.files.end()) {
    return failure(path, "No such file or directory");
  }
  return std::make_unique<SimulatedFile>(*this, found->second, path);
}

Result<std::unique_ptr<File>> SimulatedDisk::open_to_read(const std::string& path) const {
  // The file can also write, but nobody has it as anything but a reader's.
  return const_cast<SimulatedDisk*>(this)->open_to_write(path);
}

Result<Standing> SimulatedDisk::look(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return now_.files.contains(path)     ? Standing::file
         : now_.folders.contains(path) ? Standing::folder
                                       : Standing::nothing;
}

Result<void> SimulatedDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (const auto done = operate(to); !done) {
    return done;
  }
  if (!now_.files.contains(from)) {
    return failure(from, "No such file or directory");
  }
  change(folder_of(to), [from, to](Names& names) {
    // What it was made of may not have been durable under its old name.
    if (const auto found = names.files.find(from); found != names.files.end()) {
      names.files[to] = found->second;
      names.files.erase(from);
    }
  });
  return {};
}

Result<void> SimulatedDisk::rename_new(const std::string& from, const std::string& to) {
  return *exists(to) ? failure(to, "File exists") : rename(from, to);
}

Result<void> SimulatedDisk::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!now_.files.contains(path)) {
    return {};
  }
  if (const auto done = operate(path); !done) {
    return done;
  }
  change(folder_of(path), [path](Names& names) { names.files.erase(path); });
  return {};
}

Result<void> SimulatedDisk::make_folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (now_.folders.contains(path)) {
    return {};
  }
  if (const auto done = operate(path); !done) {
    return done;
  }
  change(folder_of(path), [path](Names& names) { names.folders.insert(path); });
  return {};
}

Result<void> SimulatedDisk::sync_folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (const auto done = operate(path); !done) {
    return done;
  }
  if (flaws_.ignores_folder_sync) {
    return {};
  }
  std::vector<Change> left;
  for (Change& change : changes_) {
    if (change.folder == path) {
      change.apply(durable_);
    } else {
      left.push_back(std::move(change));
    }
  }
  changes_ = std::move(left);
  return {};
}

Result<std::vector<std::string>> SimulatedDisk::list(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [file, inode] : now_.files) {
    if (folder_of(file) == path) {
      names.push_back(file.substr(path.size() + 1));
    }
  }
  return names;
}

Result<std::vector<std::string>> SimulatedDisk::list_folders(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const std::string& folder : now_.folders) {
    if (folder != path && folder_of(folder) == path) {
      names.push_back(folder.substr(path.size() + 1));
    }
  }
  return names;
}

Result<void> SimulatedDisk::remove_folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!now_.folders.contains(path)) {
    return {};
  }
  if (const auto done = operate(path); !done) {
    return done;
  }
  const bool is_used = std::any_of(now_.files.begin(), now_.files.end(),
                                   [&](const auto& file) { return folder_of(file.first) == path; }) ||
                       std::any_of(now_.folders.begin(), now_.folders.end(), [&](const std::string& folder) {
                         return folder != path && folder_of(folder) == path;
                       });
  if (is_used) {
    return failure(path, "Directory not empty");
  }
  change(folder_of(path), [path](Names& names) { names.folders.erase(path); });
  return {};
}

}  // namespace lockstep::journal
