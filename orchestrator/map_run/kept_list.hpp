// A listing that stays as it was when it was made, whatever becomes of the bucket. Internal to the map_run room.
#pragma once

#include <memory>
#include <string>

#include "map_run/object_list.hpp"

namespace lockstep::map_run {

/// The objects that the file `kept` holds; where there is none, those of `list`, which are written there first,
/// durably: all of them, or the file is not there. `folder`: the bucket's. Errors: of the list; (io): of the file.
Result<std::unique_ptr<Objects>> keep_list(ObjectList list, const std::string& folder, const std::string& kept);

}  // namespace lockstep::map_run
