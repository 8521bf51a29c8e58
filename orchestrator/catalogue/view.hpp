// The catalogue of a house as it now is, for who only reads.
#pragma once

#include <memory>
#include <string>

#include "catalogue/catalogue.hpp"

namespace lockstep::catalogue {

/// Needs neither a lock nor write access, also while the house has an owner; what that has written last may be seen
/// before it is durable. `folder` is the journal's; `files` must outlive what is returned. Executions and their
/// payloads are not read.
Result<std::unique_ptr<Catalogue>> view(journal::FileLayer& files, const std::string& folder);

}  // namespace lockstep::catalogue
