// A checkpoint as a file.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hdf5/image.hpp"
#include "journal/checkpoint.hpp"
#include "journal/crc32c.hpp"
#include "journal/execution_codec.hpp"
#include "journal/header.hpp"
#include "journal/texts.hpp"

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
constexpr hdf5::Column kExecutionColumns[] = {{"execution", ColumnType::u64, offsetof(ExecutionRow, execution)},
                                              {"as_of", ColumnType::u64, offsetof(ExecutionRow, as_of)},
                                              {"started_us", ColumnType::i64, offsetof(ExecutionRow, started_us)},
                                              {"part", ColumnType::u64, offsetof(ExecutionRow, part)},
                                              {"offset", ColumnType::u64, offsetof(ExecutionRow, offset)},
                                              {"length", ColumnType::u64, offsetof(ExecutionRow, length)},
                                              {"strands", ColumnType::u32, offsetof(ExecutionRow, strands)},
                                              {"status", ColumnType::name, offsetof(ExecutionRow, status)},
                                              {"name", ColumnType::text, offsetof(ExecutionRow, name), kNameBytes}};
constexpr hdf5::RowType kExecutionRow{sizeof(ExecutionRow), kExecutionColumns, kStatusNames};

/// A row of /catalogue: records that stand in /state from `offset` on, one after the other.
struct FoldedRow {
  std::uint64_t offset;
  std::uint64_t length;
};
constexpr hdf5::Column kFoldedColumns[] = {{"offset", ColumnType::u64, offsetof(FoldedRow, offset)},
                                           {"length", ColumnType::u64, offsetof(FoldedRow, length)}};
constexpr hdf5::RowType kFoldedRow{sizeof(FoldedRow), kFoldedColumns, {}};
constexpr const char* kFolded = "catalogue";

/// A file but for its header and /state, which lies in memory already.
Result<hdf5::Composer::Around> compose(const CheckpointData& data, const std::string& software) {
  std::vector<ExecutionRow> rows;
  std::vector<FoldedRow> folded;
  std::uint64_t size = 0;
  for (const CheckpointPart& part : data.parts) {
    if (part.folded) {
      folded.push_back({size, part.size});
    }
    for (const CheckpointPart::Entry& entry : part.entries) {
      ExecutionRow row{};
      row.execution = static_cast<std::uint64_t>(entry.execution);
      row.as_of = entry.as_of;
      row.started_us = entry.started_us;
      row.part = size;
      row.offset = entry.offset;
      row.length = entry.length;
      row.strands = entry.strands;
      row.status = static_cast<std::uint16_t>(entry.status);
      std::memcpy(row.name, entry.name.data(), std::min(entry.name.size(), kNameBytes));
      rows.push_back(row);
    }
    size += part.size;
  }
  auto composer = TRY(hdf5::Composer::create(kHeaderBytes));
  auto done = composer.attribute("format", std::string("lockstep-checkpoint"));
  if (done) {
    done = composer.attribute("software_version", software);
  }
  if (done) {
    done = composer.attribute("state_version", kStateVersion);
  }
  if (done) {
    done = composer.attribute("last_seq", data.last_seq);
  }
  if (done) {
    done = composer.write_rows("executions", kExecutionRow, std::as_bytes(std::span(rows)));
  }
  if (done && !folded.empty()) {
    done = composer.write_rows(kFolded, kFoldedRow, std::as_bytes(std::span(folded)));
  }
  hdf5::Extent state;
  if (done && size == 0) {
    done = composer.write_bytes("state", {});
  } else if (done) {
    const auto reserved = composer.reserve_bytes("state", size);
    done = reserved ? done : tl::unexpected<Error>(reserved.error());
    state = reserved ? *reserved : state;
  }
  return done ? composer.finish_around(state) : tl::unexpected<Error>(done.error());
}

/// The checked bytes of a checkpoint file.
Result<std::vector<std::byte>> read_checked(const FileLayer& files, const std::string& path, Header& header) {
  auto bytes = read_whole(files, path, kMostCheckpointBytes);
  if (!bytes) {
    return bytes;
  }
  header = TRY(parse_header(*bytes, path));
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
  std::vector<FoldedRow> folded;
  std::span<const std::byte> state;  // where it stands in the file
};

