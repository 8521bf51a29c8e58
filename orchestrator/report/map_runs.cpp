#include "report/map_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/snapshot.hpp"
#include "journal/bring_back.hpp"
#include "report/format.hpp"
#include "report/kinds.hpp"

namespace lockstep::report {

namespace {

using engine::ChildFate;
using Json = nlohmann::ordered_json;
using PlaceOfStrand = std::pair<engine::ExecutionId, engine::StrandId>;

/// A Map Run, and what has become of its children by number.
struct Followed {
  MapRunView view;
  std::vector<engine::MapRunChild> children;
  std::vector<ChildFate> fates;
};

std::uint64_t& count_of(MapRunCounts& counts, ChildFate fate) {
  switch (fate) {
    case ChildFate::succeeded:
      return counts.succeeded;
    case ChildFate::failed:
      return counts.failed;
    case ChildFate::timed_out:
      return counts.timed_out;
    case ChildFate::aborted:
      return counts.aborted;
    case ChildFate::again:
      return counts.pending_redrive;
    case ChildFate::open:
      break;
  }
  return counts.pending;
}

/// Follows the Events of all Map Runs. One at a time is at work in a strand.
class Follower {
 public:
  explicit Follower(const RunFiles& run) : run_(run) {}

  Result<std::vector<Followed>> follow(const journal::ReadOptions& options) {
    auto reader = TRY(journal::EventReader::open(run_.journal, options));
    while (const auto row = TRY(reader.next_row())) {
      switch (kind_of(*row)) {
        case EventKind::map_started:
        case EventKind::map_run_started:
        case EventKind::map_run_redriven:
        case EventKind::map_run_progress:
        case EventKind::map_run_changed:
        case EventKind::map_run_succeeded:
        case EventKind::map_run_failed:
        case EventKind::map_run_aborted:
        case EventKind::execution_redriven: {
          const engine::Event event = TRY(reader.decode());
          TRY(take(event));
          break;
        }
        default:
          break;
      }
    }
    return std::move(runs_);
  }

 private:
  Result<void> take(const engine::Event& event) {
    const PlaceOfStrand place{event.execution, event.strand};
    if (const auto* redriven = std::get_if<engine::ExecutionRedriven>(&event.body)) {
      if (redriven->machine != nullptr) {
        machines_[event.execution] = redriven->machine;
      }
      return {};
    }
    if (const auto* started = std::get_if<engine::MapStarted>(&event.body)) {
      items_[place] = started->items;
      return {};
    }
    if (const auto* started = std::get_if<engine::MapRunStarted>(&event.body)) {
      return begin(event, *started);
    }
    const auto known = at_work_.find(place);
    if (known == at_work_.end()) {
      return {};
    }
    Followed& run = runs_[known->second];
    MapRunView& view = run.view;
    const auto end = [&](engine::Status status) {
      view.status = status;
      view.stopped = event.time;
    };
    if (const auto* redriven = std::get_if<engine::MapRunRedriven>(&event.body)) {
      end(engine::Status::running);
      view.stopped.reset();
      view.redriven = event.time;
      view.redrives = redriven->redrives;
      for (ChildFate& fate : run.fates) {
        fate = engine::is_settled(fate) && fate != ChildFate::succeeded ? ChildFate::again : fate;
      }
    } else if (const auto* progress = std::get_if<engine::MapRunProgress>(&event.body)) {
      take(run, *progress);
    } else if (const auto* changed = std::get_if<engine::MapRunChanged>(&event.body)) {
      view.plan = engine::plan_of(changed->parameters);
    } else if (std::holds_alternative<engine::MapRunSucceeded>(event.body)) {
      end(engine::Status::succeeded);
    } else if (std::holds_alternative<engine::MapRunFailed>(event.body)) {
      end(engine::Status::failed);
    } else if (std::holds_alternative<engine::MapRunAborted>(event.body)) {
      end(engine::Status::aborted);
    }
    return {};
  }

  Result<void> begin(const engine::Event& event, const engine::MapRunStarted& started) {
    Followed run;
    run.view.arn = started.arn;
    run.view.execution = event.execution;
    run.view.state = event.state;
    run.view.started = event.time;
    run.view.plan = engine::plan_of(started.parameters);
    run.view.note = Value::empty_object();
    run.view.items = items_[{event.execution, event.strand}];
    const auto parent =
        TRY(find_execution(run_, Choice(fmt::format("{}", static_cast<std::uint64_t>(event.execution)), "")));
    if (parent) {
      const auto& body = std::get<engine::ExecutionStarted>(parent->started.body);
      run.view.execution_arn = body.identity->arn();
      run.view.machine = body.machine;
    }
    if (const auto changed = machines_.find(event.execution); changed != machines_.end()) {
      run.view.machine = changed->second;
    }
    at_work_[{event.execution, event.strand}] = runs_.size();
    runs_.push_back(std::move(run));
    return {};
  }

