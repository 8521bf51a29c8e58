// One Map Run at work (distributed-map.md): which children are to begin, what those that are over come to, when it is
// over itself. What it has come to stands in the engine (engine::MapRun); what is here can be made again from that.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "map_run/batcher.hpp"
#include "map_run/result_files.hpp"
#include "service/clock.hpp"
#include "service/nested_call.hpp"

namespace lockstep::service {

/// Of a Map Run's child.
struct MapRunChildName {
  std::string name;  ///< of the execution: the same whenever it is asked for
  std::string machine_arn;
  std::string machine_name;
};

/// Opens what a Map Run reads. `items`: of a Map without ItemReader. `listing`: as map_run::Reading has it. Errors: as
/// map_run::open_items().
Result<std::unique_ptr<map_run::ItemSource>> open_source(const asl::Map& state, const engine::MapRunPlan& plan,
                                                         const Value& items, const map_run::Buckets& buckets,
                                                         const std::string& listing = {});
/// Where a Map Run keeps what it has listed, in the folder for that.
std::string listing_of(const std::string& folder, const std::string& map_run_arn);
/// Where the ResultWriter of a Map Run writes. Requires that the state has one.
map_run::ResultTarget result_target(const asl::Map& state, const engine::MapRunPlan& plan, const std::string& arn);

class MapRunWork {
 public:
  struct Parts {
    const engine::Engine& engine;
    const map_run::Buckets& buckets;
    const Clock& clock;
    std::optional<Value> items = {};  ///< what its reader reads, instead of that
    bool pretends = false;            ///< to write results
    std::string folder = {};          ///< where it keeps files of its own, made when need be; empty: nowhere
  };
  /// A child that is to begin.
  struct Child {
    std::uint64_t number = 0;
    map_run::Batch batch;
    bool again = false;  ///< it may have run before, and be there
  };
  /// What is to be told to the engine.
  struct News {
    std::optional<engine::MapRunReport> report;
    std::optional<work::Outcome> outcome;  ///< after that; then nothing more comes of it
    std::vector<std::uint64_t> told;       ///< children that the report tells of
  };

  /// Opens what it reads and writes. What goes wrong there, and anywhere, ends the Map Run: it comes as an outcome.
  MapRunWork(const Parts& parts, engine::DispatchTask dispatch);

  const engine::DispatchTask& dispatch() const { return dispatch_; }
  std::string uuid() const;
  MapRunChildName name_of(std::uint64_t child) const;
  std::uint32_t redrives() const { return run().redrives; }
  /// How the child begins; but for its id and request.
  engine::StartExecution start_of(Child child) const;

  /// Children that may begin now, at most so many. They are live from now on.
  std::vector<Child> begin(std::size_t most);
  /// Whether there is more to do for begin() at once: it does not take long.
  bool may_go_on() const;
  bool is_live(std::uint64_t child) const { return live_.contains(child); }
  /// A child that was live is over, as it is described: with its end.
  void ended(std::uint64_t child, const Description& description, std::uint32_t redrives);
  /// One that could not be begun.
  void refused(std::uint64_t child, std::string error, std::string cause);
  bool is_failing() const { return failure_.has_value(); }
  /// Whether its children are to be stopped because it has failed; true once.
  bool stops() { return std::exchange(stop_due_, false); }
  /// What has happened since the last call; nothing: `report` and `outcome` are absent.
  News news();

  /// How many children may run at once; there is no more room than AWS has.
  static constexpr std::uint32_t kMostChildren = 10'000;

 private:
  struct Live {
    std::uint64_t first = 0;  // item
    std::uint64_t items = 1;
    Value input;
  };
  struct Failed {
    std::string error;
    std::string cause;
  };
  struct Ended {
    engine::MapRunChild child;
    map_run::ChildRecord record;
  };

  const engine::Children& children() const { return *parts_.engine.find_map_run(dispatch_.id); }
  const engine::MapRun& run() const { return *children().run; }
  bool exports() const { return state().writer && !state().writer->resource.empty(); }
  const asl::Map& state() const { return std::get<asl::Map>(dispatch_.machine->state(dispatch_.state).detail); }
  std::string listing() const;
  void check_files();
  void open_files();
  Result<Value> select(std::uint64_t index, const map_run::Item& item);
  std::optional<map_run::Batch> next_batch();
  std::optional<std::uint64_t> total() const;
  map_run::ChildRecord record_of(std::uint64_t child, std::uint64_t first, const Value& input) const;
  bool may_begin() const;
  std::optional<Live> take_live(std::uint64_t child);
  void look_at_settings();
  void fail_child(std::uint64_t child, const Live& what, Failed why);
  void settle(std::uint64_t child, std::uint64_t items, map_run::ChildRecord record);
  void fail(std::string error, std::string cause);
  void look_at_threshold();
  /// Whether the Map's result will be: no more is kept of it, then.
  bool is_too_large() const;
  void write_pending(std::size_t most);
  Result<std::optional<Value>> write_ended();
  bool is_over() const;
  std::optional<work::Outcome> outcome();
  Result<Value> result();

  Parts parts_;
  engine::DispatchTask dispatch_;
  engine::MachineIdentityPtr machine_;  // of its children
  Value parameters_;                    // that plan_ was read from
  engine::MapRunPlan plan_;
  map_run::Transformation transformation_ = map_run::Transformation::compact;
  bool keeps_results_ = true;
  std::unique_ptr<map_run::ItemSource> source_;
  std::unique_ptr<map_run::Batcher> batcher_;
  std::unique_ptr<map_run::ResultFiles> files_;
  Value read_;  // what the files that are read looked like when the Map Run began
  std::optional<map_run::ResultFiles::Position::Shard> pending_from_;  // where the PENDING that are written now begin
  bool note_due_ = false;
  bool total_said_ = false;
  std::uint64_t next_ = 0;  // child
  bool exhausted_ = false;  // there are no more items
  std::map<std::uint64_t, Live> live_;
  std::size_t live_bytes_ = 0;  // of their inputs
  std::vector<Ended> ended_;
  std::uint64_t failed_items_ = 0;  // in ended_
  std::size_t result_bytes_ = 0;    // of what stands for children in the Map's result
  std::optional<Failed> failure_;
  std::optional<Failed> selection_failure_;
  bool stop_due_ = false;
};

}  // namespace lockstep::service
