#include "mpi_worker/result.hpp"

#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "mpi_worker/printable.hpp"
#include "value/utf8.hpp"

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

/// Bytes of stdout that a cause shows.
constexpr std::size_t kOutBytes = kCauseBytes / 2;

/// The last lines of what a task has written, at most about so many bytes; "…" where the first of them is cut.
std::string end_of(std::string_view bytes, std::size_t most) {
  std::string_view end = bytes.substr(bytes.size() - std::min(bytes.size(), most));
  while (end.size() < bytes.size() && !end.empty() && (static_cast<unsigned char>(end.front()) & 0xc0U) == 0x80) {
    end.remove_prefix(1);  // not in the middle of a character
  }
  const std::string_view lines = last_lines(end, kCauseLines);
  const bool is_cut = lines.size() == end.size() && end.size() < bytes.size();
  std::string text = (is_cut ? "…" : "") + printable(lines);
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

/// What stands below the first line of a cause: how stdout and stderr ended, each said to be that only beside the
/// other.
std::string ends_text(std::string_view out, std::string_view err) {
  std::string out_end = end_of(out, kOutBytes);
  const std::string err_end = end_of(err, kCauseBytes);
  if (err_end.find(out_end) != std::string::npos) {
    out_end.clear();  // the same text
  }
  if (out_end.empty() || err_end.empty()) {
    return out_end.empty() && err_end.empty() ? "" : "\n" + out_end + err_end;
  }
  return "\nstdout:\n" + out_end + "\nstderr:\n" + err_end;
}

/// `out`: what `err_tail` does not hold.
void conclude_failure(int wait_status, std::string_view out, std::string_view err_tail, Outcome& outcome) {
  set_failure(outcome, "States.TaskFailed", describe_status(wait_status) + ends_text(out, err_tail));
}

void conclude_json(std::string& out, std::string_view err_tail, Outcome& outcome) {
  if (out.find_first_not_of(" \t\r\n") == std::string::npos) {
    outcome.result = Value();
    return;
  }
  JsonProblem problem;
  if (!check_json(out, problem)) {
    std::string cause = fmt::format("stdout is not JSON: line {}, column {}: {}", problem.line, problem.column,
                                    excerpt(problem.message, 400));
    if (out.size() > kOutBytes || last_lines(out, kCauseLines).size() < out.size()) {
      cause += "; it begins: " + excerpt(out, 80);
    }
    set_failure(outcome, "Lockstep.BadOutput", cause + ends_text(out, err_tail));
    return;
  }
  // The newline that programs end with is not the value's; blanks within it are kept.
  out.erase(out.find_last_not_of(" \t\r\n") + 1);
  out.erase(0, out.find_first_not_of(" \t\r\n"));
  outcome.result = Value::from_checked_text(std::move(out));
}

}  // namespace

void conclude_line(std::string& line, std::string_view err_tail, Outcome& outcome) {
  if (!names_error(line, {"errorType"}, outcome)) {
    outcome.kind = OutcomeKind::succeeded;
    conclude_json(line, err_tail, outcome);
  }
}

void tell_folder(const std::string& path, Outcome& outcome) {
  std::string& cause = outcome.cause;
  if (outcome.kind != OutcomeKind::failed || cause.find_first_not_of(" \t") == cause.find('{')) {
    return;
  }
  cause.insert(std::min(cause.find('\n'), cause.size()), "\nfolder: " + path);
}

void conclude(work::StdoutMode mode, int wait_status, std::string& out, std::string_view err_tail, Outcome& outcome) {
  if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
    if (!names_error(out, {"errorType", "Error"}, outcome)) {
      const bool is_in_log = mode == work::StdoutMode::log;
      conclude_failure(wait_status, is_in_log ? std::string_view() : std::string_view(out), err_tail, outcome);
    }
    return;
  }
  outcome.kind = OutcomeKind::succeeded;
  switch (mode) {
    case work::StdoutMode::json:
      conclude_json(out, err_tail, outcome);
      break;
    case work::StdoutMode::text:
      outcome.result = Value::string(as_utf8(out));
      break;
    case work::StdoutMode::log:
      outcome.result = Value::from_checked_text(R"({"ExitCode":0})");
      break;
  }
}

}  // namespace lockstep::worker
