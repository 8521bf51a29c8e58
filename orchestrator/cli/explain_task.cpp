#include "cli/explain_task.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

#include "cli/carry_out.hpp"
#include "cli/log_files.hpp"
#include "mpi_worker/command.hpp"
#include "mpi_worker/environment.hpp"
#include "mpi_worker/task_folders.hpp"
#include "report/format.hpp"
#include "service/rehearsal.hpp"
#include "value/shell.hpp"

namespace lockstep::cli {

namespace {

/// Of what a dispatch wrote its end is shown; of a payload its beginning, but in a command all of it, up to a point.
constexpr std::size_t kMostLines = 100;
constexpr std::size_t kMostPayload = 4'000;
constexpr std::size_t kMostTyped = std::size_t{64} << 10;

/// What one dispatch has written.
struct Written {
  std::string place;  ///< "3 on n1"
  std::string out, err;
  bool out_is_cut = false, err_is_cut = false;
};
/// By "EXECUTION-VISIT-COUNT".
using Logs = std::map<std::string, Written>;

/// Keeps the end of a text that goes on.
void append_end(std::string& text, bool& is_cut, std::string_view line) {
  constexpr std::size_t kMostBytes = std::size_t{64} << 10;
  text += line;
  if (text.size() > 2 * kMostBytes) {
    const std::size_t from = text.find('\n', text.size() - kMostBytes);
    text.erase(0, from == std::string::npos ? text.size() - kMostBytes : from + 1);
    is_cut = true;
  }
}

work::DispatchId dispatch_id(const report::TaskStory& story, const report::Dispatch& dispatch) {
  work::DispatchId id = story.visit;
  id.count = dispatch.count;
  return id;
}

Result<Logs> read_logs(const std::string& run_folder, const report::Stories& stories) {
  Logs logs;
  for (const report::TaskStory& story : stories.told) {
    for (const report::Dispatch& dispatch : story.dispatches) {
      logs[work::dispatch_text(dispatch_id(story, dispatch))];
    }
  }
  const auto paths = TRY(list_logs(run_folder));
  for (const auto& path : paths) {
    Written* written = nullptr;
    const auto done =
        LogReader(path).read(true, [&](const worker::LogHeader& header, std::string_view line, bool is_header) {
          if (is_header) {
            const auto found = logs.find(header.dispatch);
            written = found == logs.end() ? nullptr : &found->second;
            if (written != nullptr) {
              written->place = header.place;
            }
          } else if (written != nullptr && header.is_stdout) {
            append_end(written->out, written->out_is_cut, line);
          } else if (written != nullptr && !header.is_failure) {
            append_end(written->err, written->err_is_cut, line);
          }
        });
    TRY(done);
  }
  return logs;
}

std::string payload(const Value& value) {
  std::string scratch;
  return report::one_line(value.text(scratch), kMostPayload);
}

class Writer {
 public:
  Writer(const report::RunFiles& run, const report::RunStatus& status, const report::Stories& stories,
         const service::Plan& plan, Logs logs)
      : run_(run),
        status_(status),
        stories_(stories),
        integrations_(plan.jobs.jobs),
        logs_(std::move(logs)),
        folders_(report::list_task_folders(run)) {}

  std::string text() {
    for (const report::TaskStory& story : stories_.told) {
      text_ += text_.empty() ? "" : "\n";
      tell(story);
    }
    return std::move(text_);
  }

 private:
  void line(std::string_view label, std::string_view value) { text_ += fmt::format("  {:<10} {}\n", label, value); }

  void tell(const report::TaskStory& story) {
    const asl::State& state = stories_.machine->state(story.state);
    text_ += fmt::format("{}: {}\n", report::place_name(*stories_.machine, story.state, story.item), standing(story));
    line("entered", report::local_time_ms(story.entered));
    line("input", payload(story.input));
    if (!story.dispatches.empty()) {
      tell_job(story, std::get<asl::Task>(state.detail));
    }
    for (const report::Dispatch& dispatch : story.dispatches) {
      tell(story, dispatch);
    }
    if (story.left) {
      const std::string to = story.next == asl::StateId::none ? "the end" : stories_.machine->state(story.next).name;
      line("then", fmt::format("{}went on to {} at {}", story.caught ? "was caught, " : "", to,
                               report::local_time_ms(*story.left)));
      line("output", payload(story.output));
    }
  }

  std::string standing(const report::TaskStory& story) const {
    if (story.dispatches.empty()) {
      return story.left || story.failed ? "FAILED before it was dispatched" : "on its way to be dispatched";
    }
    const report::Dispatch& last = story.dispatches.back();
    const std::size_t count = story.dispatches.size();
    std::string text = status_of(story, last);
    text += last.error ? " " + report::one_line(*last.error, kMostPayload) : "";
    text += count > 1 ? fmt::format(" after {} dispatches", count) : "";
    return story.caught ? text + ", caught" : text;
  }

