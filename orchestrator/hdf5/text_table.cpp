#include "hdf5/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hdf5/handle.hpp"

namespace lockstep::hdf5 {

/// Members are closed under the lock, the datasets before their file: see close().
struct TableState {
  std::string path;
  FileHandle file;
  TypeHandle text_type;
  TypeHandle status_type;
  DatasetHandle texts;
  DatasetHandle indices;
  DatasetHandle statuses;
  std::uint64_t rows = 0;
};

namespace {

constexpr const char* kTexts = "results";
constexpr const char* kIndices = "index";
constexpr const char* kStatuses = "status";
constexpr hsize_t kChunkRows = 1024;

void close(std::unique_ptr<TableState>& state) {
  if (state != nullptr) {
    const Session session;
    state.reset();
  }
}

TypeHandle text_type() {
  TypeHandle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

TypeHandle status_type(std::span<const NamedValue> names) {
  TypeHandle type(H5Tenum_create(H5T_NATIVE_UINT16));
  for (const NamedValue& named : names) {
    H5Tenum_insert(type.get(), std::string(named.name).c_str(), &named.value);
  }
  return type;
}

DatasetHandle extendable(const FileHandle& file, const char* name, hid_t type) {
  const hsize_t none = 0;
  const hsize_t any = H5S_UNLIMITED;
  const SpaceHandle space(H5Screate_simple(1, &none, &any));
  const PropertiesHandle layout(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_chunk(layout.get(), 1, &kChunkRows);
  H5Pset_obj_track_times(layout.get(), false);
  return DatasetHandle(H5Dcreate2(file.get(), name, type, space.get(), H5P_DEFAULT, layout.get(), H5P_DEFAULT));
}

/// The rows from `from` on of a dataset that is long enough.
SpaceHandle rows_of(const DatasetHandle& dataset, hsize_t from, hsize_t count) {
  SpaceHandle space(H5Dget_space(dataset.get()));
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, &from, nullptr, &count, nullptr);
  return space;
}

bool extend(const DatasetHandle& dataset, hid_t type, hsize_t from, hsize_t count, const void* rows) {
  const hsize_t size = from + count;
  if (H5Dset_extent(dataset.get(), &size) < 0) {
    return false;
  }
  const SpaceHandle memory(H5Screate_simple(1, &count, nullptr));
  const SpaceHandle target = rows_of(dataset, from, count);
  return H5Dwrite(dataset.get(), type, memory.get(), target.get(), H5P_DEFAULT, rows) >= 0;
}

bool fetch(const DatasetHandle& dataset, hid_t type, hsize_t from, hsize_t count, void* rows) {
  const SpaceHandle memory(H5Screate_simple(1, &count, nullptr));
  const SpaceHandle source = rows_of(dataset, from, count);
  return H5Dread(dataset.get(), type, memory.get(), source.get(), H5P_DEFAULT, rows) >= 0;
}

}  // namespace

TextTableWriter::TextTableWriter(std::unique_ptr<TableState> state) : state_(std::move(state)) {}
TextTableWriter::TextTableWriter(TextTableWriter&&) noexcept = default;
TextTableWriter& TextTableWriter::operator=(TextTableWriter&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
TextTableWriter::~TextTableWriter() {
  hdf5::close(state_);
}

Result<TextTableWriter> TextTableWriter::create(const std::string& path, std::span<const NamedValue> names) {
  const Session session;
  auto state = std::make_unique<TableState>();
  state->path = path;
  const PropertiesHandle access = without_locks();
  state->file = FileHandle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()));
  if (!state->file) {
    return hdf5_failure("cannot create " + path);
  }
  state->text_type = text_type();
  state->status_type = status_type(names);
  state->texts = extendable(state->file, kTexts, state->text_type.get());
  state->indices = extendable(state->file, kIndices, H5T_STD_U64LE);
  state->statuses = extendable(state->file, kStatuses, state->status_type.get());
  if (!state->texts || !state->indices || !state->statuses) {
    return hdf5_failure("cannot lay out the datasets of " + path);
  }
  return TextTableWriter(std::move(state));
}

Result<void> TextTableWriter::append(std::span<const TextRow> rows) {
  if (rows.empty()) {
    return {};
  }
  std::vector<const char*> texts;
  std::vector<std::uint64_t> indices;
  std::vector<std::uint16_t> statuses;
  for (const TextRow& row : rows) {
    texts.push_back(row.text.c_str());
    indices.push_back(row.index);
    statuses.push_back(row.status);
  }
  const Session session;
  TableState& state = *state_;
  if (!extend(state.texts, state.text_type.get(), state.rows, rows.size(), texts.data()) ||
      !extend(state.indices, H5T_NATIVE_UINT64, state.rows, rows.size(), indices.data()) ||
      !extend(state.statuses, state.status_type.get(), state.rows, rows.size(), statuses.data())) {
    return hdf5_failure("cannot write to " + state.path);
  }
  state.rows += rows.size();
  return {};
}

Result<void> TextTableWriter::attribute(const std::string& name, std::uint64_t value) {
  const Session session;
  const SpaceHandle scalar(H5Screate(H5S_SCALAR));
  const AttributeHandle attribute(
      H5Acreate2(state_->file.get(), name.c_str(), H5T_STD_U64LE, scalar.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute || H5Awrite(attribute.get(), H5T_NATIVE_UINT64, &value) < 0) {
    return hdf5_failure(fmt::format("cannot write the attribute {} of {}", name, state_->path));
  }
  return {};
}

Result<void> TextTableWriter::close() {
  const Session session;
  const std::unique_ptr<TableState> state = std::exchange(state_, nullptr);
  if (H5Fflush(state->file.get(), H5F_SCOPE_LOCAL) < 0) {
    return hdf5_failure("cannot write to " + state->path);
  }
  return {};
}

TextTableReader::TextTableReader(std::unique_ptr<TableState> state) : state_(std::move(state)) {}
TextTableReader::TextTableReader(TextTableReader&&) noexcept = default;
TextTableReader& TextTableReader::operator=(TextTableReader&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
TextTableReader::~TextTableReader() {
  hdf5::close(state_);
}

Result<TextTableReader> TextTableReader::open(const std::string& path) {
  const Session session;
  auto state = std::make_unique<TableState>();
  state->path = path;
  const PropertiesHandle access = without_locks();
  state->file = FileHandle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
  if (!state->file) {
    return hdf5_failure("cannot open " + path);
  }
  state->text_type = text_type();
  state->texts = DatasetHandle(H5Dopen2(state->file.get(), kTexts, H5P_DEFAULT));
  state->indices = DatasetHandle(H5Dopen2(state->file.get(), kIndices, H5P_DEFAULT));
  state->statuses = DatasetHandle(H5Dopen2(state->file.get(), kStatuses, H5P_DEFAULT));
  if (!state->texts || !state->indices || !state->statuses) {
    return hdf5_failure("cannot find the datasets of " + path);
  }
  state->status_type = TypeHandle(H5Dget_type(state->statuses.get()));
  hsize_t rows = 0;
  const SpaceHandle space(H5Dget_space(state->texts.get()));
  H5Sget_simple_extent_dims(space.get(), &rows, nullptr);
  state->rows = rows;
  return TextTableReader(std::move(state));
}

std::uint64_t TextTableReader::size() const {
  return state_->rows;
}

Result<std::vector<TextRow>> TextTableReader::read(std::uint64_t from, std::uint64_t count) const {
  const TableState& state = *state_;
  std::vector<TextRow> rows;
  if (from >= state.rows) {
    return rows;
  }
  const hsize_t some = std::min(count, state.rows - from);
  std::vector<char*> texts(some, nullptr);
  std::vector<std::uint64_t> indices(some);
  std::vector<std::uint16_t> statuses(some);
  const Session session;
  const bool read = fetch(state.texts, state.text_type.get(), from, some, texts.data()) &&
                    fetch(state.indices, H5T_NATIVE_UINT64, from, some, indices.data()) &&
                    fetch(state.statuses, state.status_type.get(), from, some, statuses.data());
  for (hsize_t i = 0; i < some && read; ++i) {
    rows.push_back({indices[i], statuses[i], texts[i] != nullptr ? texts[i] : ""});
  }
  if (!read) {
    return hdf5_failure("cannot read " + state.path);
  }
  const SpaceHandle memory(H5Screate_simple(1, &some, nullptr));
  H5Dvlen_reclaim(state.text_type.get(), memory.get(), H5P_DEFAULT, texts.data());
  return rows;
}

Result<std::uint64_t> TextTableReader::attribute(const std::string& name) const {
  const Session session;
  const AttributeHandle attribute(H5Aopen(state_->file.get(), name.c_str(), H5P_DEFAULT));
  std::uint64_t value = 0;
  if (!attribute || H5Aread(attribute.get(), H5T_NATIVE_UINT64, &value) < 0) {
    return hdf5_failure(fmt::format("cannot read the attribute {} of {}", name, state_->path));
  }
  return value;
}

}  // namespace lockstep::hdf5
