// How an element of a dataset in memory becomes JSON. Internal to the hdf5 room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hdf5/handle.hpp"
#include "value/builder.hpp"

namespace lockstep::hdf5 {

/// Numbers are numbers (NaN and infinities the strings that JSON says instead), texts without their padding, compounds
/// objects, arrays of fixed or variable length arrays, enumerations their names; one of FALSE and TRUE, as h5py and
/// PyTables write booleans, a boolean. Requires a Session.
class Element {
 public:
  /// Errors (invalid): of a type that JSON has nothing for.
  static Result<Element> of(hid_t file_type);

  /// The type to read it as, and its size there.
  hid_t memory_type() const { return memory_type_.get(); }
  std::size_t size() const { return size_; }
  /// Errors (invalid): a text that is not UTF-8.
  Result<void> append(Builder& builder, const std::byte* at) const;

 private:
  enum class Shape : std::uint8_t { integer, natural, real, named, boolean, text, object, array, list };
  struct Part {
    std::string name;
    std::size_t offset;
  };

  Element() = default;
  static Result<Element> from(TypeHandle memory_type);
  Result<void> describe();
  Result<void> describe_enumeration();
  Result<void> describe_compound();
  Result<void> describe_inner();
  std::int64_t whole_number(const std::byte* at) const;
  Result<void> append_real(Builder& builder, const std::byte* at) const;
  Result<void> append_text(Builder& builder, const std::byte* at) const;
  Result<void> append_inner(Builder& builder, const std::byte* at, std::size_t axis) const;

  TypeHandle memory_type_;
  std::size_t size_ = 0;
  Shape shape_ = Shape::integer;
  bool variable_ = false;                      // a text of variable length
  H5T_str_t padding_ = H5T_STR_NULLTERM;       // of one of fixed length
  std::map<std::int64_t, std::string> names_;  // of an enumeration
  std::vector<Part> parts_;                    // of a compound
  std::vector<std::size_t> lengths_;           // of an array, by axis
  std::vector<Element> inner_;                 // of a compound each part's, of an array or a list the one
};

}  // namespace lockstep::hdf5
