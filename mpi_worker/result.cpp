#include "mpi_worker/result.hpp"

#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "mpi_worker/printable.hpp"

namespace lockstep::worker {
namespace {

/// The longest last line of stdout that can name an error.
constexpr std::size_t kErrorLineBytes = std::size_t{256} << 10;

void set_failure(Outcome& outcome, std::string error, std::string cause) {
  outcome.kind = OutcomeKind::failed;
  outcome.error = std::move(error);
  outcome.cause = std::move(cause);
}

/// The error that the last line of stdout names, where it does.
bool names_error(std::string_view out, std::initializer_list<const char*> keys, Outcome& outcome) {
  const std::string_view line = last_line(out);
  if (line.size() > kErrorLineBytes || line.find('{') == std::string_view::npos) {
    return false;
  }
  const Result<Value> value = Value::from_text(std::string(line));
  if (!value || !value->node().is_object()) {
    return false;
  }
  for (const char* key : keys) {
    const Node* name = value->node().find(key);
    if (name != nullptr && name->is_string() && !name->as_string().empty()) {
      set_failure(outcome, std::string(name->as_string()), std::string(line));
      return true;
    }
  }
  return false;
}

std::string describe_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const char* name = strsignal(WTERMSIG(wait_status));
    return fmt::format("killed by signal {} ({})", WTERMSIG(wait_status), name != nullptr ? name : "?");
  }
  return fmt::format("exit status {}", WEXITSTATUS(wait_status));
}

void conclude_failure(int wait_status, std::string_view out, std::string_view err_tail, Outcome& outcome) {
  if (names_error(out, {"errorType", "Error"}, outcome)) {
    return;
  }
  std::string cause = describe_status(wait_status);
  const std::string_view end =
      last_lines(err_tail.substr(err_tail.size() - std::min(err_tail.size(), kCauseBytes)), kCauseLines);
  if (!end.empty()) {
    cause += '\n';
    cause += printable(end);
    while (cause.back() == '\n') {
      cause.pop_back();
    }
  }
  set_failure(outcome, "States.TaskFailed", std::move(cause));
}

void conclude_json(std::string out, Outcome& outcome) {
  if (out.find_first_not_of(" \t\r\n") == std::string::npos) {
    outcome.result = Value();
    return;
  }
  JsonProblem problem;
  if (!check_json(out, problem)) {
    set_failure(outcome, "Lockstep.BadOutput",
                fmt::format("stdout is not JSON: line {}, column {}: {}; it begins: {}", problem.line, problem.column,
                            excerpt(problem.message, 400), excerpt(out, 80)));
    return;
  }
  // The newline that programs end with is not the value's; blanks within it are kept.
  out.erase(out.find_last_not_of(" \t\r\n") + 1);
  out.erase(0, out.find_first_not_of(" \t\r\n"));
  outcome.result = Value::from_checked_text(std::move(out));
}

}  // namespace

void conclude_line(std::string line, Outcome& outcome) {
  if (!names_error(line, {"errorType"}, outcome)) {
    outcome.kind = OutcomeKind::succeeded;
    conclude_json(std::move(line), outcome);
  }
}

void conclude(integrations::StdoutMode mode, int wait_status, std::string out, std::string_view err_tail,
              Outcome& outcome) {
  if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
    conclude_failure(wait_status, out, err_tail, outcome);
    return;
  }
  outcome.kind = OutcomeKind::succeeded;
  switch (mode) {
    case integrations::StdoutMode::json:
      conclude_json(std::move(out), outcome);
      break;
    case integrations::StdoutMode::text:
      outcome.result = Value::string(to_utf8(out));
      break;
    case integrations::StdoutMode::log:
      outcome.result = Value::from_checked_text(R"({"ExitCode":0})");
      break;
  }
}

}  // namespace lockstep::worker
