#include "report/run_state.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>

#include "journal/files.hpp"

namespace lockstep::report {

namespace {

using Json = nlohmann::json;

constexpr const char* kName = "/state.json";
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;

}  // namespace

std::string to_json(const RunState& state) {
  Json json;
  json["format"] = 1;
  json["execution"] = static_cast<std::uint64_t>(state.execution);
  json["epoch"] = state.epoch;
  json["since"] = state.since.us;
  json["at"] = state.at.us;
  json["ranBefore"] = state.ran_before;
  json["end"] = state.end ? Json(state.end->us) : Json(nullptr);
  json["slots"] = state.slots;
  json["running"] = state.running;
  Json begun = Json::array();
  for (const work::BegunTask& task : state.begun) {
    begun.push_back({task.id.place(), task.id.count, task.started.us, task.rank});
  }
  json["begun"] = std::move(begun);
  return json.dump();
}

std::optional<RunState> read_run_state(const std::string& run_folder) {
  const auto bytes = journal::read_whole(journal::posix_files(), run_folder + kName, kMostBytes);
  if (!bytes) {
    return std::nullopt;
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  try {
    const Json json = Json::parse(text);
    RunState state;
    if (json.at("format").get<int>() != 1) {
      return std::nullopt;
    }
    state.execution = engine::ExecutionId{json.at("execution").get<std::uint64_t>()};
    state.epoch = json.at("epoch").get<journal::Epoch>();
    state.since.us = json.at("since").get<std::int64_t>();
    state.at.us = json.at("at").get<std::int64_t>();
    state.ran_before = json.at("ranBefore").get<std::int64_t>();
    if (const Json& end = json.at("end"); !end.is_null()) {
      state.end = Timestamp{end.get<std::int64_t>()};
    }
    state.slots = json.at("slots").get<std::uint64_t>();
    state.running = json.at("running").get<std::uint64_t>();
    for (const Json& task : json.at("begun")) {
      state.begun.push_back(
          {work::DispatchId::at(state.execution, task.at(0).get<std::uint64_t>(), task.at(1).get<std::uint32_t>()),
           Timestamp{task.at(2).get<std::int64_t>()}, task.at(3).get<std::uint32_t>()});
    }
    const bool makes_sense = state.since <= state.at && state.ran_before >= 0;
    return makes_sense ? std::optional(std::move(state)) : std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;  // it is for people to see: what cannot be read is not known
  }
}

Result<void> write_run_state(const std::string& run_folder, const RunState& state) {
  journal::FileLayer& files = journal::posix_files();
  const std::string path = run_folder + kName;
  const std::string next = path + ".tmp";
  const std::string text = to_json(state);
  if (const auto removed = files.remove(next); !removed) {
    return removed;
  }
  const auto file = TRY(files.create(next));
  if (const auto written = file->write(std::as_bytes(std::span(text)), 0); !written) {
    return written;
  }
  return files.rename(next, path);
}

Running::Running(const RunFiles& run, engine::ExecutionId execution, bool is_live, journal::Epoch epoch)
    : state_(read_run_state(run.folder)), is_live_(is_live) {
  if (state_ && (state_->execution != execution || (is_live && state_->epoch != epoch))) {
    state_.reset();
  }
  if (state_) {
    for (const work::BegunTask& task : state_->begun) {
      begun_.emplace(task.id, &task);
    }
  }
}

const work::BegunTask* Running::find(const work::DispatchId& id) const {
  const auto found = begun_.find(id);
  return found != begun_.end() ? found->second : nullptr;
}

}  // namespace lockstep::report
