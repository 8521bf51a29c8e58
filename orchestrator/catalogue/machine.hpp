// State machines and activities as the catalogue keeps them, and what can be asked to be done with them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asl/parser.hpp"
#include "value/time.hpp"
#include "value/value.hpp"

namespace lockstep::catalogue {

/// A machine as it was from one moment on. Equal texts of consecutive revisions are one.
struct Revision {
  std::uint32_t number = 1;
  std::shared_ptr<const std::string> definition;
  std::shared_ptr<const std::string> jobs;  ///< a jobs.json of its own; "": none
  std::string jobs_folder;
  std::string role_arn;
  Value settings;
  Timestamp created;
};

struct Machine {
  std::string arn;
  std::string name;
  asl::ExecutionType type = asl::ExecutionType::standard;  ///< cannot be changed
  Timestamp created;
  bool deleting = false;            ///< is gone once none of its executions runs
  std::vector<Revision> revisions;  ///< ascending, never empty

  const Revision& current() const { return revisions.back(); }
  /// Null where there is none of that number. 0: the current one.
  const Revision* revision(std::uint32_t number) const;
};

struct Activity {
  std::string arn;
  std::string name;
  Value settings;
  Timestamp created;
};

/// `settings`: an object of the API's members as they were given (loggingConfiguration, tracingConfiguration, tags, …).
struct CreateMachine {
  std::string name;
  asl::ExecutionType type = asl::ExecutionType::standard;
  std::string role_arn;
  std::string definition;  ///< JSON text; checked by the caller
  std::string jobs = {};
  std::string jobs_folder = {};
  Value settings = Value::empty_object();
  std::string request = {};
};

/// What is not set stays as it is; of `settings`, member by member.
struct ReviseMachine {
  std::string arn;
  std::optional<std::string> role_arn = {};
  std::optional<std::string> definition = {};
  std::optional<std::string> jobs = {};
  std::optional<std::string> jobs_folder = {};
  std::optional<Value> settings = {};
  std::string request = {};
};

struct CreateActivity {
  std::string name;
  Value settings = Value::empty_object();
  std::string request = {};
};

}  // namespace lockstep::catalogue
