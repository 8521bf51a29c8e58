// A disk in memory that can lose power, fill up and break: for tests. It knows what was synced; crash() gives a disk as
// a power loss at this instant could have left it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "journal/files.hpp"

namespace lockstep::journal {

/// What a crash does to what was not synced.
enum class CrashPolicy : std::uint8_t {
  all,         ///< all of it reached the disk
  none,        ///< nothing of it
  prefix,      ///< of each file, and of the folders, the first few changes; the next write torn at a sector
  random,      ///< each write kept, lost or torn by sectors, lost parts zero or stale; of the folders the first few
  no_folders,  ///< data, but no names: creates, renames and removals are lost
  no_data      ///< names, but no data
};
inline constexpr CrashPolicy kCrashPolicies[] = {CrashPolicy::all,    CrashPolicy::none,       CrashPolicy::prefix,
                                                 CrashPolicy::random, CrashPolicy::no_folders, CrashPolicy::no_data};

/// Any thread.
class SimulatedDisk final : public FileLayer {
 public:
  struct Flaws {
    bool ignores_sync = false;         ///< says that it synced a file but does nothing
    bool ignores_folder_sync = false;  ///< likewise of a folder
  };
  enum class Fault : std::uint8_t { power_off, io_error, no_space };

  SimulatedDisk() = default;
  explicit SimulatedDisk(const Flaws& flaws) : flaws_(flaws) {}

  void set_flaws(const Flaws& flaws) { flaws_ = flaws; }

  /// A disk as a crash now could leave it; everything on it is durable.
  std::unique_ptr<SimulatedDisk> crash(CrashPolicy policy, std::mt19937_64& random) const;

  /// Operations that changed or synced something so far.
  std::uint64_t operations() const;
  /// Operation number `operation` (from 0) fails, and with power_off all after it. A failed sync loses what it was to
  /// save, though readers go on to see it until the power goes, and another sync succeeds: as Linux does.
  void fail_at(std::uint64_t operation, Fault fault);
  /// Inverts bits of one byte, durably.
  void flip(const std::string& path, std::uint64_t offset, std::uint8_t bits);
  std::vector<std::byte> contents(const std::string& path) const;
  /// Paths of all files.
  std::vector<std::string> paths() const;

  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<std::unique_ptr<File>> open_to_write(const std::string& path) override;
  Result<std::unique_ptr<File>> open_to_read(const std::string& path) const override;
  Result<Standing> look(const std::string& path) const override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> rename_new(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_folder(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) const override;
  Result<std::vector<std::string>> list_folders(const std::string& path) const override;
  Result<void> remove_folder(const std::string& path) override;

 private:
  friend class SimulatedFile;
  struct Write {
    std::uint64_t offset;
    std::vector<std::byte> bytes;
  };
  struct Inode {
    std::vector<std::byte> now;      // as a reader sees it
    std::vector<std::byte> durable;  // without the writes below
    std::vector<Write> unsynced;
  };
  struct Names {
    std::map<std::string, std::shared_ptr<Inode>> files;
    std::set<std::string> folders;
  };
  /// A change of names that is not durable yet.
  struct Change {
    std::string folder;
    std::function<void(Names&)> apply;
  };

  Result<void> operate(const std::string& path);  // requires mutex_
  void change(const std::string& folder, std::function<void(Names&)> apply);
  Result<void> write(Inode& inode, const std::string& path, std::span<const std::byte> bytes, std::uint64_t offset);
  Result<void> sync(Inode& inode, const std::string& path);
  static std::vector<std::byte> crashed(const Inode& inode, CrashPolicy policy, std::mt19937_64& random);

  Flaws flaws_;
  mutable std::mutex mutex_;
  Names now_;
  Names durable_;
  std::vector<Change> changes_;
  std::uint64_t operations_ = 0;
  std::map<std::uint64_t, Fault> faults_;
  bool off_ = false;
};

}  // namespace lockstep::journal
