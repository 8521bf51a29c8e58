#include "hdf5/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hdf5/handle.hpp"
#include "hdf5/memory_file.hpp"

namespace lockstep::hdf5 {

/// Members are closed under the lock: see close().
struct State {
  State() = default;
  explicit State(std::span<const std::byte> borrowed) : bytes(borrowed) {}

  MemoryFile bytes;
  FileHandle file;
};

namespace {

constexpr std::uint64_t kChunkBytes = 65'536;
constexpr unsigned kDeflateLevel = 1;
// libhdf5 wants one; it leads nowhere.
constexpr const char* kName = "memory";
// So many are packed before anybody is asked whether to go on.
constexpr std::uint64_t kChunksAtOnce = 16;

void close(std::unique_ptr<State>& state) {
  if (state != nullptr) {
    const Session session;
    state.reset();
  }
}

TypeHandle column_type(const Column& column, const RowType& row) {
  switch (column.type) {
    case ColumnType::u16:
      return TypeHandle(H5Tcopy(H5T_STD_U16LE));
    case ColumnType::u32:
      return TypeHandle(H5Tcopy(H5T_STD_U32LE));
    case ColumnType::u64:
      return TypeHandle(H5Tcopy(H5T_STD_U64LE));
    case ColumnType::i64:
      return TypeHandle(H5Tcopy(H5T_STD_I64LE));
    case ColumnType::name: {
      TypeHandle type(H5Tenum_create(H5T_STD_U16LE));
      for (const NamedValue& named : row.names) {
        std::uint8_t little[2] = {static_cast<std::uint8_t>(named.value & 0xff),
                                  static_cast<std::uint8_t>(named.value >> 8)};
        H5Tenum_insert(type.get(), std::string(named.name).c_str(), little);
      }
      return type;
    }
    case ColumnType::text: {
      TypeHandle type(H5Tcopy(H5T_C_S1));
      H5Tset_size(type.get(), column.size);
      H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
      H5Tset_cset(type.get(), H5T_CSET_UTF8);
      return type;
    }
  }
  return {};
}

TypeHandle compound(const RowType& row) {
  TypeHandle type(H5Tcreate(H5T_COMPOUND, row.size));
  for (const Column& column : row.columns) {
    const TypeHandle member = column_type(column, row);
    if (!member || H5Tinsert(type.get(), std::string(column.name).c_str(), column.offset, member.get()) < 0) {
      return {};
    }
  }
  return type;
}

PropertiesHandle contiguous_layout() {
  PropertiesHandle layout(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_layout(layout.get(), H5D_CONTIGUOUS);
  H5Pset_alloc_time(layout.get(), H5D_ALLOC_TIME_EARLY);
  H5Pset_obj_track_times(layout.get(), false);
  return layout;
}

PropertiesHandle packed_layout(hsize_t chunk) {
  PropertiesHandle layout(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_chunk(layout.get(), 1, &chunk);
  H5Pset_shuffle(layout.get());
  H5Pset_deflate(layout.get(), kDeflateLevel);
  H5Pset_fletcher32(layout.get());
  H5Pset_obj_track_times(layout.get(), false);
  return layout;
}

Result<DatasetHandle> create_dataset(const State& state, const std::string& name, hid_t type, std::uint64_t count,
                                     const PropertiesHandle& layout) {
  const hsize_t extent = count;
  const SpaceHandle space(H5Screate_simple(1, &extent, nullptr));
  DatasetHandle dataset(
      H5Dcreate2(state.file.get(), name.c_str(), type, space.get(), H5P_DEFAULT, layout.get(), H5P_DEFAULT));
  if (!dataset) {
    return hdf5_failure("cannot lay out the dataset " + name);
  }
  return dataset;
}

Result<Extent> reserve(const State& state, const std::string& name, hid_t type, std::uint64_t element_size,
                       std::uint64_t count) {
  const auto dataset = TRY(create_dataset(state, name, type, count, contiguous_layout()));
  const haddr_t offset = H5Dget_offset(dataset.get());
  if (offset == HADDR_UNDEF) {
    return hdf5_failure("cannot find the bytes of the dataset " + name);
  }
  return Extent{offset, element_size * count};
}

Result<void> write(const State& state, const std::string& name, hid_t type, std::span<const std::byte> bytes,
                   std::uint64_t count) {
  const auto dataset = TRY(create_dataset(state, name, type, count, contiguous_layout()));
  if (count > 0 && H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0) {
    return hdf5_failure("cannot write the dataset " + name);
  }
  return {};
}

Result<void> pack(const State& state, const std::string& name, hid_t type, std::uint64_t element_size,
                  std::span<const std::byte> bytes, const std::function<bool()>& give_up) {
  const std::uint64_t count = bytes.size() / element_size;
  const hsize_t chunk = std::max<std::uint64_t>(1, std::min(count, kChunkBytes / element_size));
  const auto dataset = TRY(create_dataset(state, name, type, count, packed_layout(chunk)));
  const SpaceHandle all(H5Dget_space(dataset.get()));
  const hsize_t at_once = kChunksAtOnce * chunk;
  for (hsize_t from = 0; from < count; from += at_once) {
    if (give_up && give_up()) {
      return fail(ErrorKind::interrupted, "given up");
    }
    const hsize_t part = std::min(at_once, count - from);
    const SpaceHandle memory(H5Screate_simple(1, &part, nullptr));
    if (H5Sselect_hyperslab(all.get(), H5S_SELECT_SET, &from, nullptr, &part, nullptr) < 0 ||
        H5Dwrite(dataset.get(), type, memory.get(), all.get(), H5P_DEFAULT, &bytes[from * element_size]) < 0) {
      return hdf5_failure("cannot write the dataset " + name);
    }
  }
  return {};
}

std::size_t column_size(const Column& column) {
  switch (column.type) {
    case ColumnType::u16:
    case ColumnType::name:
      return 2;
    case ColumnType::u32:
      return 4;
    case ColumnType::u64:
    case ColumnType::i64:
      return 8;
    case ColumnType::text:
      return column.size;
  }
  return 0;
}

/// Whether rows of the `stored` type lie as `row` says. What names an enum has does not matter: later versions add
/// some.
bool lies_as(hid_t stored, const RowType& row) {
  if (H5Tget_class(stored) != H5T_COMPOUND || H5Tget_size(stored) != row.size ||
      H5Tget_nmembers(stored) != static_cast<int>(row.columns.size())) {
    return false;
  }
  return std::all_of(row.columns.begin(), row.columns.end(), [&](const Column& column) {
    const int index = H5Tget_member_index(stored, std::string(column.name).c_str());
    if (index < 0 || H5Tget_member_offset(stored, static_cast<unsigned>(index)) != column.offset) {
      return false;
    }
    const TypeHandle member(H5Tget_member_type(stored, static_cast<unsigned>(index)));
    return H5Tget_size(member.get()) == column_size(column);
  });
}

struct OpenDataset {
  DatasetHandle handle;
  TypeHandle stored;
  std::uint64_t count = 0;
};

/// `row` null: single bytes.
Result<OpenDataset> open_dataset(const State& state, const std::string& name, const RowType* row) {
  OpenDataset dataset;
  dataset.handle = DatasetHandle(H5Dopen2(state.file.get(), name.c_str(), H5P_DEFAULT));
  if (!dataset.handle) {
    return hdf5_failure("no dataset " + name);
  }
  dataset.stored = TypeHandle(H5Dget_type(dataset.handle.get()));
  const hid_t stored = dataset.stored.get();
  if (row != nullptr ? !lies_as(stored, *row) : H5Tequal(stored, H5T_STD_U8LE) <= 0) {
    return fail(ErrorKind::io, fmt::format("the dataset {} has other columns than this version knows", name));
  }
  const SpaceHandle space(H5Dget_space(dataset.handle.get()));
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  if (count < 0) {
    return hdf5_failure("cannot tell the size of the dataset " + name);
  }
  dataset.count = static_cast<std::uint64_t>(count);
  return dataset;
}

Result<std::vector<std::byte>> read(const State& state, const std::string& name, const RowType* row,
                                    std::uint64_t max_bytes) {
  const std::uint64_t element_size = row != nullptr ? row->size : 1;
  const auto dataset = TRY(open_dataset(state, name, row));
  if (dataset.count > max_bytes / element_size) {
    return fail(ErrorKind::io, fmt::format("the dataset {} is larger than it may be", name));
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(dataset.count) * element_size);
  // As it stands in the file: nothing is to be converted.
  if (!bytes.empty() &&
      H5Dread(dataset.handle.get(), dataset.stored.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0) {
    return hdf5_failure("cannot read the dataset " + name);
  }
  return bytes;
}

}  // namespace

Composer::Composer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Composer::Composer(Composer&&) noexcept = default;
Composer& Composer::operator=(Composer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Composer::~Composer() {
  close(state_);
}

Result<Composer> Composer::create(std::size_t user_block) {
  const Session session;
  auto state = std::make_unique<State>();
  const PropertiesHandle creation(H5Pcreate(H5P_FILE_CREATE));
  H5Pset_userblock(creation.get(), user_block);
  H5Pset_obj_track_times(creation.get(), false);
  state->file = FileHandle(H5Fcreate(kName, H5F_ACC_TRUNC, creation.get(), state->bytes.access().get()));
  if (!state->file) {
    return hdf5_failure("cannot lay out a file");
  }
  return Composer(std::move(state));
}

Result<void> Composer::attribute(const std::string& name, std::uint64_t value) {
  const Session session;
  const SpaceHandle space(H5Screate(H5S_SCALAR));
  const AttributeHandle attribute(
      H5Acreate2(state_->file.get(), name.c_str(), H5T_STD_U64LE, space.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute || H5Awrite(attribute.get(), H5T_NATIVE_UINT64, &value) < 0) {
    return hdf5_failure("cannot write the attribute " + name);
  }
  return {};
}

Result<void> Composer::attribute(const std::string& name, const std::string& value) {
  const Session session;
  const SpaceHandle space(H5Screate(H5S_SCALAR));
  const TypeHandle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), value.size() + 1);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  const AttributeHandle attribute(
      H5Acreate2(state_->file.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute || H5Awrite(attribute.get(), type.get(), value.c_str()) < 0) {
    return hdf5_failure("cannot write the attribute " + name);
  }
  return {};
}

Result<Extent> Composer::reserve_rows(const std::string& name, const RowType& type, std::uint64_t count) {
  const Session session;
  const TypeHandle row = compound(type);
  return reserve(*state_, name, row.get(), type.size, count);
}

Result<Extent> Composer::reserve_bytes(const std::string& name, std::uint64_t count) {
  const Session session;
  return reserve(*state_, name, H5T_STD_U8LE, 1, count);
}

Result<void> Composer::write_rows(const std::string& name, const RowType& type, std::span<const std::byte> bytes) {
  const Session session;
  const TypeHandle row = compound(type);
  return write(*state_, name, row.get(), bytes, bytes.size() / type.size);
}

Result<void> Composer::write_bytes(const std::string& name, std::span<const std::byte> bytes) {
  const Session session;
  return write(*state_, name, H5T_STD_U8LE, bytes, bytes.size());
}

Result<void> Composer::pack_rows(const std::string& name, const RowType& type, std::span<const std::byte> bytes,
                                 const std::function<bool()>& give_up) {
  const Session session;
  const TypeHandle row = compound(type);
  return pack(*state_, name, row.get(), type.size, bytes, give_up);
}

Result<void> Composer::pack_bytes(const std::string& name, std::span<const std::byte> bytes,
                                  const std::function<bool()>& give_up) {
  const Session session;
  return pack(*state_, name, H5T_STD_U8LE, 1, bytes, give_up);
}

Result<std::vector<std::byte>> Composer::finish() {
  auto all = TRY(finish_around({}));
  return std::move(all.before);
}

Result<Composer::Around> Composer::finish_around(const Extent& hole) {
  const Session session;
  const std::unique_ptr<State> state = std::move(state_);
  if (H5Fflush(state->file.get(), H5F_SCOPE_GLOBAL) < 0) {
    return hdf5_failure("cannot lay out a file");
  }
  const std::uint64_t size = state->bytes.size();
  return hole.bytes == 0 ? Around{state->bytes.read(0, size), {}}
                         : Around{state->bytes.read(0, hole.offset), state->bytes.read(hole.offset + hole.bytes, size)};
}

Image::Image(std::unique_ptr<State> state) : state_(std::move(state)) {}
Image::Image(Image&&) noexcept = default;
Image& Image::operator=(Image&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Image::~Image() {
  close(state_);
}

Result<Image> Image::open(std::span<const std::byte> file) {
  const Session session;
  auto state = std::make_unique<State>(file);
  state->file = FileHandle(H5Fopen(kName, H5F_ACC_RDONLY, state->bytes.access().get()));
  if (!state->file) {
    return hdf5_failure("not an HDF5 file");
  }
  return Image(std::move(state));
}

Result<std::vector<std::byte>> Image::rows(const std::string& name, const RowType& type,
                                           std::uint64_t max_bytes) const {
  const Session session;
  return read(*state_, name, &type, max_bytes);
}

Result<std::vector<std::byte>> Image::bytes(const std::string& name, std::uint64_t max_bytes) const {
  const Session session;
  return read(*state_, name, nullptr, max_bytes);
}

Result<std::span<const std::byte>> Image::view(const std::string& name) const {
  const Session session;
  const auto dataset = TRY(open_dataset(*state_, name, nullptr));
  const std::uint64_t bytes = dataset.count;
  const haddr_t offset = H5Dget_offset(dataset.handle.get());
  const std::span<const std::byte> file = state_->bytes.borrowed();
  if (bytes == 0) {
    return file.first(0);
  }
  if (offset == HADDR_UNDEF || offset > file.size() || bytes > file.size() - offset) {
    return fail(ErrorKind::io, fmt::format("the bytes of the dataset {} do not lie in the file as they are", name));
  }
  return file.subspan(offset, bytes);
}

Result<std::uint64_t> Image::number(const std::string& attribute) const {
  const Session session;
  const AttributeHandle handle(H5Aopen(state_->file.get(), attribute.c_str(), H5P_DEFAULT));
  std::uint64_t value = 0;
  if (!handle || H5Aread(handle.get(), H5T_NATIVE_UINT64, &value) < 0) {
    return hdf5_failure("no number " + attribute);
  }
  return value;
}

Result<std::string> Image::text(const std::string& attribute) const {
  const Session session;
  const AttributeHandle handle(H5Aopen(state_->file.get(), attribute.c_str(), H5P_DEFAULT));
  if (!handle) {
    return hdf5_failure("no text " + attribute);
  }
  const TypeHandle type(H5Aget_type(handle.get()));
  constexpr std::size_t kLongest = 65'536;
  const std::size_t size = H5Tget_size(type.get());
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) > 0 || size > kLongest) {
    return fail(ErrorKind::io, fmt::format("{} is not a text", attribute));
  }
  std::string value(size, '\0');
  if (H5Aread(handle.get(), type.get(), value.data()) < 0) {
    return hdf5_failure("no text " + attribute);
  }
  value.resize(std::strlen(value.c_str()));
  return value;
}

}  // namespace lockstep::hdf5
