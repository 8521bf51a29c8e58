#include "engine/identity.hpp"

#include <fmt/format.h>

namespace lockstep::engine {

std::string execution_arn(std::string_view machine_arn, std::string_view name) {
  constexpr std::string_view kMachine = ":stateMachine:";
  constexpr std::string_view kExecution = ":execution:";
  std::string arn(machine_arn);
  if (const std::size_t at = arn.find(kMachine); at != std::string::npos) {
    arn.replace(at, kMachine.size(), kExecution);
  }
  return fmt::format("{}:{}", arn, name);
}

Identity::Identity(std::string name, MachineIdentityPtr machine, std::string_view arn) : name_(std::move(name)) {
  static const MachineIdentityPtr kNone = std::make_shared<MachineIdentity>();
  machine_ = machine != nullptr ? std::move(machine) : kNone;
  if (!arn.empty() && arn != execution_arn(machine_->arn, name_)) {
    arn_ = std::make_unique<const std::string>(arn);
  }
}

}  // namespace lockstep::engine
