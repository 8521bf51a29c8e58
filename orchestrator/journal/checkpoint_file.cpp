// A checkpoint as a file.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hdf5/image.hpp"
#include "journal/checkpoint.hpp"
#include "journal/crc32c.hpp"
#include "journal/execution_codec.hpp"
#include "journal/header.hpp"

namespace lockstep::journal {

namespace {

// Goes up when an execution's bytes change in a way that an older reader would misread.
constexpr std::uint64_t kStateVersion = 1;
constexpr std::uint64_t kMostCheckpointBytes = std::uint64_t{64} << 30;
constexpr std::size_t kNameBytes = 80;

/// A row of /executions.
struct ExecutionRow {
  std::uint64_t execution;
  std::uint64_t as_of;
  std::int64_t started_us;
  std::uint64_t part;    // where its part of /state begins; texts are found from there
  std::uint64_t offset;  // in its part
  std::uint64_t length;
  std::uint32_t strands;
  std::uint16_t status;
  std::uint16_t zero;
  char name[kNameBytes];
};
static_assert(sizeof(ExecutionRow) == 136);

using hdf5::ColumnType;
constexpr hdf5::NamedValue kStatusNames[] = {
    {0, "RUNNING"}, {1, "SUCCEEDED"}, {2, "FAILED"}, {3, "TIMED_OUT"}, {4, "ABORTED"}};
constexpr hdf5::Column kColumns[] = {{"execution", ColumnType::u64, offsetof(ExecutionRow, execution)},
                                     {"as_of", ColumnType::u64, offsetof(ExecutionRow, as_of)},
                                     {"started_us", ColumnType::i64, offsetof(ExecutionRow, started_us)},
                                     {"part", ColumnType::u64, offsetof(ExecutionRow, part)},
                                     {"offset", ColumnType::u64, offsetof(ExecutionRow, offset)},
                                     {"length", ColumnType::u64, offsetof(ExecutionRow, length)},
                                     {"strands", ColumnType::u32, offsetof(ExecutionRow, strands)},
                                     {"status", ColumnType::name, offsetof(ExecutionRow, status)},
                                     {"name", ColumnType::text, offsetof(ExecutionRow, name), kNameBytes}};
constexpr hdf5::RowType kExecutionRow{sizeof(ExecutionRow), kColumns, kStatusNames};

Result<std::vector<std::byte>> compose(const CheckpointData& data, const std::string& software) {
  std::vector<ExecutionRow> rows;
  std::vector<std::byte> state;
  for (const CheckpointPart& part : data.parts) {
    for (const CheckpointPart::Entry& entry : part.entries) {
      ExecutionRow row{};
      row.execution = static_cast<std::uint64_t>(entry.execution);
      row.as_of = entry.as_of;
      row.started_us = entry.started_us;
      row.part = state.size();
      row.offset = entry.offset;
      row.length = entry.length;
      row.strands = entry.strands;
      row.status = static_cast<std::uint16_t>(entry.status);
      std::memcpy(row.name, entry.name.data(), std::min(entry.name.size(), kNameBytes));
      rows.push_back(row);
    }
    state.insert(state.end(), part.state.begin(), part.state.end());
  }
  auto composer = hdf5::Composer::create(kHeaderBytes);
  if (!composer) {
    return tl::unexpected<Error>(composer.error());
  }
  auto done = composer->attribute("format", std::string("lockstep-checkpoint"));
  if (done) {
    done = composer->attribute("software_version", software);
  }
  if (done) {
    done = composer->attribute("state_version", kStateVersion);
  }
  if (done) {
    done = composer->attribute("last_seq", data.last_seq);
  }
  if (done) {
    done = composer->write_rows("executions", kExecutionRow, std::as_bytes(std::span(rows)));
  }
  if (done) {
    done = composer->write_bytes("state", state);
  }
  if (!done) {
    return tl::unexpected<Error>(done.error());
  }
  return composer->finish();
}

/// The checked bytes of a checkpoint file.
Result<std::vector<std::byte>> read_checked(const FileLayer& files, const std::string& path, Header& header) {
  auto bytes = read_whole(files, path, kMostCheckpointBytes);
  if (!bytes) {
    return bytes;
  }
  const auto parsed = parse_header(*bytes, path);
  if (!parsed) {
    return tl::unexpected<Error>(parsed.error());
  }
  header = *parsed;
  if (header.kind != FileKind::checkpoint) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: it is no checkpoint", path));
  }
  if (bytes->size() != header.file_bytes ||
      crc32c(std::span<const std::byte>(*bytes).subspan(kHeaderBytes)) != header.rest_crc) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: its checksum does not hold", path));
  }
  return bytes;
}

