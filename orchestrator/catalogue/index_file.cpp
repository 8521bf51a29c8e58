#include "catalogue/index_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace lockstep::catalogue {

namespace {

using hdf5::ColumnType;

/// A row of /names, which are in the order of `hash`.
struct NameRow {
  std::uint64_t hash;
  std::uint32_t row;  // of /executions
  std::uint32_t zero;
  friend bool operator<(const NameRow& a, const NameRow& b) { return a.hash < b.hash; }
};
static_assert(sizeof(NameRow) == 16);

/// A row of /machines: where an ARN stands in /texts.
struct MachineRow {
  std::uint32_t offset;
  std::uint32_t length;
};

// Of every so many rows of /names the first hash stands in /name_keys: in memory are only those.
constexpr std::uint32_t kNamesPerKey = 256;

constexpr hdf5::NamedValue kStatusNames[] = {
    {0, "RUNNING"}, {1, "SUCCEEDED"}, {2, "FAILED"}, {3, "TIMED_OUT"}, {4, "ABORTED"}};
constexpr hdf5::Column kExecutionColumns[] = {{"execution", ColumnType::u64, offsetof(IndexRow, execution)},
                                              {"started_us", ColumnType::i64, offsetof(IndexRow, started_us)},
                                              {"stopped_us", ColumnType::i64, offsetof(IndexRow, stopped_us)},
                                              {"first", ColumnType::u64, offsetof(IndexRow, first)},
                                              {"last", ColumnType::u64, offsetof(IndexRow, last)},
                                              {"machine", ColumnType::u32, offsetof(IndexRow, machine)},
                                              {"revision", ColumnType::u32, offsetof(IndexRow, revision)},
                                              {"redrive_count", ColumnType::u32, offsetof(IndexRow, redrive_count)},
                                              {"name", ColumnType::u32, offsetof(IndexRow, name)},
                                              {"name_length", ColumnType::u16, offsetof(IndexRow, name_length)},
                                              {"status", ColumnType::name, offsetof(IndexRow, status)}};
constexpr hdf5::RowType kExecutionRow{sizeof(IndexRow), kExecutionColumns, kStatusNames};
constexpr hdf5::Column kNameColumns[] = {{"hash", ColumnType::u64, offsetof(NameRow, hash)},
                                         {"row", ColumnType::u32, offsetof(NameRow, row)}};
constexpr hdf5::RowType kNameRow{sizeof(NameRow), kNameColumns, {}};
constexpr hdf5::Column kKeyColumns[] = {{"hash", ColumnType::u64, 0}};
constexpr hdf5::RowType kKeyRow{sizeof(std::uint64_t), kKeyColumns, {}};
constexpr hdf5::Column kListColumns[] = {{"row", ColumnType::u32, 0}};
constexpr hdf5::RowType kListRow{sizeof(std::uint32_t), kListColumns, {}};
constexpr hdf5::Column kGroupColumns[] = {{"machine", ColumnType::u32, offsetof(IndexFile::Group, machine)},
                                          {"status", ColumnType::name, offsetof(IndexFile::Group, status)},
                                          {"first", ColumnType::u32, offsetof(IndexFile::Group, first)},
                                          {"count", ColumnType::u32, offsetof(IndexFile::Group, count)}};
constexpr hdf5::RowType kGroupRow{sizeof(IndexFile::Group), kGroupColumns, kStatusNames};
constexpr hdf5::Column kMachineColumns[] = {{"offset", ColumnType::u32, offsetof(MachineRow, offset)},
                                            {"length", ColumnType::u32, offsetof(MachineRow, length)}};
constexpr hdf5::RowType kMachineRow{sizeof(MachineRow), kMachineColumns, {}};

enum Section : std::size_t { kExecutions, kNames, kNameKeys, kLists, kGroups, kMachines, kTexts };

}  // namespace

std::uint32_t IndexWriter::machine(const std::string& arn) {
  const auto [at, is_new] = numbers_.try_emplace(arn, static_cast<std::uint32_t>(machines_.size()));
  if (is_new) {
    machines_.push_back(arn);
  }
  return at->second;
}

