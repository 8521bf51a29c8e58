#include "cli/commands.hpp"

namespace lockstep::cli {

namespace {

constexpr const Command* kCommands[] = {&kRun,
                                        &kResume,
                                        &kRedrive,
                                        &kServe,
                                        &kStart,
                                        &kStop,
                                        &kSendTaskSuccess,
                                        &kSendTaskFailure,
                                        &kSendTaskHeartbeat,
                                        &kActivityWorker,
                                        &kCreateActivity,
                                        &kDeleteActivity,
                                        &kListActivities,
                                        &kDescribeActivity,
                                        &kValidate,
                                        &kTest,
                                        &kQuery,
                                        &kStatus,
                                        &kExplain,
                                        &kRuns,
                                        &kList,
                                        &kDescribe,
                                        &kMapRun,
                                        &kHistory,
                                        &kExport,
                                        &kLogs,
                                        &kFsck,
                                        &kClean,
                                        &kHelp};

}  // namespace

std::span<const Command* const> commands() {
  return kCommands;
}

}  // namespace lockstep::cli
