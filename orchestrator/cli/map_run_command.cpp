// map-run: how the Map Runs of a run stand, their settings, and files made of what came of them.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "cli/command_line.hpp"
#include "cli/deliver.hpp"
#include "cli/exit_status.hpp"
#include "map_run/merged_results.hpp"
#include "map_run/remaining_items.hpp"
#include "report/format.hpp"
#include "report/map_runs.hpp"
#include "service/map_run_work.hpp"
#include "service/plan.hpp"
#include "value/number.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace {

struct MapRunOptions {
  std::string map_run;  ///< the end of its ARN, or its state; empty: any
  std::string execution;
  std::vector<std::string> settings;
  std::string remaining;
  std::string merged;
  double wait = 60;
  bool json = false;
};

/// An error (usage): what was said is no setting.
Result<void> put_setting(const std::string& setting, service::UpdateMapRun& update) {
  const std::size_t sign = setting.find('=');
  const std::string name = setting.substr(0, sign);
  const std::string text = sign == std::string::npos ? "" : setting.substr(sign + 1);
  const auto number = [&](auto& into, auto most, const char* what) -> Result<void> {
    const auto value = parse_whole<decltype(most)>(text);
    if (!value || !(*value >= 0 && *value <= most)) {
      return fail(ErrorKind::usage, fmt::format("--set {} takes {}, not '{}'", name, what, text));
    }
    into = *value;
    return {};
  };
  if (name == "maxConcurrency") {
    return number(update.max_concurrency, UINT32_MAX, "a whole number; 0 is no limit");
  }
  if (name == "toleratedFailureCount") {
    return number(update.tolerated_count, INT64_MAX, "a whole number");
  }
  if (name == "toleratedFailurePercentage") {
    return number(update.tolerated_percentage, 100.0, "a number from 0 to 100");
  }
  return fail(ErrorKind::usage,
              fmt::format("--set takes maxConcurrency=N, toleratedFailureCount=N or toleratedFailurePercentage=P, not "
                          "'{}'",
                          setting));
}

bool is_meant(const report::MapRunView& view, const std::string& wanted) {
  const std::string label = view.arn.substr(view.arn.find('/') + 1);
  return wanted.empty() || view.arn == wanted || view.arn.ends_with(":" + wanted) ||
         label.substr(0, label.rfind(':')) == wanted || view.machine->state(view.state).name == wanted;
}

/// The one that a change, or a file, is about.
Result<const report::MapRunView*> the_one(const std::vector<report::MapRunView>& views, const std::string& folder) {
  if (views.size() == 1) {
    return &views.front();
  }
  if (views.empty()) {
    return fail(ErrorKind::usage, fmt::format("{} has no such Map Run", folder));
  }
  return fail(ErrorKind::usage,
              fmt::format("{} has {} Map Runs: say which, by its ARN or the UUID at its end (`lockstep map-run {}`)",
                          folder, views.size(), folder));
}

Result<map_run::Buckets> buckets_of(const service::RunFolder& folder) {
  auto request = TRY(folder.load());
  auto plan = TRY(service::make_house_plan(std::move(request), "jobs.json"));  // which may name buckets, too
  return map_run::Buckets{std::move(plan.jobs.buckets), std::move(plan.jobs.bucket_root)};
}

const asl::Map& state_of(const report::MapRunView& view) {
  return std::get<asl::Map>(view.machine->state(view.state).detail);
}

/// Whether an item is none of those whose children have succeeded; asked in order.
class Remains {
 public:
  explicit Remains(const report::MapRunView& view) : view_(view) {}
  bool operator()(std::uint64_t index) {
    while (at_ < view_.succeeded.size() && index >= view_.succeeded[at_].first + view_.succeeded[at_].second) {
      ++at_;
    }
    return at_ == view_.succeeded.size() || index < view_.succeeded[at_].first;
  }

 private:
  const report::MapRunView& view_;
  std::size_t at_ = 0;
};

Result<int> write_remaining(const service::RunFolder& folder, const report::MapRunView& view, const std::string& into) {
  if (view.status == engine::Status::running) {
    return fail(ErrorKind::usage, "the Map Run is at work: what remains is known when it is over");
  }
  const map_run::Buckets buckets = TRY(buckets_of(folder));
  const std::string listing = service::listing_of(folder.path() + "/map_runs", view.arn);
  auto source = TRY(service::open_source(state_of(view), view.plan, view.items, buckets,
                                         fs::exists(listing) ? listing : std::string()));
  const auto files = source->files();
  const Node* before = view.note.node().find("read");
  if (before != nullptr && !files.empty() && !equal(*before, TRY(map_run::fingerprint(files)).node())) {
    return fail(ErrorKind::io, "what the Map Run has read was changed since: its items are found by their places");
  }
  std::error_code error;
  fs::create_directories(into, error);
  if (error) {
    return fail(ErrorKind::io, fmt::format("cannot make {}: {}", into, error.message()));
  }
  const auto& reader = state_of(view).reader;
  Remains remains(view);
  const auto written = TRY(map_run::write_remaining_items(
      *source, reader ? &*reader : nullptr, [&](std::uint64_t index) { return remains(index); }, into));
  if (written.items == 0) {
    complain("nothing remains: all items have succeeded");
  } else {
    std::cout << (fs::path(into) / written.name).string() << '\n';
    complain(report::counted(written.items, "item"));
  }
  return kSucceeded;
}

