// Who an execution is, and of which machine.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace lockstep::engine {

/// All executions of a machine share one.
struct MachineIdentity {
  std::string name;
  std::string arn;
  std::string role_arn;

  friend bool operator==(const MachineIdentity&, const MachineIdentity&) = default;
};
using MachineIdentityPtr = std::shared_ptr<const MachineIdentity>;

/// Of the STANDARD execution `name` of the machine with this ARN (api.md).
std::string execution_arn(std::string_view machine_arn, std::string_view name);

/// Fixed at an execution's start. A million of them may wait in one process: what follows from the rest is not kept.
class Identity {
 public:
  /// `machine` null: one without a name. `arn` empty: execution_arn()'s.
  explicit Identity(std::string name = {}, MachineIdentityPtr machine = nullptr, std::string_view arn = {});

  const std::string& name() const { return name_; }
  const MachineIdentity& machine() const { return *machine_; }
  std::string arn() const { return arn_ != nullptr ? *arn_ : execution_arn(machine_->arn, name_); }

 private:
  std::string name_;
  MachineIdentityPtr machine_;              // never null
  std::unique_ptr<const std::string> arn_;  // null: as execution_arn() says
};
using IdentityPtr = std::shared_ptr<const Identity>;

}  // namespace lockstep::engine