  /// As far as it is known who runs what.
  std::string status_of(const report::TaskStory& story, const report::Dispatch& dispatch) const {
    if (dispatch.retried_at && &dispatch == &story.dispatches.back()) {
      return fmt::format("{}, to be tried again at {}", dispatch.status, report::local_time(*dispatch.retried_at));
    }
    if (dispatch.status != "OPEN") {
      return std::string(dispatch.status);
    }
    if (status_.tally.chosen->status != engine::Status::running) {
      return "ABORTED";
    }
    const bool is_live = status_.owner.life != journal::Life::ended;
    const bool is_known = status_.running && status_.running->is_known();
    const bool has_begun = !is_known || status_.running->find(dispatch_id(story, dispatch)) != nullptr;
    return !has_begun ? "QUEUED" : is_live ? "RUNNING" : "INTERRUPTED";
  }

  void tell_job(const report::TaskStory& story, const asl::Task& detail) {
    const report::Dispatch& last = story.dispatches.back();
    const work::DispatchId id = dispatch_id(story, last);
    if (detail.resource.kind == asl::ResourceKind::activity && !story.token.empty()) {
      line("activity", detail.resource.action);
      return;
    }
    const auto resolved = integrations_.resolve(detail.resource, story.parameters, id);
    if (!resolved) {
      line("job", fmt::format("none: {}: {}", resolved.error().error, resolved.error().cause));
      return;
    }
    const work::Job& job = integrations_.jobs()[static_cast<std::size_t>(resolved->job)];
    line("job", fmt::format("{}: {}", job.resource, service::describe_job(job)));
    work::Task task;
    task.id = id;
    task.execution_name = stories_.name;
    task.state_name = stories_.machine->state(story.state).name;
    task.item_index = story.item ? static_cast<std::int64_t>(*story.item) : -1;
    task.attempt = last.attempt;
    task.task_token = story.token;
    const auto stands = folders_.find(work::visit_text(id));
    std::error_code error;
    const std::string run_folder = std::filesystem::absolute(run_.folder, error).lexically_normal().string();
    const std::string folder = run_folder + "/tasks/" + worker::task_folder_name(task);
    const std::vector<std::string> environment = environment_of(task, last, folder, run_folder);
    const bool is_process = job.kind == work::JobKind::exec || job.kind == work::JobKind::stream;
    if (is_process) {
      line("command", command(job, *resolved, environment, run_folder, folder));
    } else {
      line("given", payload(resolved->input));
    }
    line("folder", stands != folders_.end() ? folder : folder + " (nothing was left in it)");
    if (story.timeout_seconds || story.heartbeat_seconds) {
      const auto limit = [](std::string_view name, const std::optional<std::int64_t>& seconds) {
        return seconds ? fmt::format("{} {} s", name, *seconds) : std::string();
      };
      const std::string both = story.timeout_seconds && story.heartbeat_seconds ? ", " : "";
      line("limits", limit("timeout", story.timeout_seconds) + both + limit("heartbeat", story.heartbeat_seconds));
    }
    for (const std::string& variable : environment) {
      line(&variable == &environment.front() ? "variables" : "", variable);
    }
  }

  /// What the task is told beyond the environment of whoever runs it.
  std::vector<std::string> environment_of(const work::Task& task, const report::Dispatch& last,
                                          const std::string& folder, const std::string& run_folder) const {
    worker::RunSettings settings;
    settings.run_folder = run_folder;
    settings.run_id = stories_.name;
    const std::string& place = written(task.id).place;
    const std::size_t host = place.find(" on ");
    constexpr std::size_t kOn = 4;
    const char* const nothing = nullptr;
    std::vector<std::string> variables = worker::shared_environment(
        &nothing, settings,
        {last.usage ? last.usage->rank : 0, host == std::string::npos ? "" : place.substr(host + kOn)});
    std::erase(variables, "LOCKSTEP_HOST=");
    const std::vector<std::string> own = worker::task_environment(task, folder);
    variables.insert(variables.end(), own.begin(), own.end());
    return variables;
  }

  const Written& written(const work::DispatchId& id) const {
    static const Written none;
    const auto found = logs_.find(work::dispatch_text(id));
    return found == logs_.end() ? none : found->second;
  }

