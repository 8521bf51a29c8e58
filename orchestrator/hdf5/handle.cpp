#include "hdf5/handle.hpp"

#include <fmt/format.h>

namespace lockstep::hdf5 {

namespace {

std::mutex& library_lock() {
  static std::mutex lock;
  return lock;
}

herr_t keep_innermost(unsigned depth, const H5E_error2_t* error, void* data) {
  if (depth == 0) {
    auto& line = *static_cast<std::string*>(data);
    line = fmt::format("{}: {}", error->func_name != nullptr ? error->func_name : "libhdf5",
                       error->desc != nullptr ? error->desc : "no description");
  }
  return 0;
}

}  // namespace

Session::Session() : lock_(library_lock()) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

tl::unexpected<Error> hdf5_failure(const std::string& what) {
  std::string innermost = "no reason given";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &innermost);
  H5Eclear2(H5E_DEFAULT);
  for (char& c : innermost) {
    if (c == '\n') {
      c = ' ';
    }
  }
  return fail(ErrorKind::io, fmt::format("{}: {}", what, innermost));
}

PropertiesHandle without_locks() {
  PropertiesHandle access(H5Pcreate(H5P_FILE_ACCESS));
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERSION_GE(1, 12, 0) && !H5_VERSION_GE(1, 12, 1))
  H5Pset_file_locking(access.get(), false, true);
#endif
  return access;
}

}  // namespace lockstep::hdf5
