#include "hdf5/element.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "value/utf8.hpp"

namespace lockstep::hdf5 {

namespace {

template <class T>
T loaded(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// A name that libhdf5 allocated.
std::string taken(char* name) {
  std::string text = name != nullptr ? as_utf8(name) : "";
  H5free_memory(name);
  return text;
}

}  // namespace

Result<Element> Element::of(hid_t file_type) {
  return from(TypeHandle(H5Tget_native_type(file_type, H5T_DIR_ASCEND)));
}

Result<Element> Element::from(TypeHandle memory_type) {
  Element element;
  element.memory_type_ = std::move(memory_type);
  if (!element.memory_type_) {
    return hdf5_failure("a type that this machine does not have");
  }
  element.size_ = H5Tget_size(element.memory_type());
  TRY(element.describe());
  return element;
}

Result<void> Element::describe() {
  const hid_t type = memory_type();
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      shape_ = H5Tget_sign(type) == H5T_SGN_NONE ? Shape::natural : Shape::integer;
      return {};
    case H5T_FLOAT:
      if (size_ != sizeof(float) && size_ != sizeof(double) && size_ != sizeof(long double)) {
        return fail(ErrorKind::invalid, fmt::format("floating-point numbers of {} bytes are not read", size_));
      }
      shape_ = Shape::real;
      return {};
    case H5T_STRING:
      shape_ = Shape::text;
      variable_ = H5Tis_variable_str(type) > 0;
      padding_ = H5Tget_strpad(type);
      return {};
    case H5T_ENUM:
      return describe_enumeration();
    case H5T_COMPOUND:
      return describe_compound();
    case H5T_ARRAY:
      shape_ = Shape::array;
      return describe_inner();
    case H5T_VLEN:
      shape_ = Shape::list;
      return describe_inner();
    default:
      return fail(ErrorKind::invalid, "elements that are references, times, bit fields or opaque have no form in JSON");
  }
}

Result<void> Element::describe_enumeration() {
  shape_ = Shape::named;
  for (unsigned i = 0; i < static_cast<unsigned>(std::max(0, H5Tget_nmembers(memory_type()))); ++i) {
    std::byte value[8] = {};
    if (size_ > sizeof value || H5Tget_member_value(memory_type(), i, value) < 0) {
      return hdf5_failure("an enumeration that cannot be read");
    }
    names_[whole_number(value)] = taken(H5Tget_member_name(memory_type(), i));
  }
  if (names_ == std::map<std::int64_t, std::string>{{0, "FALSE"}, {1, "TRUE"}}) {
    shape_ = Shape::boolean;
  }
  return {};
}

Result<void> Element::describe_compound() {
  shape_ = Shape::object;
  for (unsigned i = 0; i < static_cast<unsigned>(std::max(0, H5Tget_nmembers(memory_type()))); ++i) {
    parts_.push_back({taken(H5Tget_member_name(memory_type(), i)), H5Tget_member_offset(memory_type(), i)});
    inner_.push_back(TRY(from(TypeHandle(H5Tget_member_type(memory_type(), i)))));
  }
  return {};
}

Result<void> Element::describe_inner() {
  if (shape_ == Shape::array) {
    std::vector<hsize_t> lengths(static_cast<std::size_t>(std::max(0, H5Tget_array_ndims(memory_type()))));
    H5Tget_array_dims2(memory_type(), lengths.data());
    lengths_.assign(lengths.begin(), lengths.end());
  }
  inner_.push_back(TRY(from(TypeHandle(H5Tget_super(memory_type())))));
  return {};
}

/// Of the sizes that machines have; a uint64 beyond int64 comes out negative.
std::int64_t Element::whole_number(const std::byte* at) const {
  const bool natural = shape_ == Shape::natural;
  switch (size_) {
    case 1:
      return natural ? loaded<std::uint8_t>(at) : loaded<std::int8_t>(at);
    case 2:
      return natural ? loaded<std::uint16_t>(at) : loaded<std::int16_t>(at);
    case 4:
      return natural ? std::int64_t{loaded<std::uint32_t>(at)} : std::int64_t{loaded<std::int32_t>(at)};
    default:
      return loaded<std::int64_t>(at);
  }
}

Result<void> Element::append_real(Builder& builder, const std::byte* at) const {
  if (size_ == sizeof(float)) {
    // The shortest decimal that is this float, not all digits of the double that it is, too.
    builder.number(std::strtod(fmt::format("{}", loaded<float>(at)).c_str(), nullptr));
  } else if (size_ == sizeof(double)) {
    builder.number(loaded<double>(at));
  } else {
    builder.number(static_cast<double>(loaded<long double>(at)));
  }
  return {};
}

Result<void> Element::append_text(Builder& builder, const std::byte* at) const {
  std::string_view text;
  if (variable_) {
    const char* pointer = loaded<const char*>(at);
    text = pointer != nullptr ? std::string_view(pointer) : std::string_view();
  } else {
    text = {reinterpret_cast<const char*>(at), size_};
    if (padding_ == H5T_STR_NULLTERM) {
      text = text.substr(0, text.find('\0'));
    } else {
      text = text.substr(0, text.find_last_not_of(padding_ == H5T_STR_SPACEPAD ? ' ' : '\0') + 1);
    }
  }
  if (!is_utf8(text)) {
    return fail(ErrorKind::invalid, "a text is not UTF-8");
  }
  builder.string(text);
  return {};
}

Result<void> Element::append_inner(Builder& builder, const std::byte* at, std::size_t axis) const {
  std::size_t stride = inner_[0].size();
  for (std::size_t i = axis + 1; i < lengths_.size(); ++i) {
    stride *= lengths_[i];
  }
  builder.begin_array();
  for (std::size_t i = 0; i < lengths_[axis]; ++i, at += stride) {
    if (axis + 1 < lengths_.size()) {
      TRY(append_inner(builder, at, axis + 1));
    } else {
      TRY(inner_[0].append(builder, at));
    }
  }
  builder.end_array();
  return {};
}

Result<void> Element::append(Builder& builder, const std::byte* at) const {
  switch (shape_) {
    case Shape::integer:
      builder.integer(whole_number(at));
      return {};
    case Shape::natural:
      if (const std::int64_t number = whole_number(at); number >= 0) {
        builder.integer(number);
      } else {
        builder.spelled_number(std::to_string(static_cast<std::uint64_t>(number)));
      }
      return {};
    case Shape::real:
      return append_real(builder, at);
    case Shape::named:
      if (const auto name = names_.find(whole_number(at)); name != names_.end()) {
        builder.string(name->second);
      } else {
        builder.integer(whole_number(at));
      }
      return {};
    case Shape::boolean:
      builder.boolean(whole_number(at) != 0);
      return {};
    case Shape::text:
      return append_text(builder, at);
    case Shape::object:
      builder.begin_object();
      for (std::size_t i = 0; i < parts_.size(); ++i) {
        builder.key(parts_[i].name);
        TRY(inner_[i].append(builder, at + parts_[i].offset));
      }
      builder.end_object();
      return {};
    case Shape::array:
      return append_inner(builder, at, 0);
    case Shape::list: {
      const auto list = loaded<hvl_t>(at);
      builder.begin_array();
      for (std::size_t i = 0; i < list.len; ++i) {
        TRY(inner_[0].append(builder, static_cast<const std::byte*>(list.p) + i * inner_[0].size()));
      }
      builder.end_array();
      return {};
    }
  }
  return {};
}

}  // namespace lockstep::hdf5
