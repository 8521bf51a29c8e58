// Executions that are over, in a file that never changes: by id, by machine and name, by machine and status. Only some
// keys of it are in memory; FORMAT.md, "Index", says how it lies on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalogue/execution_entry.hpp"
#include "journal/block_file.hpp"

namespace lockstep::catalogue {

/// A row of /executions.
struct IndexRow {
  std::uint64_t execution;
  std::int64_t started_us;
  std::int64_t stopped_us;
  std::uint64_t first;
  std::uint64_t last;
  std::uint32_t machine;  // row of /machines
  std::uint32_t revision;
  std::uint32_t redrive_count;
  std::uint32_t name;  // where it stands in /texts
  std::uint16_t name_length;
  std::uint16_t status;
  std::uint32_t zero;
};
static_assert(sizeof(IndexRow) == 64);

/// Collects what is to stand in a file, in any order.
class IndexWriter {
 public:
  /// Of two that are one execution's, the one that ended later stays.
  void add(const ExecutionEntry& entry);
  /// Puts the file into `folder`, durably. The writer is spent.
  Result<void> write(journal::FileLayer& files, const std::string& folder, std::uint64_t number);

 private:
  std::uint32_t machine(const std::string& arn);

  std::vector<IndexRow> rows_;
  std::string texts_;
  std::vector<std::string> machines_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

/// One thread.
class IndexFile {
 public:
  /// Executions of one machine that came to the same; their rows stand in /lists from `first` on, oldest first.
  struct Group {
    std::uint32_t machine;
    std::uint16_t status;
    std::uint16_t zero;
    std::uint32_t first;
    std::uint32_t count;
  };

  static Result<std::shared_ptr<const IndexFile>> open(const journal::FileLayer& files, const std::string& folder,
                                                       std::uint64_t number);

  std::uint64_t number() const { return file_.header().number; }
  /// When the last of its executions stopped.
  Timestamp newest() const { return {file_.header().created_us}; }
  /// The least Event with which one of them began.
  SequenceNumber first() const { return file_.header().first_seq; }
  std::uint32_t size() const;

  /// Rows are in the order of ids.
  Result<IndexRow> row(std::uint32_t number) const;
  Result<ExecutionEntry> entry(const IndexRow& row) const;
  Result<std::optional<IndexRow>> find(engine::ExecutionId id) const;
  /// All of that name, in no order.
  Result<std::vector<IndexRow>> find(std::string_view machine_arn, std::string_view name) const;

  const std::vector<Group>& groups() const { return groups_; }
  const std::string& machine(const Group& group) const { return machine(group.machine); }
  /// How many rows have a smaller id.
  Result<std::uint32_t> rows_before(engine::ExecutionId id) const;
  /// How many of a group stand before a row.
  Result<std::uint32_t> count_before(const Group& group, std::uint32_t row) const;
  /// The execution at a place in a group.
  Result<IndexRow> row(const Group& group, std::uint32_t at) const;

 private:
  explicit IndexFile(journal::BlockFile file) : file_(std::move(file)) {}
  Result<void> load();
  const std::string& machine(std::uint32_t number) const;
  Result<std::string> text(std::uint64_t offset, std::uint64_t length) const;
  template <class T>
  Result<T> read(std::size_t section, std::uint64_t at) const;
  template <class T>
  Result<std::vector<T>> read_all(std::size_t section) const;
  /// The first of `count` numbers for which `reached` says true.
  template <class Reached>
  static Result<std::uint32_t> bisect(std::uint32_t count, Reached reached);

  journal::BlockFile file_;
  std::vector<std::uint64_t> name_keys_;
  std::vector<Group> groups_;
  std::vector<std::string> machines_;
};

}  // namespace lockstep::catalogue
