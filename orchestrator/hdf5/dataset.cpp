#include "hdf5/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "hdf5/element.hpp"
#include "value/builder.hpp"

namespace lockstep::hdf5 {

namespace {

constexpr std::size_t kChunkCache = std::size_t{64} << 20;
constexpr std::size_t kCacheSlots = 10'007;
constexpr std::uint64_t kRowsAtOnce = 4096;  // of which nobody knows before how long their texts are

/// Where libhdf5 puts what has no fixed length: all of it goes at once, and it never becomes more than `most`.
struct Pool {
  std::vector<std::unique_ptr<std::byte[]>> pieces;
  std::size_t held = 0;
  std::size_t most = 0;
  bool refused = false;  // it would have become more

  void clear() {
    pieces.clear();
    held = 0;
    refused = false;
  }
  static void* take(std::size_t size, void* pool) {
    auto& self = *static_cast<Pool*>(pool);
    if (size > self.most - self.held) {
      self.refused = true;
      return nullptr;
    }
    self.held += size;
    return self.pieces.emplace_back(std::make_unique_for_overwrite<std::byte[]>(size)).get();
  }
  static void give_back(void* /*piece*/, void* /*pool*/) {}
};

herr_t keep_dataset_name(hid_t group, const char* name, const H5L_info_t* /*link*/, void* names) {
  const Handle<H5Oclose> object(H5Oopen(group, name, H5P_DEFAULT));
  if (object && H5Iget_type(object.get()) == H5I_DATASET) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  }
  return 0;
}

}  // namespace

struct Dataset::State {
  std::string path;
  std::string name;
  Sizes sizes;
  FileHandle file;
  DatasetHandle dataset;
  SpaceHandle space;
  PropertiesHandle transfer;
  std::optional<Element> element;
  std::vector<hsize_t> lengths;  // by axis
  std::size_t row_elements = 1;
  std::vector<std::byte> block;
  Pool pool;
  std::uint64_t block_first = 0;  // row
  std::uint64_t block_rows = 0;
  std::uint64_t at = 0;  // row that is next

  std::size_t row_bytes() const { return row_elements * element->size(); }

  Result<void> open_file();
  Result<void> find_name();
  Result<void> open_dataset();
  Result<void> read_block();
  bool read_rows(std::uint64_t count);
  Result<void> append(Builder& builder, const std::byte*& from, std::size_t axis) const;
};

Result<void> Dataset::State::open_file() {
  const PropertiesHandle access = without_locks();
  H5Pset_cache(access.get(), 0, kCacheSlots, kChunkCache, 1.0);
  file = FileHandle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
  return file ? Result<void>() : hdf5_failure("cannot read the HDF5 file " + path);
}

Result<void> Dataset::State::find_name() {
  if (!name.empty() && H5Lexists(file.get(), name.c_str(), H5P_DEFAULT) > 0) {
    return {};
  }
  std::vector<std::string> names;
  H5Literate(file.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, keep_dataset_name, &names);
  H5Eclear2(H5E_DEFAULT);
  if (name.empty() && names.size() == 1) {
    name = names[0];
    return {};
  }
  constexpr std::size_t kNamed = 10;
  std::string there;
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i) {
    there += (i == 0 ? "/" : ", /") + names[i];
  }
  return fail(ErrorKind::invalid,
              fmt::format("the HDF5 file {} has no dataset '{}'; name one, its root group has {}{}", path, name,
                          there.empty() ? "none" : there, names.size() > kNamed ? ", …" : ""));
}

