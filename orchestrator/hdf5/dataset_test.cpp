#include "hdf5/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "hdf5/handle.hpp"

namespace lockstep::hdf5 {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Texts = std::vector<std::string>;

class Datasets : public testing::Test {
 protected:
  Datasets() {
    std::string name = (std::filesystem::temp_directory_path() / "lockstep-hdf5-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    path_ = (folder_ / "a.h5").string();
    const Session session;
    file_ = FileHandle(H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  }
  ~Datasets() override {
    const Session session;
    file_.reset();
    std::filesystem::remove_all(folder_);
  }

  void write(const char* name, hid_t type, const std::vector<hsize_t>& lengths, const void* data, hsize_t chunk = 0) {
    if (!file_) {
      file_ = FileHandle(H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    }
    const SpaceHandle space(lengths.empty()
                                ? H5Screate(H5S_SCALAR)
                                : H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr));
    const PropertiesHandle layout(H5Pcreate(H5P_DATASET_CREATE));
    if (chunk > 0) {
      H5Pset_chunk(layout.get(), 1, &chunk);
      H5Pset_deflate(layout.get(), 1);
    }
    const PropertiesHandle links(H5Pcreate(H5P_LINK_CREATE));
    H5Pset_create_intermediate_group(links.get(), 1);
    const DatasetHandle dataset(
        H5Dcreate2(file_.get(), name, type, space.get(), links.get(), layout.get(), H5P_DEFAULT));
    ASSERT_TRUE(dataset);
    if (data != nullptr) {
      ASSERT_GE(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    }
  }

  /// All rows as JSON; an error's message behind `!`.
  Texts rows(const std::string& name, Dataset::Sizes sizes = {}) {
    {
      const Session session;
      file_.reset();
    }
    Texts texts;
    auto dataset = Dataset::open(path_, name, sizes);
    while (dataset) {
      const auto row = dataset->next();
      if (!row || !row->has_value()) {
        if (!row) {
          texts.push_back("!" + row.error().message);
        } else {
          EXPECT_EQ(texts.size(), dataset->size());
        }
        return texts;
      }
      texts.push_back((*row)->to_text());
    }
    return {"!" + dataset.error().message};
  }

  std::filesystem::path folder_;
  std::string path_;
  FileHandle file_;
};

TypeHandle variable_text() {
  TypeHandle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

TEST_F(Datasets, NumbersOfAllSizes) {
  const std::int8_t small[] = {-128, 127};
  write("i8", H5T_NATIVE_INT8, {2}, small);
  const std::uint64_t large[] = {0, UINT64_MAX};
  write("u64", H5T_NATIVE_UINT64, {2}, large);
  const float floats[] = {0.1F, -2, INFINITY};
  write("f32", H5T_NATIVE_FLOAT, {3}, floats);
  const double doubles[] = {0.1, NAN, 1e300};
  write("f64", H5T_NATIVE_DOUBLE, {3}, doubles);
  const std::uint8_t big_endian[] = {1, 2};
  write("be", H5T_STD_U16BE, {1}, big_endian);
  EXPECT_THAT(rows("i8"), ElementsAre("-128", "127"));
  EXPECT_THAT(rows("u64"), ElementsAre("0", "18446744073709551615"));
  EXPECT_THAT(rows("/f32"), ElementsAre("0.1", "-2", "\"Infinity\""));
  EXPECT_THAT(rows("f64"), ElementsAre("0.1", "\"NaN\"", "1e+300"));
  EXPECT_THAT(rows("be"), ElementsAre("258"));
}

TEST_F(Datasets, ATableHasObjects) {
  struct Row {
    std::int32_t id;
    char name[4];
    double where[2];
    std::int8_t good;
    std::uint8_t colour;
    const char* note;
    hvl_t tags;
  };
  const TypeHandle name(H5Tcopy(H5T_C_S1));
  H5Tset_size(name.get(), 4);
  H5Tset_strpad(name.get(), H5T_STR_NULLPAD);
  const hsize_t two = 2;
  const TypeHandle where(H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &two));
  const TypeHandle good(H5Tenum_create(H5T_NATIVE_INT8));
  std::int8_t value = 0;
  H5Tenum_insert(good.get(), "FALSE", &value);
  H5Tenum_insert(good.get(), "TRUE", &(value = 1));
  const TypeHandle colour(H5Tenum_create(H5T_NATIVE_UINT8));
  std::uint8_t code = 200;
  H5Tenum_insert(colour.get(), "RED", &code);
  const TypeHandle note = variable_text();
  const TypeHandle tags(H5Tvlen_create(H5T_NATIVE_INT32));
  const TypeHandle row(H5Tcreate(H5T_COMPOUND, sizeof(Row)));
  H5Tinsert(row.get(), "id", offsetof(Row, id), H5T_NATIVE_INT32);
  H5Tinsert(row.get(), "name", offsetof(Row, name), name.get());
  H5Tinsert(row.get(), "where", offsetof(Row, where), where.get());
  H5Tinsert(row.get(), "good", offsetof(Row, good), good.get());
  H5Tinsert(row.get(), "colour", offsetof(Row, colour), colour.get());
  H5Tinsert(row.get(), "note", offsetof(Row, note), note.get());
  H5Tinsert(row.get(), "tags", offsetof(Row, tags), tags.get());
  std::int32_t numbers[] = {5, 6};
  const Row data[] = {{1, {'a', 'b', 'c', 'd'}, {1.5, 2}, 1, 200, "\xC3\xA9\"", {2, numbers}},
                      {-2, {'x', 0, 0, 0}, {0, -1}, 0, 7, nullptr, {0, nullptr}}};
  write("group/table", row.get(), {2}, data);
  EXPECT_THAT(
      rows("/group/table"),
      ElementsAre(
          "{\"id\":1,\"name\":\"abcd\",\"where\":[1.5,2],\"good\":true,\"colour\":\"RED\",\"note\":\"\xC3\xA9\\\"\","
          "\"tags\":[5,6]}",
          R"({"id":-2,"name":"x","where":[0,-1],"good":false,"colour":7,"note":"","tags":[]})"));
}

TEST_F(Datasets, AnArrayHasSlices) {
  const std::int32_t numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  write("cube", H5T_NATIVE_INT32, {3, 2, 2}, numbers);
  EXPECT_THAT(rows("cube"), ElementsAre("[[1,2],[3,4]]", "[[5,6],[7,8]]", "[[9,10],[11,12]]"));
  EXPECT_THAT(rows("cube", {1, 100}), ElementsAre("[[1,2],[3,4]]", "[[5,6],[7,8]]", "[[9,10],[11,12]]"));
  EXPECT_THAT(rows("cube", {1, 15}), ElementsAre(HasSubstr("longer than 15 bytes")));
  EXPECT_THAT(rows(""), ElementsAre("[[1,2],[3,4]]", "[[5,6],[7,8]]", "[[9,10],[11,12]]"));
  write("none", H5T_NATIVE_INT32, {0, 2}, nullptr);
  write("thin", H5T_NATIVE_INT32, {2, 0}, nullptr);
  EXPECT_THAT(rows("none"), testing::IsEmpty());
  EXPECT_THAT(rows("thin"), ElementsAre("[]", "[]"));
}

TEST_F(Datasets, ManyRowsComeInOrderWhateverTheBlocks) {
  std::vector<std::int64_t> numbers(20'000);
  Texts shown;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<std::int64_t>(i * i);
    shown.push_back(std::to_string(numbers[i]));
  }
  write("packed", H5T_NATIVE_INT64, {numbers.size()}, numbers.data(), 777);
  EXPECT_EQ(rows("packed"), shown);
  EXPECT_EQ(rows("packed", {1000, 1000}), shown);
}

TEST_F(Datasets, TextsMayBeLongButNotTooLong) {
  const std::string text(1000, 'x');
  std::vector<const char*> texts(50, text.c_str());
  const TypeHandle type = variable_text();
  write("texts", type.get(), {texts.size()}, texts.data());
  EXPECT_EQ(rows("texts", {1 << 20, 5000}), Texts(50, "\"" + text + "\""));
  EXPECT_THAT(rows("texts", {1 << 20, 500}),
              ElementsAre(HasSubstr("row 0 of the dataset texts of " + path_ + " is longer than 500")));
}

TEST_F(Datasets, WhatCannotBeReadIsNamed) {
  const std::int32_t numbers[] = {1, 2};
  write("a", H5T_NATIVE_INT32, {2}, numbers);
  write("b/c", H5T_NATIVE_INT32, {2}, numbers);
  write("scalar", H5T_NATIVE_INT32, {}, numbers);
  const TypeHandle opaque(H5Tcreate(H5T_OPAQUE, 4));
  write("opaque", opaque.get(), {2}, numbers);
  const TypeHandle latin(H5Tcopy(H5T_C_S1));
  write("latin", latin.get(), {1}, "\xE9");
  EXPECT_THAT(rows("/x/y"),
              ElementsAre(AllOf(HasSubstr("has no dataset '/x/y'"), HasSubstr("/a, /latin, /opaque, /scalar"))));
  EXPECT_THAT(rows(""), ElementsAre(HasSubstr("has no dataset ''")));
  EXPECT_THAT(rows("b"), ElementsAre(HasSubstr("cannot open the dataset b")));
  EXPECT_THAT(rows("scalar"), ElementsAre(HasSubstr("it has no rows")));
  EXPECT_THAT(rows("opaque"), ElementsAre(HasSubstr("have no form in JSON")));
  EXPECT_THAT(rows("latin"), ElementsAre(AllOf(HasSubstr("row 0"), HasSubstr("not UTF-8"))));
  const std::string other = (folder_ / "text").string();
  std::ofstream(other) << "id,name\n";
  EXPECT_THAT(Dataset::open(other, "a").error().message, HasSubstr("cannot read the HDF5 file " + other));
}

}  // namespace
}  // namespace lockstep::hdf5
