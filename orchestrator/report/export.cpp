#include "report/export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

#include "engine/history.hpp"
#include "journal/lease.hpp"
#include "report/kinds.hpp"
#include "report/run_state.hpp"

namespace lockstep::report {

namespace {

constexpr const char* kCsvHeader =
    "execution,state,item,attempt,dispatch,scheduled,started,ended,seconds,status,error,cause,result_bytes,rank,"
    "cpu_seconds,max_rss_kib,folder\r\n";

void add_csv_field(std::string& line, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos && !text.starts_with(' ') && !text.ends_with(' ')) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    line += c;
    if (c == '"') {
      line += '"';
    }
  }
  line += '"';
}

std::optional<double> seconds_of(const TaskRow& row) {
  if (!row.ended) {
    return std::nullopt;
  }
  return static_cast<double>(row.ended->us - row.started.value_or(row.scheduled).us) / kMicrosPerSecond;
}

double cpu_seconds(const work::Usage& usage) {
  return static_cast<double>(usage.cpu_us) / kMicrosPerSecond;
}

std::string csv_line(const TaskRow& row) {
  const auto time = [](const std::optional<Timestamp>& at) { return at ? format_timestamp(*at) : std::string(); };
  const auto seconds = seconds_of(row);
  const std::string fields[] = {row.execution,
                                row.state,
                                row.item ? std::to_string(*row.item) : "",
                                std::to_string(row.attempt),
                                std::to_string(row.id.count),
                                format_timestamp(row.scheduled),
                                time(row.started),
                                time(row.ended),
                                seconds ? fmt::format("{:.6f}", *seconds) : "",
                                std::string(row.status),
                                row.error.value_or(""),
                                row.cause.value_or(""),
                                row.result_bytes ? std::to_string(*row.result_bytes) : "",
                                row.usage ? std::to_string(row.usage->rank) : "",
                                row.usage ? fmt::format("{:.6f}", cpu_seconds(*row.usage)) : "",
                                row.usage && row.usage->max_rss_kib > 0 ? std::to_string(row.usage->max_rss_kib) : "",
                                row.folder};
  std::string line;
  for (const std::string& field : fields) {
    if (&field != &fields[0]) {
      line += ',';
    }
    add_csv_field(line, field);
  }
  return line + "\r\n";
}

