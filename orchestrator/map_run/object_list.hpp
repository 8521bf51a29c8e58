// What a bucket holds: the files below its folder, in S3's order. Internal to the map_run room.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "value/error.hpp"

namespace lockstep::map_run {

struct ListedObject {
  std::string key;
  std::string path;  ///< of its file
  std::uint64_t size = 0;
  std::int64_t modified_s = 0;   ///< seconds since 1970
  std::int64_t modified_ns = 0;  ///< nanoseconds in that second
};

/// One thread.
class Objects {
 public:
  virtual ~Objects() = default;
  /// The next; nothing: that was all. Errors (io): a folder cannot be read; (invalid): a name is not UTF-8.
  virtual Result<std::optional<ListedObject>> next() = 0;
};

/// Keys come in the order of their bytes, one after the other; of a folder at most `names_at_once` names are in memory,
/// for more of them it is read again. Symbolic links are followed, but not back to a folder that they lie in. Pipes,
/// sockets and devices are no objects. What is made or removed meanwhile may be seen or not.
class ObjectList final : public Objects {
 public:
  /// `prefix`: what keys begin with. Errors (invalid): there is no such folder.
  static Result<ObjectList> open(const std::string& folder, std::string_view prefix,
                                 std::size_t names_at_once = 250'000);

  Result<std::optional<ListedObject>> next() override;

 private:
  /// A folder on the way to the object that is next.
  struct Level {
    std::string path;
    std::string key;  // of what is in it, up to its last slash
    dev_t device = 0;
    ino_t inode = 0;
    std::vector<std::string> names = {};  // sorted; folders end with a slash
    std::size_t at = 0;
    bool whole = false;  // names holds all that there are behind those that were seen
  };

  explicit ObjectList(std::size_t names_at_once) : names_at_once_(names_at_once) {}
  Result<void> read_names(Level& level);
  Result<std::optional<std::string>> name_of(const Level& level, int folder, std::string name,
                                             unsigned char type) const;
  void enter(std::string path, std::string key);
  std::optional<ListedObject> look(const Level& level, const std::string& name) const;

  std::size_t names_at_once_;
  std::string first_;  // what names in the outermost folder begin with
  std::vector<Level> levels_;
};

}  // namespace lockstep::map_run