struct Contents {
  std::vector<ExecutionRow> rows;
  std::vector<std::byte> state;
};

Result<Contents> take_apart(std::span<const std::byte> bytes, const std::string& path) {
  const auto image = hdf5::Image::open(bytes);
  if (!image) {
    return tl::unexpected<Error>(image.error());
  }
  const auto version = image->number("state_version");
  if (!version) {
    return tl::unexpected<Error>(version.error());
  }
  if (*version != kStateVersion) {
    return fail(ErrorKind::io, fmt::format("{} holds executions in version {} of their form, and this program knows {}",
                                           path, *version, kStateVersion));
  }
  const auto rows = image->rows("executions", kExecutionRow, kMostCheckpointBytes);
  if (!rows) {
    return tl::unexpected<Error>(rows.error());
  }
  auto state = image->bytes("state", kMostCheckpointBytes);
  if (!state) {
    return tl::unexpected<Error>(state.error());
  }
  Contents contents;
  contents.rows.resize(rows->size() / sizeof(ExecutionRow));
  if (!rows->empty()) {
    std::memcpy(contents.rows.data(), rows->data(), rows->size());
  }
  contents.state = std::move(*state);
  return contents;
}

}  // namespace

Result<void> write_checkpoint(FileLayer& files, const std::string& folder, const CheckpointData& data,
                              const std::string& software) {
  auto bytes = compose(data, software);
  if (!bytes) {
    return tl::unexpected<Error>(bytes.error());
  }
  Header header;
  header.kind = FileKind::checkpoint;
  header.epoch = data.epoch;
  header.number = data.number;
  header.first_seq = data.first_seq;
  header.last_seq = data.last_seq;
  header.created_us = data.created_us;
  header.size = {0, 0};
  header.file_bytes = bytes->size();
  header.rest_crc = crc32c(std::span<const std::byte>(*bytes).subspan(kHeaderBytes));
  const auto front = to_bytes(header);
  std::memcpy(bytes->data(), front.data(), front.size());
  return write_whole(files, folder, checkpoint_name(data.number), *bytes);
}

Result<LoadedCheckpoint> load_checkpoint(const FileLayer& files, const std::string& folder, const std::string& path,
                                         engine::Engine& engine) {
  Header header;
  auto bytes = read_checked(files, path, header);
  if (!bytes) {
    return tl::unexpected<Error>(bytes.error());
  }
  auto contents = take_apart(*bytes, path);
  if (!contents) {
    return tl::unexpected<Error>(contents.error());
  }
  bytes->clear();
  LoadedCheckpoint loaded;
  loaded.number = header.number;
  loaded.epoch = header.epoch;
  loaded.first_seq = header.first_seq;
  loaded.last_seq = header.last_seq;
  SourceContext context;
  context.blob = [&](const Digest& digest, std::uint64_t length) { return load_blob(files, folder, digest, length); };
  ValueCache values;
  std::uint64_t part = UINT64_MAX;
  std::vector<std::unique_ptr<engine::Execution>> executions;
  for (const ExecutionRow& row : contents->rows) {
    const std::uint64_t size = contents->state.size();
    if (row.part > size || row.offset > size - row.part || row.length > size - row.part - row.offset) {
      return fail(ErrorKind::io, fmt::format("{} is damaged: an execution lies outside it", path));
    }
    if (row.part != part) {
      part = row.part;
      values.clear();
    }
    const auto bytes_of_part = std::span<const std::byte>(contents->state).subspan(row.part);
    Source source(bytes_of_part, row.offset, row.length, context, values);
    auto execution = decode_execution(source);
    if (execution == nullptr || static_cast<std::uint64_t>(execution->id) != row.execution) {
      return fail(ErrorKind::io, fmt::format("{} cannot be read: execution {}: {}", path, row.execution,
                                             execution == nullptr ? source.problem() : "it is another one"));
    }
    loaded.as_of[execution->id] = row.as_of;
    executions.push_back(std::move(execution));
  }
  for (auto& execution : executions) {
    engine::Snapshot::restore(engine, std::move(execution));
  }
  return loaded;
}

}  // namespace lockstep::journal