void IndexWriter::add(const ExecutionEntry& entry) {
  IndexRow row{};
  row.execution = static_cast<std::uint64_t>(entry.id);
  row.started_us = entry.started.us;
  row.stopped_us = entry.stopped.value_or(entry.started).us;
  row.first = entry.first;
  row.last = entry.last;
  row.machine = machine(entry.machine_arn);
  row.revision = entry.revision;
  row.redrive_count = entry.redrive_count;
  row.name = static_cast<std::uint32_t>(texts_.size());
  row.name_length = static_cast<std::uint16_t>(entry.name.size());
  row.status = static_cast<std::uint16_t>(entry.status);
  texts_.append(entry.name, 0, row.name_length);
  rows_.push_back(row);
}

Result<void> IndexWriter::write(journal::FileLayer& files, const std::string& folder, std::uint64_t number) {
  std::sort(rows_.begin(), rows_.end(), [](const IndexRow& a, const IndexRow& b) {
    return a.execution != b.execution ? a.execution < b.execution : a.last > b.last;
  });
  rows_.erase(std::unique(rows_.begin(), rows_.end(),
                          [](const IndexRow& a, const IndexRow& b) { return a.execution == b.execution; }),
              rows_.end());
  journal::Header header;
  header.kind = journal::FileKind::index;
  header.number = number;
  header.first_seq = UINT64_MAX;
  std::vector<NameRow> names;
  std::map<std::pair<std::uint32_t, std::uint16_t>, std::vector<std::uint32_t>> groups;
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    const IndexRow& row = rows_[i];
    names.push_back(
        {name_hash(machines_[row.machine], std::string_view(texts_).substr(row.name, row.name_length)), i, 0});
    groups[{row.machine, row.status}].push_back(i);
    header.created_us = std::max(header.created_us, row.stopped_us);
    header.first_seq = std::min(header.first_seq, row.first);
    header.last_seq = std::max(header.last_seq, row.last);
  }
  std::sort(names.begin(), names.end());
  std::vector<std::uint64_t> keys;
  for (std::size_t i = 0; i < names.size(); i += kNamesPerKey) {
    keys.push_back(names[i].hash);
  }
  std::vector<std::uint32_t> lists;
  std::vector<IndexFile::Group> group_rows;
  for (const auto& [key, members] : groups) {
    group_rows.push_back({key.first, key.second, 0, static_cast<std::uint32_t>(lists.size()),
                          static_cast<std::uint32_t>(members.size())});
    lists.insert(lists.end(), members.begin(), members.end());
  }
  std::vector<MachineRow> machine_rows;
  for (const std::string& arn : machines_) {
    machine_rows.push_back({static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(arn.size())});
    texts_ += arn;
  }
  const journal::BlockSection sections[] = {{"executions", &kExecutionRow, std::as_bytes(std::span(rows_))},
                                            {"names", &kNameRow, std::as_bytes(std::span(names))},
                                            {"name_keys", &kKeyRow, std::as_bytes(std::span(keys))},
                                            {"lists", &kListRow, std::as_bytes(std::span(lists))},
                                            {"groups", &kGroupRow, std::as_bytes(std::span(group_rows))},
                                            {"machines", &kMachineRow, std::as_bytes(std::span(machine_rows))},
                                            {"texts", nullptr, std::as_bytes(std::span(texts_))}};
  return journal::write_block_file(files, folder, journal::index_name(number), header, sections, "lockstep-index");
}

Result<std::shared_ptr<const IndexFile>> IndexFile::open(const journal::FileLayer& files, const std::string& folder,
                                                         std::uint64_t number) {
  const std::string path = fmt::format("{}/{}", folder, journal::index_name(number));
  auto file = TRY(journal::BlockFile::open(files, path));
  if (file.header().number != number) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: it says that it is number {}", path, file.header().number));
  }
  std::shared_ptr<IndexFile> opened(new IndexFile(std::move(file)));
  TRY(opened->load());
  return opened;
}

template <class T>
Result<T> IndexFile::read(std::size_t section, std::uint64_t at) const {
  T one;
  TRY(file_.read(section, at * sizeof(T), std::as_writable_bytes(std::span(&one, 1))));
  return one;
}

template <class T>
Result<std::vector<T>> IndexFile::read_all(std::size_t section) const {
  std::vector<T> all(file_.bytes(section) / sizeof(T));
  TRY(file_.read(section, 0, std::as_writable_bytes(std::span(all))));
  return all;
}

template <class Reached>
Result<std::uint32_t> IndexFile::bisect(std::uint32_t count, Reached reached) {
  std::uint32_t low = 0;
  while (low < count) {
    const std::uint32_t middle = low + (count - low) / 2;
    const bool is_reached = TRY(reached(middle));
    (is_reached ? count : low) = is_reached ? middle : middle + 1;
  }
  return low;
}