std::string json_line(const TaskRow& row) {
  using Json = nlohmann::ordered_json;
  const auto time = [](const std::optional<Timestamp>& at) { return at ? Json(format_timestamp(*at)) : Json(nullptr); };
  const auto seconds = seconds_of(row);
  Json json;
  json["execution"] = row.execution;
  json["state"] = row.state;
  json["item"] = row.item ? Json(*row.item) : Json(nullptr);
  json["attempt"] = row.attempt;
  json["dispatch"] = row.id.count;
  json["scheduled"] = format_timestamp(row.scheduled);
  json["started"] = time(row.started);
  json["ended"] = time(row.ended);
  json["seconds"] = seconds ? Json(*seconds) : Json(nullptr);
  json["status"] = row.status;
  json["error"] = row.error ? Json(*row.error) : Json(nullptr);
  json["cause"] = row.cause ? Json(*row.cause) : Json(nullptr);
  json["result_bytes"] = row.result_bytes ? Json(*row.result_bytes) : Json(nullptr);
  json["rank"] = row.usage ? Json(row.usage->rank) : Json(nullptr);
  json["cpu_seconds"] = row.usage ? Json(cpu_seconds(*row.usage)) : Json(nullptr);
  json["max_rss_kib"] = row.usage && row.usage->max_rss_kib > 0 ? Json(row.usage->max_rss_kib) : Json(nullptr);
  json["folder"] = row.folder.empty() ? Json(nullptr) : Json(row.folder);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// What must be known of a strand to say where its tasks stand.
struct StrandPlace {
  std::optional<std::uint32_t> item;
  std::uint32_t visits = 0;             // of states
  std::uint32_t retries = 0;            // of the state that it is in
  std::vector<std::uint32_t> given_up;  // children, kept for a redrive
};

struct LiveExecution {
  std::string name;
  asl::StateMachinePtr machine;
  std::unordered_map<std::uint32_t, StrandPlace> strands;
  std::map<std::uint32_t, TaskRow> open;  // by strand
};

class Exporter {
 public:
  Exporter(const RunFiles& run, std::unordered_map<std::uint64_t, std::uint64_t> redrives, journal::EventReader& reader,
           ExportFormat format, std::ostream& out)
      : folders_(list_task_folders(run)), redrives_(std::move(redrives)), reader_(reader), format_(format), out_(out) {
    if (format_ == ExportFormat::csv) {
      out_ << kCsvHeader;
    }
  }

  Result<void> take(const journal::Row& row) {
    const EventKind kind = kind_of(row);
    if (kind == EventKind::execution_started) {
      return with_body(row, [&](engine::Event& event) { start(row, event); });
    }
    const auto found = executions_.find(row.execution);
    if (found == executions_.end()) {
      return {};
    }
    LiveExecution& execution = found->second;
    switch (kind) {
      case EventKind::state_entered: {
        StrandPlace& strand = execution.strands[row.strand];
        ++strand.visits;
        strand.retries = 0;
        break;
      }
      case EventKind::state_exited:
        drop_given_up(execution, row.strand);
        break;
      case EventKind::retry_scheduled:
        drop_given_up(execution, row.strand);
        ++execution.strands[row.strand].retries;
        break;
      case EventKind::task_scheduled:
      case EventKind::task_redispatched:
        return with_body(row, [&](engine::Event& event) { schedule(execution, row, event); });
      case EventKind::task_started:
        if (const auto open = execution.open.find(row.strand); open != execution.open.end() && !open->second.started) {
          return with_body(row, [&](engine::Event& event) {
            open->second.started = Timestamp{row.time_us - std::get<engine::TaskStarted>(event.body).earlier_us};
          });
        }
        break;
      case EventKind::task_submitted:
        if (const auto open = execution.open.find(row.strand); open != execution.open.end()) {
          open->second.status = "WAITING";
        }
        break;
      case EventKind::task_succeeded:
      case EventKind::task_failed:
      case EventKind::task_timed_out:
        return with_body(row, [&](engine::Event& event) { end_task(execution, row, event); });
      case EventKind::parallel_started:
      case EventKind::map_iteration_started:
        return with_body(row, [&](engine::Event& event) { start_children(execution, row, event); });
      case EventKind::child_succeeded:
        execution.strands.erase(row.strand);
        break;
      case EventKind::child_failed:
      case EventKind::child_aborted:
        end(execution, row.strand, "ABORTED", row.time_us);
        return with_body(row, [&](engine::Event& event) { give_up(execution, row, event); });
      case EventKind::execution_succeeded:
      case EventKind::execution_failed:
      case EventKind::execution_timed_out:
      case EventKind::execution_aborted:
        end_execution(found, row);
        break;
      case EventKind::execution_redriven:
        for (auto& [id, strand] : execution.strands) {
          strand.retries = 0;
        }
        return with_body(row, [&](engine::Event& event) { follow_machine(execution.machine, event); });
      default:
        break;
    }
    return {};
  }

  void finish(const RunFiles& run) {
    for (auto& [id, execution] :
         std::map(std::make_move_iterator(executions_.begin()), std::make_move_iterator(executions_.end()))) {
      if (execution.open.empty()) {
        continue;
      }
      const journal::OwnerState owner = journal::look_at_owner(run.folder, journal::kWatch);
      const bool is_live = owner.life != journal::Life::ended;
      const Running running(run, engine::ExecutionId{id}, is_live, owner.owner ? owner.owner->epoch : 0);
      for (auto& [strand, row] : execution.open) {
        tell_running(row, running, is_live);
        write(row);
      }
    }
  }

 private:
  using Executions = std::unordered_map<std::uint64_t, LiveExecution>;

  template <class Use>
  Result<void> with_body(const journal::Row& /*row*/, Use use) {
    auto event = TRY(reader_.decode());
    use(event);
    return {};
  }

  /// An open row: what runs and what does not.
  static void tell_running(TaskRow& row, const Running& running, bool is_live) {
    if (row.status == "WAITING") {
      return;
    }
    const work::BegunTask* begun = running.find(row.id);
    if (begun == nullptr && running.is_known()) {
      row.status = "QUEUED";
      return;
    }
    row.status = is_live ? "RUNNING" : "INTERRUPTED";
    if (begun != nullptr) {
      row.started = std::max(begun->started, row.scheduled);  // clocks may differ
      row.usage = work::Usage{0, 0, begun->rank};
    }
  }

  void start(const journal::Row& row, const engine::Event& event) {
    const auto& started = std::get<engine::ExecutionStarted>(event.body);
    LiveExecution& execution = executions_[row.execution];
    execution = LiveExecution{};
    execution.name = started.identity != nullptr ? started.identity->name() : std::to_string(row.execution);
    execution.machine = started.machine;
    execution.strands[0];
  }

  void schedule(LiveExecution& execution, const journal::Row& row, const engine::Event& event) {
    TaskRow task;
    std::uint32_t count = 0;
    if (const auto* scheduled = std::get_if<engine::TaskScheduled>(&event.body)) {
      count = scheduled->count;
    } else if (const auto* again = std::get_if<engine::TaskRedispatched>(&event.body)) {
      count = again->count;
    }
    end(execution, row.strand, "INTERRUPTED", row.time_us);
    const StrandPlace& strand = execution.strands[row.strand];
    task.execution = execution.name;
    task.state = row.state < execution.machine->states.size() ? execution.machine->states[row.state].name : "";
    task.item = strand.item;
    task.attempt = strand.retries;
    task.id = {work::ExecutionId{row.execution}, work::StrandId{row.strand}, strand.visits, count};
    if (!folders_.empty()) {
      const auto folder = folders_.find(work::visit_text(task.id));
      task.folder = folder != folders_.end() ? folder->second : "";
    }
    task.scheduled = Timestamp{row.time_us};
    task.status = "RUNNING";
    execution.open[row.strand] = std::move(task);
  }

  void end_task(LiveExecution& execution, const journal::Row& row, engine::Event& event) {
    const auto open = execution.open.find(row.strand);
    if (open == execution.open.end()) {
      return;
    }
    TaskRow& task = open->second;
    const auto keep_usage = [&](const work::Usage& usage) {
      if (usage != work::Usage()) {
        task.usage = usage;
      }
    };
    if (const auto* succeeded = std::get_if<engine::TaskSucceeded>(&event.body)) {
      task.result_bytes = succeeded->result.text_size();
      keep_usage(succeeded->usage);
      end(execution, row.strand, "SUCCEEDED", row.time_us);
    } else if (auto* failed = std::get_if<engine::TaskFailed>(&event.body)) {
      keep_usage(failed->usage);
      task.error = std::move(failed->error);
      task.cause = std::move(failed->cause);
      end(execution, row.strand, "FAILED", row.time_us);
    } else {
      keep_usage(std::get<engine::TaskTimedOut>(event.body).usage);
      task.error = "States.Timeout";
      end(execution, row.strand, "TIMED_OUT", row.time_us);
    }
  }

  void end(LiveExecution& execution, std::uint32_t strand, std::string_view status, std::int64_t time_us) {
    const auto open = execution.open.find(strand);
    if (open == execution.open.end()) {
      return;
    }
    open->second.status = status;
    open->second.ended = Timestamp{time_us};
    write(open->second);
    execution.open.erase(open);
  }

  void start_children(LiveExecution& execution, const journal::Row& row, const engine::Event& event) {
    if (const auto* iteration = std::get_if<engine::MapIterationStarted>(&event.body)) {
      execution.strands[static_cast<std::uint32_t>(iteration->child)].item = iteration->index;
      return;
    }
    const auto& parallel = std::get<engine::ParallelStarted>(event.body);
    if (row.state >= execution.machine->states.size()) {
      return;
    }
    const auto* detail = std::get_if<asl::Parallel>(&execution.machine->states[row.state].detail);
    const std::optional<std::uint32_t> item = execution.strands[row.strand].item;
    for (std::size_t i = 0; detail != nullptr && i < detail->branches.size(); ++i) {
      execution.strands[static_cast<std::uint32_t>(parallel.first_child) + static_cast<std::uint32_t>(i)].item = item;
    }
  }

  /// A child that failed or was given up may go on after a redrive.
  void give_up(LiveExecution& execution, const journal::Row& row, const engine::Event& event) {
    const auto* failed = std::get_if<engine::ChildFailed>(&event.body);
    const auto* aborted = std::get_if<engine::ChildAborted>(&event.body);
    const engine::StrandId parent = failed != nullptr    ? failed->parent
                                    : aborted != nullptr ? aborted->parent
                                                         : engine::StrandId::none;
    if (const auto found = execution.strands.find(static_cast<std::uint32_t>(parent));
        found != execution.strands.end()) {
      found->second.given_up.push_back(row.strand);
    }
  }

  void drop_given_up(LiveExecution& execution, std::uint32_t strand) {
    const auto found = execution.strands.find(strand);
    if (found == execution.strands.end()) {
      return;
    }
    std::vector<std::uint32_t> gone = std::exchange(found->second.given_up, {});
    while (!gone.empty()) {
      const auto child = execution.strands.find(gone.back());
      gone.pop_back();
      if (child != execution.strands.end()) {
        gone.insert(gone.end(), child->second.given_up.begin(), child->second.given_up.end());
        execution.strands.erase(child);
      }
    }
  }

  void end_execution(Executions::iterator found, const journal::Row& row) {
    LiveExecution& execution = found->second;
    while (!execution.open.empty()) {
      end(execution, execution.open.begin()->first, "ABORTED", row.time_us);
    }
    const auto redrives = redrives_.find(row.execution);
    if (redrives == redrives_.end() || redrives->second == 0) {
      executions_.erase(found);
    } else {
      --redrives->second;
    }
  }

  void write(const TaskRow& row) { out_ << (format_ == ExportFormat::csv ? csv_line(row) : json_line(row)); }

  const std::unordered_map<std::string, std::string> folders_;
  std::unordered_map<std::uint64_t, std::uint64_t> redrives_;  // yet to come, by execution
  journal::EventReader& reader_;
  const ExportFormat format_;
  std::ostream& out_;
  Executions executions_;
};

template <class Take>
Result<void> for_each_row(journal::EventReader& reader, const std::ostream& out, Take take) {
  while (out) {
    const auto row = TRY(reader.next_row());
    if (!row) {
      break;
    }
    if (const Result<void> done = take(*row); !done) {
      return done;
    }
  }
  return {};
}

}  // namespace

Result<void> write_export(const RunFiles& run, ExportFormat format, std::ostream& out) {
  journal::ReadOptions options;
  options.from = 0;
  // An execution that is over is forgotten, unless a redrive is to come.
  std::unordered_map<std::uint64_t, std::uint64_t> redrives;
  auto ahead = journal::EventReader::open(run.journal, options);
  auto reader = journal::EventReader::open(run.journal, options);
  if (!ahead || !reader) {
    return tl::unexpected<Error>(ahead ? reader.error() : ahead.error());
  }
  auto done = for_each_row(*ahead, out, [&](const journal::Row& row) -> Result<void> {
    if (kind_of(row) == EventKind::execution_redriven) {
      ++redrives[row.execution];
    }
    return {};
  });
  if (!done) {
    return done;
  }
  Exporter exporter(run, std::move(redrives), *reader, format, out);
  done = for_each_row(*reader, out, [&](const journal::Row& row) { return exporter.take(row); });
  if (done) {
    exporter.finish(run);
  }
  return done;
}

}  // namespace lockstep::report