Result<int> merge(const service::RunFolder& folder, const report::MapRunView& view, const std::string& file) {
  if (!state_of(view).writer || state_of(view).writer->resource.empty()) {
    return fail(ErrorKind::usage, "the state has no ResultWriter: its results are the state's output");
  }
  const map_run::Buckets buckets = TRY(buckets_of(folder));
  const auto count =
      TRY(map_run::merge_results(buckets, service::result_target(state_of(view), view.plan, view.arn), file));
  complain(report::counted(count, "result"));
  return kSucceeded;
}

Result<int> show(const std::vector<report::MapRunView>& views, bool json, const std::string& folder) {
  if (json) {
    std::cout << '[';
    for (const report::MapRunView& view : views) {
      std::cout << (&view == &views.front() ? "\n" : ",\n") << report::map_run_json(view);
    }
    std::cout << "\n]\n";
  } else if (views.empty()) {
    complain(fmt::format("{} has no Map Run: none of its Distributed Maps has begun, or it has none", folder));
  }
  for (std::size_t i = 0; !json && i < views.size(); ++i) {
    std::cout << report::map_run_text(views[i]);
  }
  return end_output();
}

Result<int> carry_out(const std::string& path, const MapRunOptions& wanted) {
  const int deeds =
      (wanted.settings.empty() ? 0 : 1) + (wanted.remaining.empty() ? 0 : 1) + (wanted.merged.empty() ? 0 : 1);
  if (deeds > 1) {
    return fail(ErrorKind::usage, "map-run does one thing: --set, --remaining or --merge");
  }
  service::UpdateMapRun update;
  for (const std::string& setting : wanted.settings) {
    TRY(put_setting(setting, update));
  }
  const auto run = TRY(report::open_run_folder(path));
  auto views = TRY(report::read_map_runs(run, wanted.execution));
  std::erase_if(views, [&](const report::MapRunView& view) {
    return !is_meant(view, wanted.map_run) ||
           (!wanted.settings.empty() && wanted.map_run.empty() && view.status != engine::Status::running);
  });
  if (views.empty() && !wanted.map_run.empty() && wanted.settings.empty()) {
    return fail(ErrorKind::usage, fmt::format("{} has no such Map Run: '{}'", path, wanted.map_run));
  }
  if (deeds == 0) {
    return show(views, wanted.json, path);
  }
  const report::MapRunView& view = *TRY(the_one(views, path));
  const auto folder = TRY(service::RunFolder::existing(path));
  if (!wanted.remaining.empty()) {
    return write_remaining(folder, view, wanted.remaining);
  }
  if (!wanted.merged.empty()) {
    return merge(folder, view, wanted.merged);
  }
  if (view.status != engine::Status::running) {
    return fail(ErrorKind::invalid, service::to_text(service::reply_of(engine::Verdict::map_run_is_over)));
  }
  update.map_run = view.arn;
  return deliver(folder, update, wanted.wait);
}

int map_run_command(const Command& self, const Arguments& arguments) {
  RunChoice run;
  MapRunOptions wanted;
  po::options_description shown("options");
  run.add_to(shown);
  shown.add_options()  //
      ("execution", po::value(&wanted.execution)->value_name("N"),
       "only those of this execution: name, ARN or number")                                 //
      ("json", po::bool_switch(&wanted.json), "the documents that DescribeMapRun answers")  //
      ("set", po::value(&wanted.settings)->composing()->value_name("SETTING=N"),
       "of one that is at work: maxConcurrency, toleratedFailureCount or toleratedFailurePercentage; may be "
       "repeated")  //
      ("remaining", po::value(&wanted.remaining)->value_name("FOLDER"),
       "of one that is over: writes the items that did not succeed there, as a file that the same state can read")  //
      ("merge", po::value(&wanted.merged)->value_name("FILE"),
       "writes what its ResultWriter has written of successes into one file: JSON, or lines for a name in .jsonl")  //
      ("wait", po::value(&wanted.wait)->value_name("SECONDS"), "for the answer to --set; 60 unless given");
  TRY_OR_TELL(read_command_line(self, arguments, shown, run.operands()));
  wanted.map_run = run.take_other().value_or("");
  const std::string folder = TRY_OR_TELL(run.folder());
  return TRY_OR_TELL(carry_out(folder, wanted));
}

}  // namespace

const Command kMapRun{
    "map-run",
    "Distributed Maps: counts, settings, what remains",
    "[RUN] [MAPRUN] [OPTION]...",
    "How the Map Runs of a run stand, or stood: items and children by what became of them. MAPRUN is an ARN, the UUID "
    "at "
    "its end, a Label, or a state's name. Without a lock, from any node; --set is a request to whoever holds the run.",
    {{{"lockstep map-run survey-1.lockstep --set maxConcurrency=64", "let fewer children run at once from now on"},
      {"lockstep map-run survey-1.lockstep Measure --remaining again",
       "the items that failed, as another run's input"}}},
    map_run_command};

}  // namespace lockstep::cli