Result<std::string> IndexFile::text(std::uint64_t offset, std::uint64_t length) const {
  std::string text(length, '\0');
  TRY(file_.read(kTexts, offset, std::as_writable_bytes(std::span(text))));
  return text;
}

Result<void> IndexFile::load() {
  auto keys = read_all<std::uint64_t>(kNameKeys);
  auto groups = read_all<Group>(kGroups);
  const auto machines = read_all<MachineRow>(kMachines);
  if (!keys || !groups || !machines) {
    return tl::unexpected<Error>(!keys ? keys.error() : !groups ? groups.error() : machines.error());
  }
  for (const MachineRow& row : *machines) {
    auto arn = TRY(text(row.offset, row.length));
    machines_.push_back(std::move(arn));
  }
  name_keys_ = std::move(*keys);
  groups_ = std::move(*groups);
  return {};
}

std::uint32_t IndexFile::size() const {
  return static_cast<std::uint32_t>(file_.bytes(kExecutions) / sizeof(IndexRow));
}

const std::string& IndexFile::machine(std::uint32_t number) const {
  static const std::string none;
  return number < machines_.size() ? machines_[number] : none;
}

Result<IndexRow> IndexFile::row(std::uint32_t number) const {
  return read<IndexRow>(kExecutions, number);
}

Result<ExecutionEntry> IndexFile::entry(const IndexRow& row) const {
  auto name = TRY(text(row.name, row.name_length));
  ExecutionEntry entry;
  entry.id = engine::ExecutionId{row.execution};
  entry.machine_arn = machine(row.machine);
  entry.name = std::move(name);
  entry.started = {row.started_us};
  entry.stopped = {row.stopped_us};
  entry.status = static_cast<engine::Status>(row.status);
  entry.first = row.first;
  entry.last = row.last;
  entry.revision = row.revision;
  entry.redrive_count = row.redrive_count;
  return entry;
}

Result<std::uint32_t> IndexFile::rows_before(engine::ExecutionId id) const {
  return bisect(size(), [&](std::uint32_t number) -> Result<bool> {
    const auto one = TRY(row(number));
    return one.execution >= static_cast<std::uint64_t>(id);
  });
}

Result<std::optional<IndexRow>> IndexFile::find(engine::ExecutionId id) const {
  const auto at = TRY(rows_before(id));
  if (at == size()) {
    return std::nullopt;
  }
  const auto found = TRY(row(at));
  return found.execution == static_cast<std::uint64_t>(id) ? std::optional(found) : std::nullopt;
}

Result<std::vector<IndexRow>> IndexFile::find(std::string_view machine_arn, std::string_view name) const {
  std::vector<IndexRow> found;
  const std::uint64_t hash = name_hash(machine_arn, name);
  // Equal ones may begin in the stretch before the first that begins with it.
  const auto key = std::lower_bound(name_keys_.begin(), name_keys_.end(), hash);
  const auto stretch = static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(key - name_keys_.begin() - 1, 0));
  std::vector<NameRow> names;
  for (std::uint64_t at = stretch * kNamesPerKey; at < size(); at += kNamesPerKey) {
    names.resize(std::min<std::uint64_t>(kNamesPerKey, size() - at));
    TRY(file_.read(kNames, at * sizeof(NameRow), std::as_writable_bytes(std::span(names))));
    const auto [first, last] = std::equal_range(names.begin(), names.end(), NameRow{hash, 0, 0});
    for (auto it = first; it != last; ++it) {
      const auto one = TRY(row(it->row));
      const auto its_name = TRY(text(one.name, one.name_length));
      if (its_name == name && machine(one.machine) == machine_arn) {
        found.push_back(one);
      }
    }
    if (last != names.end()) {
      break;
    }
  }
  return found;
}

Result<std::uint32_t> IndexFile::count_before(const Group& group, std::uint32_t row) const {
  return bisect(group.count, [&](std::uint32_t at) -> Result<bool> {
    const auto one = TRY(read<std::uint32_t>(kLists, std::uint64_t{group.first} + at));
    return one >= row;
  });
}

Result<IndexRow> IndexFile::row(const Group& group, std::uint32_t at) const {
  const auto number = TRY(read<std::uint32_t>(kLists, std::uint64_t{group.first} + at));
  return row(number);
}

}  // namespace lockstep::catalogue