  /// Runs the same program in the same folder with the same input.
  static std::string command(const work::Job& job, const integrations::Resolved& resolved,
                             const std::vector<std::string>& environment, const std::string& run_folder,
                             const std::string& task_folder) {
    const auto command = worker::command_of(job, resolved.input, resolved.environment, run_folder, task_folder);
    if (!command) {
      return "none: Lockstep.BadArguments: " + command.error();
    }
    std::string text = fmt::format("mkdir -p {} && cd {} && env", shell_word(task_folder), shell_word(command->folder));
    for (const auto* variables : {&environment, &command->environment}) {
      for (const std::string& variable : *variables) {
        const std::size_t value = variable.find('=') + 1;
        text += fmt::format(" {}{}", variable.substr(0, value), shell_word(variable.substr(value)));
      }
    }
    text += " " + shell_line(command->argv);
    std::string scratch;
    const std::string_view given = resolved.input.text(scratch);
    return text + (given.size() > kMostTyped
                       ? fmt::format(" < FILE  (with its input, {} bytes)", report::grouped(given.size()))
                       : " <<< " + shell_word(given));
  }

  void tell(const report::TaskStory& story, const report::Dispatch& dispatch) {
    const work::DispatchId id = dispatch_id(story, dispatch);
    const Written& written = this->written(id);
    text_ += fmt::format("  attempt {}, dispatch {}: {}{}\n", dispatch.attempt + 1, dispatch.count,
                         status_of(story, dispatch),
                         dispatch.error ? " " + report::one_line(*dispatch.error, kMostPayload) : "");
    note("dispatched " + report::local_time_ms(dispatch.scheduled));
    const work::BegunTask* begun = status_.running && !dispatch.ended ? status_.running->find(id) : nullptr;
    const std::optional<Timestamp> started = begun != nullptr ? std::optional(begun->started) : dispatch.started;
    if (started) {
      const std::string where = !written.place.empty() ? " on rank " + written.place
                                : begun != nullptr     ? fmt::format(" on rank {}", begun->rank)
                                : dispatch.usage       ? fmt::format(" on rank {}", dispatch.usage->rank)
                                                       : "";
      note(fmt::format("began {}{}", report::local_time_ms(*started), where));
    }
    if (dispatch.ended) {
      note(fmt::format("ended {} after {}", report::local_time_ms(*dispatch.ended),
                       report::duration(dispatch.ended->us - started.value_or(dispatch.scheduled).us)));
    }
    if (dispatch.usage) {
      note(fmt::format(
          "used {} of CPU{}", report::duration(dispatch.usage->cpu_us),
          dispatch.usage->max_rss_kib > 0
              ? fmt::format(", {} MiB",
                            report::grouped(static_cast<std::uint64_t>(dispatch.usage->max_rss_kib + 1023) / 1024))
              : ""));
    }
    if (dispatch.status == "SUCCEEDED") {
      note("result " + payload(dispatch.result));
    }
    if (dispatch.cause) {
      // The rest of it is how stdout and stderr ended.
      const bool is_below = !written.out.empty() || !written.err.empty();
      block("cause", is_below ? dispatch.cause->substr(0, dispatch.cause->find('\n')) : *dispatch.cause, false);
    }
    block("stdout", written.out, written.out_is_cut);
    block("stderr", written.err, written.err_is_cut);
    if (dispatch.retried_at) {
      note("tried again at " + report::local_time_ms(*dispatch.retried_at));
    }
    if (dispatch.worker) {
      note(fmt::format("taken by {}", dispatch.worker->empty() ? "a worker without a name" : *dispatch.worker));
    }
    if (dispatch.status == "WAITING") {
      note(fmt::format("answered by: lockstep send-task-success --dir {} --task-token {} --task-output JSON",
                       shell_word(run_.folder), story.token));
    }
  }

  void note(std::string_view text) { text_ += fmt::format("    {}\n", text); }

  /// The last lines of a text, each behind a bar.
  void block(std::string_view label, std::string_view text, bool is_cut) {
    if (text.empty()) {
      return;
    }
    std::vector<std::string_view> lines;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      lines.push_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    const std::size_t first = lines.size() - std::min(lines.size(), kMostLines);
    note(fmt::format("{}:{}", label, first > 0 || is_cut ? " … (its end)" : ""));
    for (std::size_t i = first; i < lines.size(); ++i) {
      text_ += fmt::format("    | {}\n", report::one_line(lines[i], SIZE_MAX));
    }
  }

  const report::RunFiles& run_;
  const report::RunStatus& status_;
  const report::Stories& stories_;
  const integrations::Integrations integrations_;
  const Logs logs_;
  const std::unordered_map<std::string, std::string> folders_;
  std::string text_;
};

}  // namespace

Result<std::string> explain_tasks(const report::RunFiles& run, const report::RunStatus& status,
                                  const report::Stories& stories) {
  const auto folder = service::RunFolder::existing(run.folder);
  auto plan = folder ? plan_of(*folder) : tl::unexpected<Error>(folder.error());
  auto logs = read_logs(run.folder, stories);
  if (!plan || !logs) {
    return tl::unexpected<Error>(plan ? logs.error() : plan.error());
  }
  return Writer(run, status, stories, *plan, *std::move(logs)).text();
}

}  // namespace lockstep::cli