Result<void> Dataset::State::open_dataset() {
  TRY(find_name());
  dataset = DatasetHandle(H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT));
  if (!dataset) {
    return hdf5_failure(fmt::format("cannot open the dataset {} of {}", name, path));
  }
  space = SpaceHandle(H5Dget_space(dataset.get()));
  const int axes = H5Sget_simple_extent_ndims(space.get());
  if (axes <= 0 || H5Sget_simple_extent_type(space.get()) != H5S_SIMPLE) {
    return fail(ErrorKind::invalid, fmt::format("the dataset {} of {} is a single value: it has no rows", name, path));
  }
  lengths.resize(static_cast<std::size_t>(axes));
  H5Sget_simple_extent_dims(space.get(), lengths.data(), nullptr);
  const TypeHandle type(H5Dget_type(dataset.get()));
  auto described = Element::of(type.get());
  if (!described) {
    return fail(ErrorKind::invalid, fmt::format("the dataset {} of {}: {}", name, path, described.error().message));
  }
  element = std::move(*described);
  // As JSON a number takes more than its bytes here, and so does an array of nothing.
  constexpr std::size_t kBytesOfNode = 16;
  std::uint64_t nodes = 1;
  for (std::size_t axis = 1; axis < lengths.size() && row_elements != 0; ++axis) {
    if (lengths[axis] > sizes.largest / nodes) {
      nodes = sizes.largest + 1;
      break;
    }
    row_elements = lengths[axis] == 0 ? 0 : 1;
    nodes *= lengths[axis] == 0 ? 1 : lengths[axis];
  }
  row_elements *= nodes;
  if (nodes > 2 * sizes.largest / kBytesOfNode || row_elements > sizes.largest / element->size()) {
    return fail(ErrorKind::invalid,
                fmt::format("a slice along the first axis of the dataset {} of {} is longer than {} "
                            "bytes, the most that an item may have",
                            name, path, sizes.largest));
  }
  pool.most = sizes.largest;
  transfer = PropertiesHandle(H5Pcreate(H5P_DATASET_XFER));
  H5Pset_vlen_mem_manager(transfer.get(), Pool::take, &pool, Pool::give_back, &pool);
  return {};
}

bool Dataset::State::read_rows(std::uint64_t count) {
  pool.clear();
  std::vector<hsize_t> start(lengths.size(), 0);
  start[0] = at;
  std::vector<hsize_t> extent = lengths;
  extent[0] = count;
  const SpaceHandle memory(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr));
  block.resize(count * row_bytes());
  return memory &&
         H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) >= 0 &&
         H5Dread(dataset.get(), element->memory_type(), memory.get(), space.get(), transfer.get(), block.data()) >= 0;
}

Result<void> Dataset::State::read_block() {
  std::uint64_t count = std::min<std::uint64_t>(
      {lengths[0] - at, kRowsAtOnce, std::max<std::uint64_t>(1, sizes.block / std::max<std::size_t>(row_bytes(), 1))});
  if (row_bytes() > 0) {
    while (!read_rows(count)) {
      auto failure = hdf5_failure(fmt::format("cannot read row {} of the dataset {} of {}", at, name, path));
      if (!pool.refused) {
        return failure;
      }
      if (count == 1) {
        return fail(ErrorKind::invalid, fmt::format("row {} of the dataset {} of {} is longer than {} bytes, the most "
                                                    "that an item may have",
                                                    at, name, path, sizes.largest));
      }
      count = (count + 15) / 16;
    }
  }
  block_first = at;
  block_rows = count;
  return {};
}

Result<void> Dataset::State::append(Builder& builder, const std::byte*& from, std::size_t axis) const {
  if (axis == lengths.size()) {
    TRY(element->append(builder, from));
    from += element->size();
    return {};
  }
  builder.begin_array();
  for (hsize_t i = 0; i < lengths[axis]; ++i) {
    TRY(append(builder, from, axis + 1));
  }
  builder.end_array();
  return {};
}

Dataset::Dataset(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Dataset::~Dataset() {
  if (state_ != nullptr) {
    const Session session;
    state_.reset();
  }
}

Result<Dataset> Dataset::open(const std::string& path, const std::string& name) {
  return open(path, name, Sizes());
}

Result<Dataset> Dataset::open(const std::string& path, const std::string& name, Sizes sizes) {
  const Session session;
  auto state = std::make_unique<State>();
  state->path = path;
  state->name = name;
  state->sizes = sizes;
  TRY(state->open_file());
  TRY(state->open_dataset());
  return Dataset(std::move(state));
}

Result<std::optional<Value>> Dataset::next() {
  State& state = *state_;
  if (state.at == state.lengths[0]) {
    return std::optional<Value>();
  }
  if (state.at == state.block_first + state.block_rows) {
    const Session session;
    TRY(state.read_block());
  }
  const std::byte* from = state.block.data() + (state.at - state.block_first) * state.row_bytes();
  Builder builder;
  const auto appended = state.append(builder, from, 1);
  if (!appended) {
    return fail(appended.error().kind, fmt::format("row {} of the dataset {} of {}: {}", state.at, state.name,
                                                   state.path, appended.error().message));
  }
  ++state.at;
  return builder.finish();
}

std::uint64_t Dataset::size() const {
  return state_->lengths[0];
}

}  // namespace lockstep::hdf5