  static void take(Followed& run, const engine::MapRunProgress& progress) {
    for (const engine::MapRunChild& child : progress.children) {
      if (run.fates.size() <= child.number) {
        run.fates.resize(child.number + 1);
        run.children.resize(child.number + 1);
      }
      run.fates[child.number] = engine::fate_of(child.status);
      run.children[child.number] = {child.number, child.items, child.status, Value(), child.first};
    }
    if (progress.note) {
      run.view.note = *progress.note;
    }
  }

  const RunFiles& run_;
  std::vector<Followed> runs_;
  std::map<PlaceOfStrand, std::size_t> at_work_;  // in runs_: the last of that strand
  std::map<PlaceOfStrand, Value> items_;
  std::map<engine::ExecutionId, asl::StateMachinePtr> machines_;  // that redrives have named
};

std::optional<std::uint64_t> number_in(const Value& note, std::string_view key) {
  const Node* node = note.node().find(key);
  return node == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(node->as_integer().value_or(0)));
}

/// Of the children that are over; what runs was counted before.
void count(Followed& run) {
  MapRunView& view = run.view;
  for (std::size_t i = 0; i < run.fates.size(); ++i) {
    if (run.fates[i] != ChildFate::open) {
      count_of(view.item_counts, run.fates[i]) += run.children[i].items;
      ++count_of(view.child_counts, run.fates[i]);
    }
    if (run.fates[i] == ChildFate::succeeded) {
      view.succeeded.emplace_back(run.children[i].first, run.children[i].items);
    }
  }
  std::sort(view.succeeded.begin(), view.succeeded.end());
  // What is redriven now waits for it no longer.
  const auto take_out = [](MapRunCounts& counts) {
    const std::uint64_t known = counts.total() - counts.running;
    counts.pending_redrive -= std::min(counts.pending_redrive, counts.running);
    return known;
  };
  const std::uint64_t items_known = take_out(view.item_counts);
  const std::uint64_t children_known = take_out(view.child_counts);
  const auto rest = [](MapRunCounts& counts, std::uint64_t known, std::optional<std::uint64_t> total) {
    const std::uint64_t without = std::max(known, counts.total());
    counts.pending = total && *total > without ? *total - without : 0;
  };
  const auto total = number_in(view.note, "total");
  const auto& map = std::get<asl::Map>(view.machine->state(view.state).detail);
  const std::optional<std::uint64_t> in_state = map.reader ? std::nullopt : std::optional(view.items.node().size());
  rest(view.item_counts, items_known, total ? total : in_state);
  rest(view.child_counts, children_known,
       view.plan.batched ? number_in(view.note, "children")
       : total           ? total
                         : in_state);
  if (view.status != engine::Status::running || map.writer) {
    view.written =
        view.item_counts.succeeded + view.item_counts.failed + view.item_counts.timed_out + view.item_counts.aborted;
  }
}

Json to_json(const MapRunCounts& counts, std::uint64_t written) {
  Json json;
  json["pending"] = counts.pending;
  json["running"] = counts.running;
  json["succeeded"] = counts.succeeded;
  json["failed"] = counts.failed;
  json["timedOut"] = counts.timed_out;
  json["aborted"] = counts.aborted;
  json["total"] = counts.total();
  json["resultsWritten"] = written;
  if (counts.pending_redrive > 0) {
    json["pendingRedrive"] = counts.pending_redrive;
  }
  return json;
}

std::string to_text(const MapRunCounts& counts) {
  std::string text;
  const auto add = [&](std::uint64_t count, const char* what) {
    text += count == 0 ? "" : fmt::format("{}{} {}", text.empty() ? "" : ", ", what, grouped(count));
  };
  add(counts.succeeded, "succeeded");
  add(counts.failed, "failed");
  add(counts.timed_out, "timed out");
  add(counts.aborted, "aborted");
  add(counts.running, "running");
  add(counts.pending_redrive, "to be redriven");
  add(counts.pending, "pending");
  return fmt::format("{}{}{}", grouped(counts.total()), text.empty() ? "" : ": ", text);
}

/// Since 1970, to the millisecond.
double seconds(Timestamp time) {
  const std::int64_t milliseconds = time.us / 1'000;
  return static_cast<double>(milliseconds) / 1'000;
}

}  // namespace

