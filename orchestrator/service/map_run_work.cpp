#include "service/map_run_work.hpp"

#include <sys/stat.h>

#include "engine/decider.hpp"
#include "value/builder.hpp"
#include "value/random.hpp"
#include "value/uuid.hpp"

namespace lockstep::service {

namespace {

using engine::ChildFate;
using map_run::ChildStatus;
using map_run::Transformation;

/// As many items as one look at the source may skip, or write as pending, before others get their turn.
constexpr std::size_t kItemsAtOnce = 1000;
/// Of inputs of children that live: no more begin while there are so many.
constexpr std::size_t kMostLiveBytes = std::size_t{256} * 1024 * 1024;

std::string text_at(const std::optional<Value>& object, std::string_view key) {
  const Node* node = object && object->node().is_object() ? object->node().find(key) : nullptr;
  return node != nullptr && node->is_string() ? std::string(node->as_string()) : std::string();
}

constexpr ChildStatus status_of(engine::Status status) {
  return static_cast<ChildStatus>(status);
}
constexpr engine::Status status_of(ChildStatus status) {
  return static_cast<engine::Status>(status);
}
static_assert(status_of(engine::Status::running) == ChildStatus::pending &&
              status_of(engine::Status::succeeded) == ChildStatus::succeeded &&
              status_of(engine::Status::failed) == ChildStatus::failed &&
              status_of(engine::Status::timed_out) == ChildStatus::timed_out &&
              status_of(engine::Status::aborted) == ChildStatus::aborted);

Value position_value(const map_run::ResultFiles::Position& position) {
  Builder out;
  out.begin_array();
  for (const auto& shard : position.shards) {
    out.begin_array();
    out.integer(shard.number);
    out.integer(static_cast<std::int64_t>(shard.bytes));
    out.integer(shard.first);
    out.end_array();
  }
  out.end_array();
  return out.finish();
}

map_run::ResultFiles::Position position_of(const Node* written) {
  map_run::ResultFiles::Position position;
  const auto number = [](const Node& node) { return static_cast<std::uint64_t>(node.as_integer().value_or(0)); };
  for (std::size_t i = 0; written != nullptr && i < std::min(written->size(), position.shards.size()); ++i) {
    const Node& shard = written->at(i);
    position.shards[i] = {static_cast<std::uint32_t>(number(shard.at(0))), number(shard.at(1)),
                          static_cast<std::uint32_t>(number(shard.at(2)))};
  }
  return position;
}

}  // namespace

Result<std::unique_ptr<map_run::ItemSource>> open_source(const asl::Map& state, const engine::MapRunPlan& plan,
                                                         const Value& items, const map_run::Buckets& buckets,
                                                         const std::string& listing) {
  if (!state.reader) {
    return map_run::items_of(items);
  }
  map_run::Reading reading;
  reading.reader = &*state.reader;
  reading.bucket = text_at(plan.reader, "Bucket");
  reading.key = text_at(plan.reader, "Key");
  reading.prefix = text_at(plan.reader, "Prefix");
  reading.max_items = plan.max_items;
  reading.listing = listing;
  return map_run::open_items(reading, buckets);
}

std::string listing_of(const std::string& folder, const std::string& map_run_arn) {
  return fmt::format("{}/{}.listing", folder, map_run_arn.substr(map_run_arn.rfind(':') + 1));
}

map_run::ResultTarget result_target(const asl::Map& state, const engine::MapRunPlan& plan, const std::string& arn) {
  map_run::ResultTarget target;
  target.bucket = text_at(plan.writer, "Bucket");
  target.prefix = text_at(plan.writer, "Prefix");
  target.map_run_arn = arn;
  target.output = state.writer->output_type == "JSONL"  ? map_run::OutputType::lines
                  : state.writer->output_type == "HDF5" ? map_run::OutputType::hdf5
                                                        : map_run::OutputType::json;
  return target;
}

MapRunWork::MapRunWork(const Parts& parts, engine::DispatchTask dispatch)
    : parts_(parts),
      dispatch_(std::move(dispatch)),
      parameters_(run().parameters),  // not of the dispatch: so that comparing them looks at no content
      plan_(engine::plan_of(parameters_)) {
  MapRunChildName any = name_of(0);
  machine_ = std::make_shared<const engine::MachineIdentity>(engine::MachineIdentity{
      std::move(any.machine_name), std::move(any.machine_arn), dispatch_.execution->machine().role_arn});
  const asl::State& map = dispatch_.machine->state(dispatch_.state);
  if (const auto& writer = state().writer) {
    const bool exports = !writer->resource.empty();
    transformation_ = writer->transformation == "FLATTEN" ? Transformation::flatten
                      : writer->transformation == "NONE" || (exports && writer->transformation.empty())
                          ? Transformation::none
                          : Transformation::compact;
    keeps_results_ = !exports;
  }
  // What nobody can see need not be kept; but where AWS's limits hold, it must not be too large either.
  if (map.language == asl::QueryLanguage::jsonpath && map.result_path.mode == asl::ResultPath::Mode::discard &&
      map.result_selector == nullptr && map.assign == nullptr &&
      parts_.engine.limits().payload_bytes > engine::Limits::aws().payload_bytes) {
    keeps_results_ = false;
  }
  auto source = parts_.items ? Result<std::unique_ptr<map_run::ItemSource>>(map_run::items_of(*parts_.items))
                             : open_source(state(), plan_, children().items, parts_.buckets, listing());
  if (!source) {
    fail("States.ItemReaderFailed", source.error().message);
    return;
  }
  source_ = *std::move(source);
  check_files();
  open_files();
  std::optional<map_run::BatchLimits> limits;
  if (plan_.batched) {
    limits.emplace();
    limits->items = static_cast<std::uint64_t>(plan_.batch_items.value_or(0));
    limits->bytes = static_cast<std::uint64_t>(plan_.batch_bytes.value_or(0));
    limits->batch_input = plan_.batch_input;
  }
  map_run::Batcher::Select selector;
  if (state().item_selector != nullptr) {
    selector = [this](std::uint64_t index, const map_run::Item& item) { return select(index, item); };
  }
  batcher_ = std::make_unique<map_run::Batcher>(*source_, std::move(selector), std::move(limits),
                                                parts_.engine.limits().payload_bytes);
  for (const Value& result : children().results) {
    result_bytes_ += result.text_size();
  }
  look_at_threshold();  // it may have been exceeded before a crash
}

std::string MapRunWork::uuid() const {
  const std::string& arn = run().arn;
  return arn.substr(arn.rfind(':') + 1);
}

MapRunChildName MapRunWork::name_of(std::uint64_t child) const {
  constexpr std::string_view kMapRun = ":mapRun:";
  std::string arn = run().arn;
  std::uint64_t seed = text_hash(arn) + mix(child);
  const std::uint64_t high = next_random(seed);
  MapRunChildName name{uuid_text(high, next_random(seed)), arn.substr(0, arn.rfind(':')), {}};
  if (const std::size_t at = name.machine_arn.find(kMapRun); at != std::string::npos) {
    name.machine_name = name.machine_arn.substr(at + kMapRun.size());
    name.machine_arn.replace(at, kMapRun.size(), ":stateMachine:");
  }
  return name;
}

engine::StartExecution MapRunWork::start_of(Child child) const {
  engine::StartExecution start;
  start.identity = std::make_shared<const engine::Identity>(name_of(child.number).name, machine_);
  start.machine = dispatch_.machine;
  start.input = child.batch.input;
  start.origin.type = state().express_children ? engine::ExecutionType::express : engine::ExecutionType::standard;
  start.origin.revision = parts_.engine.find(dispatch_.id.execution)->origin.revision;
  auto origin = std::make_shared<engine::ChildOrigin>();
  origin->parent = dispatch_.id;
  origin->scope = state().processor;
  origin->item =
      engine::MapItem{child.batch.first, child.batch.input, std::move(child.batch.key), std::move(child.batch.source)};
  start.origin.child = std::move(origin);
  return start;
}

/// Where what it lists is kept.
std::string MapRunWork::listing() const {
  if (parts_.folder.empty() || !state().reader) {
    return "";
  }
  ::mkdir(parts_.folder.c_str(), S_IRWXU);  // who writes there finds out
  return listing_of(parts_.folder, run().arn);
}

/// Items are found by their place: where a file was changed since the Map Run began, they would be others.
void MapRunWork::check_files() {
  const std::vector<std::string> files = source_->files();
  if (files.empty()) {
    return;
  }
  auto found = map_run::fingerprint(files);
  if (!found) {
    fail("States.ItemReaderFailed", found.error().message);
    return;
  }
  const auto& note = run().note;
  const Node* before = note ? note->node().find("read") : nullptr;
  read_ = *std::move(found);
  if (before == nullptr) {
    note_due_ = true;
  } else if (!equal(*before, read_.node())) {
    fail("States.ItemReaderFailed",
         fmt::format("what is read has changed since the Map Run began: it was {} and is {}; put it back as it was, or "
                     "start a new execution",
                     note->part(*before).to_text(), read_.to_text()));
  }
}

void MapRunWork::open_files() {
  const auto& writer = state().writer;
  if (!exports()) {
    if (writer && writer->transformation.empty() && writer->output_type.empty()) {
      fail("States.ResultWriterFailed", "the ResultWriter is empty: it names no Resource and no WriterConfig");
    }
    return;
  }
  map_run::ResultTarget target = result_target(state(), plan_, run().arn);
  target.transformation = transformation_;
  if (parts_.pretends) {
    files_ = map_run::ResultFiles::pretend(std::move(target));
    return;
  }
  const auto& note = run().note;
  auto opened =
      map_run::ResultFiles::open(target, parts_.buckets, position_of(note ? note->node().find("written") : nullptr));
  if (!opened) {
    fail("States.ResultWriterFailed", opened.error().message);
    return;
  }
  files_ = *std::move(opened);
  const Node* round = note ? note->node().find("round") : nullptr;
  if (run().redrives > (round == nullptr ? 0 : round->as_integer().value_or(0))) {
    if (const auto again = files_->begin_again(); !again) {
      fail("States.ResultWriterFailed", again.error().message);
    }
    note_due_ = true;
  }
}

Result<Value> MapRunWork::select(std::uint64_t index, const map_run::Item& item) {
  auto selected = parts_.engine.select_item(dispatch_.id, {index, item.value, item.key, item.source},
                                            parts_.clock.now(), text_hash(run().arn) + mix(index));
  if (!selected) {
    selection_failure_ = Failed{selected.error().error, selected.error().cause};
    return lockstep::fail(ErrorKind::invalid, selected.error().cause);
  }
  return *std::move(selected);
}

/// Nothing: there is no more, or the Map Run has failed.
std::optional<map_run::Batch> MapRunWork::next_batch() {
  auto batch = batcher_->next();
  if (!batch) {
    exhausted_ = true;
    if (selection_failure_) {
      fail(std::move(selection_failure_->error), std::move(selection_failure_->cause));
    } else {
      fail("States.ItemReaderFailed", batch.error().message);
    }
    return std::nullopt;
  }
  exhausted_ = !*batch;
  return *std::move(batch);
}

bool MapRunWork::may_begin() const {
  const std::uint32_t most =
      plan_.max_concurrency == 0 ? kMostChildren : std::min(plan_.max_concurrency, kMostChildren);
  return !failure_ && !exhausted_ && live_.size() < most && live_bytes_ < kMostLiveBytes;
}

/// They may have been changed.
void MapRunWork::look_at_settings() {
  if (parameters_ != run().parameters) {
    parameters_ = run().parameters;
    const engine::MapRunPlan now = engine::plan_of(parameters_);
    plan_.max_concurrency = now.max_concurrency;
    plan_.tolerated_count = now.tolerated_count;
    plan_.tolerated_percentage = now.tolerated_percentage;
    look_at_threshold();
  }
}

/// Of the items, as soon as that is known.
std::optional<std::uint64_t> MapRunWork::total() const {
  return exhausted_ && batcher_ != nullptr ? std::optional(batcher_->items())
         : source_ != nullptr              ? source_->size()
                                           : std::nullopt;
}

std::vector<MapRunWork::Child> MapRunWork::begin(std::size_t most) {
  look_at_settings();
  std::vector<Child> children;
  std::size_t looked_at = 0;
  while (may_begin() && children.size() < most && looked_at < most + kItemsAtOnce) {
    auto batch = next_batch();
    if (!batch) {
      look_at_threshold();  // its base is known now
      break;
    }
    ++looked_at;
    const std::uint64_t number = next_++;
    const ChildFate fate = run().fate(number);
    if (engine::is_settled(fate)) {
      continue;
    }
    if (!batch->failure.empty()) {
      fail_child(number, {batch->first, batch->items, batch->input}, {"States.DataLimitExceeded", batch->failure});
      continue;
    }
    live_bytes_ += batch->input.text_size();
    live_.emplace(number, Live{batch->first, batch->items, batch->input});
    children.push_back({number, *std::move(batch), run().redrives > 0});
  }
  if (failure_ && live_.empty()) {
    write_pending(kItemsAtOnce);
  }
  return children;
}

bool MapRunWork::may_go_on() const {
  return may_begin() || (failure_ && live_.empty() && files_ != nullptr && !exhausted_);
}

map_run::ChildRecord MapRunWork::record_of(std::uint64_t child, std::uint64_t first, const Value& input) const {
  map_run::ChildRecord record;
  record.index = first;
  MapRunChildName name = name_of(child);
  record.execution_arn = engine::execution_arn(name.machine_arn, name.name);
  record.machine_arn = std::move(name.machine_arn);
  record.name = std::move(name.name);
  record.input = input;
  record.express = state().express_children;
  return record;
}

std::optional<MapRunWork::Live> MapRunWork::take_live(std::uint64_t child) {
  auto live = live_.extract(child);
  if (!live) {
    return std::nullopt;
  }
  live_bytes_ -= live.mapped().input.text_size();
  return std::move(live.mapped());
}

void MapRunWork::ended(std::uint64_t child, const Description& description, std::uint32_t redrives) {
  const auto live = take_live(child);
  if (!live) {
    return;
  }
  map_run::ChildRecord record = record_of(child, live->first, live->input);
  const engine::EndExecution& end = *description.end;
  record.status = status_of(end.status);
  record.output = end.output;
  record.error = end.error;
  record.cause = end.cause;
  record.started = description.started;
  record.stopped = description.stopped.value_or(description.started);
  record.redrives = redrives;
  settle(child, live->items, std::move(record));
}

void MapRunWork::refused(std::uint64_t child, std::string error, std::string cause) {
  if (const auto live = take_live(child)) {
    fail_child(child, *live, {std::move(error), std::move(cause)});
  }
}

/// It was never begun.
void MapRunWork::fail_child(std::uint64_t child, const Live& what, Failed why) {
  map_run::ChildRecord record = record_of(child, what.first, what.input);
  record.status = ChildStatus::failed;
  record.error = std::move(why.error);
  record.cause = std::move(why.cause);
  record.started = record.stopped = parts_.clock.now();
  settle(child, what.items, std::move(record));
}

void MapRunWork::settle(std::uint64_t child, std::uint64_t items, map_run::ChildRecord record) {
  const bool failed = record.status == ChildStatus::failed || record.status == ChildStatus::timed_out;
  failed_items_ += failed ? items : 0;
  Value result = keeps_results_ && !is_too_large() ? map_run::element_of(record, transformation_) : Value();
  result_bytes_ += result.text_size();
  ended_.push_back({{child, items, status_of(record.status), std::move(result), record.index}, std::move(record)});
  if (failed) {
    look_at_threshold();
  }
}

bool MapRunWork::is_too_large() const {
  return result_bytes_ > parts_.engine.limits().payload_bytes;
}

/// It fails if and only if more than tolerated failed: a share of all items is known when all of them are.
void MapRunWork::look_at_threshold() {
  const std::uint64_t failed = run().items_of(ChildFate::failed) + run().items_of(ChildFate::timed_out) + failed_items_;
  const auto most =
      plan_.tolerated_count || plan_.tolerated_percentage ? plan_.tolerated_count : std::optional<std::int64_t>(0);
  bool exceeded = most && failed > static_cast<std::uint64_t>(*most);
  if (plan_.tolerated_percentage) {
    const auto all = total();
    exceeded = exceeded || (*plan_.tolerated_percentage == 0 && failed > 0) ||
               (all && static_cast<double>(failed) * 100 > *plan_.tolerated_percentage * static_cast<double>(*all));
  }
  if (exceeded) {
    fail("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded");
  }
}

void MapRunWork::fail(std::string error, std::string cause) {
  if (!failure_) {
    failure_ = Failed{std::move(error), std::move(cause)};
    stop_due_ = true;
  }
}

/// What was never started is told of, too, where there are files to tell of it.
void MapRunWork::write_pending(std::size_t most) {
  if (!ended_.empty() || note_due_ || files_ == nullptr) {
    return;  // those first: of these nothing counts before all of them are written
  }
  if (!pending_from_) {
    const auto position = files_->sync();
    if (!position) {
      files_.reset();
      return;
    }
    pending_from_ = position->shards.back();
  }
  while (files_ != nullptr && !exhausted_ && most-- > 0) {
    const auto batch = next_batch();
    if (!batch) {
      break;
    }
    const std::uint64_t number = next_++;
    if (engine::is_settled(run().fate(number))) {
      continue;
    }
    map_run::ChildRecord record = record_of(number, batch->first, batch->input);
    record.status = ChildStatus::pending;
    if (const auto added = files_->add(record); !added) {
      files_.reset();
    }
  }
}

/// What must be known to go on: what was read, and how far the files count now; and for readers how many items, and
/// children, there are.
Result<std::optional<Value>> MapRunWork::write_ended() {
  const auto all = total();
  if (files_ == nullptr && !note_due_ && (total_said_ || !all)) {
    return std::nullopt;
  }
  Builder out;
  out.begin_object();
  if (all) {
    out.key("total");
    out.integer(static_cast<std::int64_t>(*all));
    if (exhausted_) {
      out.key("children");
      out.integer(static_cast<std::int64_t>(next_));
    }
    total_said_ = exhausted_;
  }
  if (read_.node().size() > 0) {
    out.key("read");
    out.value(read_);
  }
  if (files_ != nullptr) {
    for (const Ended& one : ended_) {
      TRY(files_->add(one.record));
    }
    auto position = TRY(files_->sync());
    if (pending_from_) {
      position.shards.back() = *pending_from_;
    }
    out.key("written");
    out.value(position_value(position));
    out.key("round");
    out.integer(run().redrives);
  }
  out.end_object();
  note_due_ = false;
  return out.finish();
}

bool MapRunWork::is_over() const {
  return live_.empty() && ended_.empty() && (exhausted_ || (failure_ && files_ == nullptr));
}

MapRunWork::News MapRunWork::news() {
  News news;
  if (exports() && files_ == nullptr && !ended_.empty()) {
    // What could not be written does not count: after a redrive it is looked at again.
    for (const Ended& one : std::exchange(ended_, {})) {
      news.told.push_back(one.child.number);
    }
    failed_items_ = 0;
    note_due_ = false;
  } else if (!ended_.empty() || note_due_) {
    auto written = write_ended();
    if (!written) {
      files_.reset();
      note_due_ = false;
      fail("States.ResultWriterFailed", written.error().message);
    } else {
      news.report.emplace();
      news.report->id = dispatch_.id;
      news.report->progress.note = *std::move(written);
    }
    for (Ended& one : std::exchange(ended_, {})) {
      news.told.push_back(one.child.number);
      if (news.report) {
        news.report->progress.children.push_back(std::move(one.child));
      }
    }
    failed_items_ = 0;
  } else if (is_over()) {
    news.outcome = outcome();
  }
  return news;
}

std::optional<work::Outcome> MapRunWork::outcome() {
  auto value = result();
  if (!value && !failure_) {
    fail("States.ResultWriterFailed", value.error().message);
  }
  if (keeps_results_ && !failure_ && is_too_large()) {
    fail("States.DataLimitExceeded", engine::too_large(dispatch_.machine->state(dispatch_.state).name));
  }
  if (failure_) {
    return work::failed(dispatch_.id, failure_->error, failure_->cause, parts_.clock.now());
  }
  work::Outcome outcome;
  outcome.id = dispatch_.id;
  outcome.result = *std::move(value);
  outcome.started = outcome.ended = parts_.clock.now();
  return outcome;
}

/// Where it is exported also of what has failed: the files are made whole.
Result<Value> MapRunWork::result() {
  if (files_ != nullptr) {
    return files_->finish();
  }
  map_run::ResultComposer composer(transformation_, state().writer && state().writer->output_type == "JSONL");
  if (keeps_results_ && !failure_ && !is_too_large()) {
    for (const Value& element : children().results) {
      composer.add(element);
    }
  }
  return composer.finish();
}

}  // namespace lockstep::service
