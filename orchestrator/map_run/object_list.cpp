#include "map_run/object_list.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "value/utf8.hpp"

namespace lockstep::map_run {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// Whether a key can begin with it: keys are paths without steps that lead elsewhere.
bool is_way(std::string_view folders) {
  while (!folders.empty()) {
    const std::size_t end = folders.find('/');
    const std::string_view name = folders.substr(0, end);
    if (name.empty() || name == "." || name == "..") {
      return false;
    }
    folders.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

Result<ObjectList> ObjectList::open(const std::string& folder, std::string_view prefix, std::size_t names_at_once) {
  if (!is_folder(folder)) {
    return fail(ErrorKind::invalid,
                fmt::format("The specified bucket does not exist. (there is no folder {})", folder));
  }
  ObjectList list(names_at_once);
  const std::string_view folders = prefix.substr(0, prefix.rfind('/') + 1);
  list.first_ = prefix.substr(folders.size());
  std::string path = folder + "/" + std::string(folders);
  if (is_way(folders) && is_folder(path)) {
    list.enter(std::move(path), std::string(folders));
  }
  return list;
}

void ObjectList::enter(std::string path, std::string key) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) {
    return;  // removed meanwhile
  }
  const bool back = std::any_of(levels_.begin(), levels_.end(), [&](const Level& level) {
    return level.device == status.st_dev && level.inode == status.st_ino;
  });
  if (!back) {
    levels_.push_back({std::move(path), std::move(key), status.st_dev, status.st_ino});
  }
}

/// The name as it is sorted; nothing: it is no object and no folder, or not asked for.
Result<std::optional<std::string>> ObjectList::name_of(const Level& level, int folder, std::string name,
                                                       unsigned char type) const {
  const bool outermost = &level == levels_.data();
  if (name == "." || name == ".." || (outermost && !name.starts_with(first_))) {
    return std::optional<std::string>();
  }
  if (type == DT_LNK || type == DT_UNKNOWN) {
    struct stat status {};
    const bool stands = ::fstatat(folder, name.c_str(), &status, 0) == 0;
    type = stands && S_ISREG(status.st_mode) ? DT_REG : stands && S_ISDIR(status.st_mode) ? DT_DIR : DT_SOCK;
  }
  if (type != DT_REG && type != DT_DIR) {
    return std::optional<std::string>();
  }
  if (!is_utf8(name)) {
    return fail(ErrorKind::invalid, fmt::format("the name '{}' in {} is not UTF-8, so it can be no key: rename it, or "
                                                "leave it out by a Prefix",
                                                as_utf8(name), as_utf8(level.path)));
  }
  return type == DT_DIR ? name + "/" : name;
}

Result<void> ObjectList::read_names(Level& level) {
  const std::string last = level.names.empty() ? "" : level.names.back();
  std::vector<std::string>& names = level.names;  // a heap with the last name on top, until all were seen
  names.clear();
  level.at = 0;
  level.whole = true;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(level.path.c_str()));
  if (folder == nullptr) {
    return fail(ErrorKind::io, fmt::format("cannot list {}: {}", as_utf8(level.path), std::strerror(errno)));
  }
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) {
      break;
    }
    std::optional<std::string> name = TRY(name_of(level, ::dirfd(folder.get()), entry->d_name, entry->d_type));
    if (!name.has_value() || *name <= last) {
      continue;
    }
    if (names.size() == names_at_once_) {
      level.whole = false;
      if (*name >= names.front()) {
        continue;
      }
      std::pop_heap(names.begin(), names.end());
      names.pop_back();
    }
    names.push_back(std::move(*name));
    std::push_heap(names.begin(), names.end());
  }
  if (errno != 0) {
    return fail(ErrorKind::io, fmt::format("cannot list {}: {}", as_utf8(level.path), std::strerror(errno)));
  }
  std::sort_heap(names.begin(), names.end());
  return {};
}

std::optional<ListedObject> ObjectList::look(const Level& level, const std::string& name) const {
  ListedObject object{level.key + name, level.path + name};
  struct stat status {};
  if (::stat(object.path.c_str(), &status) < 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;  // removed meanwhile
  }
  object.size = static_cast<std::uint64_t>(status.st_size);
  object.modified_s = status.st_mtim.tv_sec;
  object.modified_ns = status.st_mtim.tv_nsec;
  return object;
}

Result<std::optional<ListedObject>> ObjectList::next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.at == level.names.size()) {
      if (level.whole) {
        levels_.pop_back();
      } else {
        TRY(read_names(level));
      }
      continue;
    }
    const std::string& name = level.names[level.at++];
    if (name.ends_with('/')) {
      enter(level.path + name, level.key + name);
    } else if (auto object = look(level, name)) {
      return object;
    }
  }
  return std::optional<ListedObject>();
}

}  // namespace lockstep::map_run
