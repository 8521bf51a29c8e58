// Which executions there are and were: by machine and name, by id, by machine and status with the newest first.
//
// It evolves from the start, the end and the redrive of each execution. What runs, and what has ended since the last
// checkpoint, is in memory; what ended before lies in files (index_file.hpp), few of them, as each checkpoint may merge
// the last ones. EXPRESS executions, and a Map Run's children, leave no entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalogue/execution_entry.hpp"
#include "catalogue/execution_table.hpp"
#include "catalogue/index_file.hpp"
#include "catalogue/record.hpp"
#include "catalogue/refusal.hpp"
#include "engine/engine.hpp"
#include "journal/codec.hpp"

namespace lockstep::catalogue {

struct PageRequest {
  std::string machine_arn = {};  ///< empty: of every machine
  std::optional<engine::Status> status = {};
  std::size_t most = 100;
  std::string token = {};  ///< of the page before; empty: the first
};
struct ExecutionPage {
  std::vector<ExecutionEntry> entries;  ///< newest first
  std::string token;                    ///< for the next page of the same request; empty: there is none
};

/// Files are not merged beyond this many entries.
inline constexpr std::uint32_t kLargestIndex = 262'144;

/// One thread.
class ExecutionIndex {
 public:
  explicit ExecutionIndex(std::uint32_t largest_file = kLargestIndex);
  ExecutionIndex(ExecutionIndex&&) noexcept;
  ExecutionIndex& operator=(ExecutionIndex&&) noexcept;
  ~ExecutionIndex();
  /// Forgets everything. Its files lie below `folder`, which is the journal's.
  void start(journal::FileLayer& files, const std::string& folder);

  /// `event` is a start, an end or a redrive; anything else is none of its business.
  void apply(const engine::Event& event, SequenceNumber seq);

  /// The newest of that name; nothing: there is none.
  Decision<std::optional<ExecutionEntry>> find(std::string_view machine_arn, std::string_view name) const;
  Decision<std::optional<ExecutionEntry>> find(engine::ExecutionId id) const;
  /// The newest of that name, whichever machine it is of.
  Decision<std::optional<ExecutionEntry>> find_named(std::string_view name) const;
  /// What began and ended while pages were asked for may be missing; nothing comes twice.
  Decision<ExecutionPage> page(const PageRequest& request) const;

  /// An id that no execution has had. Those of a Map Run's children are not given by this.
  engine::ExecutionId next() const { return engine::ExecutionId{next_}; }
  /// How many executions of a machine run, EXPRESS ones included.
  std::size_t running(std::string_view machine_arn) const;
  /// ARNs of the machines that executions are, or were, of.
  std::set<std::string, std::less<>> machines() const;
  /// How many executions there are, by what became of them; those alone that have an entry.
  Decision<std::map<engine::Status, std::uint64_t>> counts() const;
  /// Files that it reads.
  std::size_t files() const { return files_.size(); }

  // As journal::Folded, for the catalogue.
  void begin_save(Timestamp expired);
  bool save(journal::Sink& sink);
  std::function<Result<void>()> end_save();
  void saved(bool stands);
  /// False: such records are none of the index.
  bool load(Record kind, journal::Source& source, const engine::Engine& engine);
  Result<void> loaded();

 private:
  using IndexFiles = std::vector<std::shared_ptr<const IndexFile>>;  // oldest first
  using Numbers = std::vector<std::uint64_t>;
  struct OfMachine {
    std::string arn;
    std::size_t running = 0;
  };
  class Cursor;
  class TableCursor;
  class FileCursor;
  struct Saving;

  void start(const engine::Event& event, const engine::ExecutionStarted& body, SequenceNumber seq);
  void end(const engine::Event& event, engine::Status status, SequenceNumber seq);
  void redrive(const engine::Event& event, const engine::ExecutionRedriven& body, SequenceNumber seq);
  void drop(engine::ExecutionId id);
  void run(const Place& place, Held held);
  void run_express(engine::ExecutionId id, const std::string& machine_arn);
  MachineNumber number_of(const std::string& arn);
  const ExecutionTable::Rows::value_type* find_held(engine::ExecutionId id) const;
  bool is_stale(engine::ExecutionId id, SequenceNumber last) const;
  Result<std::vector<std::unique_ptr<Cursor>>> cursors(const PageRequest& request, engine::ExecutionId before) const;
  void plan_files(Timestamp expired);
  std::string files_folder() const;

  std::uint32_t largest_file_;
  journal::FileLayer* layer_ = nullptr;
  std::string folder_;

  std::uint64_t next_ = 1;
  std::vector<OfMachine> machines_;
  std::map<std::string, MachineNumber, std::less<>> numbers_;
  ExecutionTable running_;
  std::unordered_map<engine::ExecutionId, MachineNumber> express_;  // that run
  ExecutionTable ended_;
  std::shared_ptr<const ExecutionTable> flushing_;  // had ended when the checkpoint that is taken began
  /// What was redriven: entries that end before this Event are of the run before.
  std::map<engine::ExecutionId, SequenceNumber> redriven_;
  std::optional<Error> problem_;  // an Event could not be applied

  IndexFiles files_;
  Numbers standing_;  // that the last checkpoint names, or those that may be the last
  Numbers before_;    // that the one before names
  std::uint64_t next_file_ = 1;
  std::set<std::uint64_t> unreadable_;  // are merged no more
  std::unique_ptr<Saving> saving_;
};

}  // namespace lockstep::catalogue