Result<std::vector<MapRunView>> read_map_runs(const RunFiles& run, const std::string& execution) {
  journal::ReadOptions options;
  if (!execution.empty()) {
    const Choice choice(execution, run.name);
    const auto found = TRY(find_execution(run, choice));
    if (!found) {
      return tl::unexpected<Error>(choice.nothing_found(run.folder));
    }
    options.execution = found->started.execution;
    options.from = found->first;
    options.until = found->last;
  }
  auto runs = TRY(Follower(run).follow(options));
  engine::Engine engine(engine::Limits::hpc());
  TRY(journal::bring_back(journal::posix_files(), run.journal, engine));
  for (const engine::ExecutionId id : engine::Snapshot::executions(engine)) {
    const engine::Execution& child = *engine.find(id);
    const engine::ChildOrigin* origin = child.origin.child.get();
    const engine::Children* map = origin != nullptr && origin->parent ? engine.find_map_run(*origin->parent) : nullptr;
    if (map == nullptr || child.status != engine::Status::running) {
      continue;
    }
    const auto its =
        std::find_if(runs.rbegin(), runs.rend(), [&](const Followed& one) { return one.view.arn == map->run->arn; });
    if (its != runs.rend()) {
      const Node* batch = its->view.plan.batched ? child.input.node().find("Items") : nullptr;
      its->view.item_counts.running += batch == nullptr ? 1 : batch->size();
      ++its->view.child_counts.running;
    }
  }
  std::vector<MapRunView> views;
  for (Followed& one : runs) {
    const engine::Execution* parent = engine.find(one.view.execution);
    if (one.view.status == engine::Status::running &&
        (parent == nullptr || parent->status != engine::Status::running)) {
      one.view.status = engine::Status::aborted;  // it went with its execution
    }
    if (one.view.machine != nullptr) {
      count(one);
      views.push_back(std::move(one.view));
    }
  }
  return views;
}

std::string map_run_json(const MapRunView& view) {
  Json json;
  json["mapRunArn"] = view.arn;
  json["executionArn"] = view.execution_arn;
  json["status"] = to_string(view.status);
  json["startDate"] = seconds(view.started);
  if (view.stopped) {
    json["stopDate"] = seconds(*view.stopped);
  }
  json["maxConcurrency"] = view.plan.max_concurrency;
  json["toleratedFailurePercentage"] = view.plan.tolerated_percentage.value_or(0);
  json["toleratedFailureCount"] = view.plan.tolerated_count.value_or(0);
  json["itemCounts"] = to_json(view.item_counts, view.written);
  const bool all_written = view.written > 0;
  const MapRunCounts& children = view.child_counts;
  json["executionCounts"] =
      to_json(children, all_written ? children.succeeded + children.failed + children.timed_out + children.aborted : 0);
  json["redriveCount"] = view.redrives;
  if (view.redriven) {
    json["redriveDate"] = seconds(*view.redriven);
  }
  return json.dump();
}

std::string map_run_text(const MapRunView& view) {
  const auto& state = view.machine->state(view.state);
  std::string text = fmt::format("{}\n  {}: {} since {}", view.arn, one_line(state.name, kMostName),
                                 to_string(view.status), local_time(view.started));
  text += view.stopped ? fmt::format(", until {}", local_time(*view.stopped)) : "";
  text += view.redrives > 0 ? fmt::format(", redriven {}", counted(view.redrives, "time")) : "";
  text += fmt::format("\n  items {}", to_text(view.item_counts));
  if (view.plan.batched) {
    text += fmt::format("\n  children {}", to_text(view.child_counts));
  }
  text += fmt::format("\n  concurrency {}, tolerated failures ",
                      view.plan.max_concurrency == 0 ? "unlimited" : grouped(view.plan.max_concurrency));
  if (view.plan.tolerated_percentage) {
    text += fmt::format("{} %{}", *view.plan.tolerated_percentage, view.plan.tolerated_count ? " or " : "");
  }
  if (view.plan.tolerated_count || !view.plan.tolerated_percentage) {
    text += grouped(static_cast<std::uint64_t>(view.plan.tolerated_count.value_or(0)));
  }
  return text + "\n";
}

}  // namespace lockstep::report
