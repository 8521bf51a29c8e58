// The readers of single texts, one for each InputType. Internal to the map_run room.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "map_run/item_source.hpp"
#include "map_run/text_reader.hpp"

namespace lockstep::map_run {

struct CsvFormat {
  char delimiter = ',';
  bool header_in_first_row = true;
  std::vector<std::string> headers;  ///< where they are given
};
CsvFormat csv_format(const asl::ItemReader& reader);

/// A row each: header → text. Shorter rows are filled with "", what rows have beyond the header is dropped. Errors: of
/// CsvRecords; two columns have the same header.
Result<std::unique_ptr<ItemSource>> csv_items(TextReader reader, const CsvFormat& format);

/// The elements of the array, or the members of the object, that JSON text has at `pointer` (RFC 6901; empty: the text
/// is an array). Only the items are read in full: of what stands around them, brackets and strings are looked at. Of
/// members with the same name the first is the one that the pointer means.
Result<std::unique_ptr<ItemSource>> json_items(TextReader reader, const std::string& pointer);

/// A line each, of JSON, or as it stands; blank lines are skipped.
std::unique_ptr<ItemSource> json_line_items(TextReader reader);
std::unique_ptr<ItemSource> line_items(TextReader reader);

/// The rows of an HDF5 dataset, or an array's slices along its first axis (hdf5/dataset.hpp). libhdf5's lock is taken.
Result<std::unique_ptr<ItemSource>> hdf5_items(const std::string& path, std::string uri, const std::string& dataset);

/// The item that a member of an object is: {"Key", "Value"}.
Item item_of_member(std::string name, const Value& value, std::string source);

/// What one object holds, read as `reader.input_type` says.
Result<std::unique_ptr<ItemSource>> object_items(const asl::ItemReader& reader, const std::string& path,
                                                 std::string uri);

}  // namespace lockstep::map_run