Result<Contents> take_apart(std::span<const std::byte> bytes, const std::string& path) {
  const auto image = TRY(hdf5::Image::open(bytes));
  const auto version = TRY(image.number("state_version"));
  if (version != kStateVersion) {
    return fail(ErrorKind::io, fmt::format("{} holds executions in version {} of their form, and this program knows {}",
                                           path, version, kStateVersion));
  }
  const auto rows = TRY(image.rows("executions", kExecutionRow, kMostCheckpointBytes));
  const auto state = TRY(image.view("state"));
  Contents contents;
  contents.rows.resize(rows.size() / sizeof(ExecutionRow));
  if (!rows.empty()) {
    std::memcpy(contents.rows.data(), rows.data(), rows.size());
  }
  contents.state = state;
  // Checkpoints up to version 1.2, and of who had nothing to fold in, have none.
  if (const auto folded = image.rows(kFolded, kFoldedRow, kMostCheckpointBytes); folded && !folded->empty()) {
    contents.folded.resize(folded->size() / sizeof(FoldedRow));
    std::memcpy(contents.folded.data(), folded->data(), folded->size());
  }
  return contents;
}

struct OpenedCheckpoint {
  Header header;
  std::vector<std::byte> bytes;
  Contents contents;  // in `bytes`
};

Result<OpenedCheckpoint> open_checkpoint(const FileLayer& files, const std::string& path) {
  OpenedCheckpoint opened;
  opened.bytes = TRY(read_checked(files, path, opened.header));
  opened.contents = TRY(take_apart(opened.bytes, path));
  return opened;
}

LoadedCheckpoint summary(const Header& header) {
  LoadedCheckpoint loaded;
  loaded.number = header.number;
  loaded.epoch = header.epoch;
  loaded.first_seq = header.first_seq;
  loaded.last_seq = header.last_seq;
  return loaded;
}

/// Why not; empty: all was read.
std::string load_folded(const Contents& contents, SourceContext& context, const engine::Engine& engine,
                        Folded& folded) {
  if (contents.folded.empty()) {
    return std::string(kNoCatalogue);
  }
  ValueCache values;
  for (const FoldedRow& row : contents.folded) {
    const std::uint64_t size = contents.state.size();
    if (row.offset > size || row.length > size - row.offset) {
      return "a part of it lies outside the checkpoint";
    }
    values.clear();
    Source source(contents.state.subspan(row.offset), 0, row.length, context, values);
    while (!source.at_end()) {
      folded.load(source, engine);
    }
    if (!source.problem().empty()) {
      return source.problem();
    }
  }
  const auto loaded = folded.loaded();
  return loaded ? "" : loaded.error().message;
}

}  // namespace

Result<void> write_checkpoint(FileLayer& files, const std::string& folder, const CheckpointData& data,
                              const std::string& software) {
  const auto composed = TRY(compose(data, software));
  // The header, HDF5's bytes before /state, its parts, HDF5's bytes behind it.
  std::vector<std::span<const std::byte>> pieces = {{}, std::span(composed.before).subspan(kHeaderBytes)};
  for (const CheckpointPart& part : data.parts) {
    pieces.emplace_back(part.state.get(), part.size);
  }
  pieces.emplace_back(composed.behind);
  Header header;
  header.kind = FileKind::checkpoint;
  header.epoch = data.epoch;
  header.number = data.number;
  header.first_seq = data.first_seq;
  header.last_seq = data.last_seq;
  header.created_us = data.created_us;
  header.size = {0, 0};
  header.file_bytes = kHeaderBytes;
  for (const std::span<const std::byte> piece : pieces) {
    header.file_bytes += piece.size();
    header.rest_crc = crc32c(piece, header.rest_crc);
  }
  header.texts_from = UINT64_MAX;  // all its texts stand in it
  const auto front = to_bytes(header);
  pieces.front() = front;
  return write_whole(files, folder, checkpoint_name(data.number), pieces);
}

Result<LoadedCheckpoint> load_checkpoint(const FileLayer& files, const std::string& folder, const std::string& path,
                                         engine::Engine& engine, Folded* folded) {
  const auto opened = TRY(open_checkpoint(files, path));
  const Contents* contents = &opened.contents;
  LoadedCheckpoint loaded = summary(opened.header);
  SourceContext context;
  read_texts(context, files, folder);
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
    const auto bytes_of_part = contents->state.subspan(row.part);
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
  if (folded != nullptr) {
    loaded.folded_problem = load_folded(*contents, context, engine, *folded);
  }
  return loaded;
}

Result<LoadedCheckpoint> load_folded(const FileLayer& files, const std::string& folder, const std::string& path,
                                     Folded& folded) {
  const auto opened = TRY(open_checkpoint(files, path));
  LoadedCheckpoint loaded = summary(opened.header);
  SourceContext context;
  read_texts(context, files, folder);
  const engine::Engine none{engine::Limits::hpc()};
  loaded.folded_problem = load_folded(opened.contents, context, none, folded);
  return loaded;
}

}  // namespace lockstep::journal
