#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "hdf5/image.hpp"
#include "map_run/test_items.hpp"

namespace lockstep::map_run {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class OpenItems : public testing::Test {
 protected:
  std::vector<std::string> read(const std::string& key, const std::string& type,
                                std::optional<std::int64_t> max_items = {}) {
    return all_of(open(key, type, max_items));
  }
  Result<std::unique_ptr<ItemSource>> open(const std::string& key, const std::string& type,
                                           std::optional<std::int64_t> max_items = {}) {
    reader_.resource = "arn:aws:states:::s3:getObject";
    reader_.input_type = type;
    return open_items({&reader_, "data", key, "", max_items}, buckets_);
  }

  TestFolder folder_;
  Buckets buckets_{{{"data", folder_.path()}}, ""};
  asl::ItemReader reader_;
};

TEST_F(OpenItems, ByInputType) {
  folder_.write("a.csv", "x\n1\n");
  folder_.write("a.json", "[1]");
  folder_.write("a.jsonl", "1\n");
  EXPECT_THAT(read("a.csv", "CSV"), ElementsAre(R"({"x":"1"})"));
  EXPECT_THAT(read("a.json", "JSON"), ElementsAre("1"));
  EXPECT_THAT(read("a.jsonl", "JSONL"), ElementsAre("1"));
  EXPECT_THAT(read("a.csv", "LINES"), ElementsAre("\"x\"", "\"1\""));
  EXPECT_THAT(read("a.csv", ""), ElementsAre(HasSubstr("S3://data/a.csv is to be read")));
}

TEST_F(OpenItems, RowsOfHdf5) {
  constexpr hdf5::Column kColumns[] = {{"id", hdf5::ColumnType::u32, 0}, {"name", hdf5::ColumnType::text, 4, 4}};
  hdf5::Composer composer = hdf5::Composer::create(512).value();
  const std::string rows("\1\0\0\0ab\0\0\2\0\0\0cdef", 16);
  ASSERT_TRUE(composer.write_rows("table", {8, kColumns, {}}, std::as_bytes(std::span(rows))));
  const std::vector<std::byte> file = composer.finish().value();
  folder_.write("a.h5", {reinterpret_cast<const char*>(file.data()), file.size()});
  reader_.items_pointer = "/table";
  EXPECT_THAT(read("a.h5", "HDF5"), ElementsAre(R"({"id":1,"name":"ab"})", R"({"id":2,"name":"cdef"})"));
  EXPECT_THAT(read("a.h5", "HDF5", 1), ElementsAre(R"({"id":1,"name":"ab"})"));
  EXPECT_EQ(open("a.h5", "HDF5", 1).value()->size(), 1U);
  EXPECT_EQ(open("a.h5", "HDF5").value()->next().value()->source, "S3://data/a.h5");
  EXPECT_THAT(read("none.h5", "HDF5"), ElementsAre(HasSubstr("The specified key does not exist.")));
}

TEST_F(OpenItems, MaxItems) {
  folder_.write("a", "1\n2\n3\n");
  EXPECT_THAT(read("a", "JSONL", 2), ElementsAre("1", "2"));
  EXPECT_THAT(read("a", "JSONL", 0), ElementsAre("1", "2", "3"));
  EXPECT_THAT(read("a", "JSONL", 200'000'000), ElementsAre("1", "2", "3"));
  EXPECT_THAT(read("a", "JSONL", -1), ElementsAre("!field MaxItems must be positive"));
}

TEST_F(OpenItems, SourceAndFilesAreKnown) {
  const std::string path = folder_.write("sub/a", "1\n");
  const auto source = open("sub/a", "JSONL", 5).value();
  EXPECT_THAT(source->files(), ElementsAre(path));
  EXPECT_EQ(source->next().value()->source, "S3://data/sub/a");
}

TEST_F(OpenItems, WhatIsNotThereOrNoFileIsNamed) {
  EXPECT_THAT(read("none.csv", "CSV"), ElementsAre(AllOf(StartsWith("!The specified key does not exist."),
                                                         HasSubstr("S3://data/none.csv"), HasSubstr(folder_.path()))));
  folder_.write("sub/a", "");
  EXPECT_THAT(read("sub", "CSV"), ElementsAre(HasSubstr("S3://data/sub is not a file")));
  EXPECT_THAT(read("sub/a/b", "CSV"), ElementsAre(HasSubstr("does not exist")));
  ASSERT_EQ(::mkfifo((folder_.path() + "/pipe").c_str(), 0600), 0);
  EXPECT_THAT(read("pipe", "CSV"), ElementsAre(HasSubstr("is not a file")));
  EXPECT_THAT(read("../x", "CSV"), ElementsAre(HasSubstr("leads out of bucket")));
}

class Listed : public OpenItems {
 protected:
  std::vector<std::string> list(const std::string& prefix, const std::string& type = "",
                                std::optional<std::int64_t> max_items = {}) {
    reader_.resource = "arn:aws:states:::s3:listObjectsV2";
    reader_.input_type = type;
    reader_.transformation = type.empty() ? "" : "LOAD_AND_FLATTEN";
    return all_of(open_items({&reader_, "data", "", prefix, max_items}, buckets_));
  }
};

TEST_F(Listed, TheListingItself) {
  folder_.write("x/a", "");
  folder_.write("x/b", "");
  EXPECT_THAT(list("x/"), ElementsAre(HasSubstr(R"("Key":"x/a")"), HasSubstr(R"("Key":"x/b")")));
  EXPECT_THAT(list("x/", "", 1), ElementsAre(HasSubstr(R"("Key":"x/a")")));
  EXPECT_THAT(list("y/"), testing::IsEmpty());
  buckets_ = {{{"data", folder_.path() + "/none"}}, ""};
  EXPECT_THAT(list(""), ElementsAre(HasSubstr("The specified bucket does not exist.")));
}

TEST_F(Listed, LoadedAndFlattened) {
  folder_.write("x/1.csv", "a\n1\n2\n");
  folder_.write("x/2.csv", "");
  folder_.write("x/3.csv", "b\n3");
  EXPECT_THAT(list("x/", "CSV"), ElementsAre(R"({"a":"1"})", R"({"a":"2"})", R"({"b":"3"})"));
  EXPECT_THAT(list("x/", "CSV", 2), ElementsAre(R"({"a":"1"})", R"({"a":"2"})"));
  EXPECT_THAT(list("x/3", "JSON"), ElementsAre(HasSubstr("S3://data/x/3.csv is not JSON")));
}

TEST_F(Listed, AKeyWithWildcardsMeansAllThatItMatches) {
  folder_.write("x/1.jsonl", "1");
  folder_.write("x/2.jsonl", "2");
  folder_.write("x/2.txt", "x");
  folder_.write("x/y/3.jsonl", "3");
  EXPECT_THAT(read("x/*.jsonl", "JSONL"), ElementsAre("1", "2"));
  EXPECT_THAT(read("*/*/?.jsonl", "JSONL"), ElementsAre("3"));
  EXPECT_THAT(read("x/[2-9].*l", "JSONL"), ElementsAre("2"));
  EXPECT_THAT(read("x/*.csv", "JSONL"),
              ElementsAre(AllOf(StartsWith("!The specified key does not exist."), HasSubstr("x/*.csv"))));
  folder_.write("x/*.csv", "7");
  EXPECT_THAT(read("x/*.csv", "JSONL"), ElementsAre("7"));
}

TEST(ItemsOf, AnArrayOrAnObject) {
  const auto array = items_of(Value::from_text("[1,{\"a\":2}]").value());
  EXPECT_EQ(array->size(), 2U);
  const Item first = array->next().value().value();
  EXPECT_EQ(first.source, "STATE_DATA");
  EXPECT_EQ(first.key, "");
  EXPECT_EQ(array->next().value()->value.to_text(), "{\"a\":2}");
  EXPECT_FALSE(array->next().value().has_value());

  const auto object = items_of(Value::from_text("{\"k\":[1],\"l\":null}").value());
  const Item pair = object->next().value().value();
  EXPECT_EQ(pair.key, "k");
  EXPECT_EQ(pair.value.to_text(), R"({"Key":"k","Value":[1]})");
  EXPECT_EQ(object->next().value()->value.to_text(), R"({"Key":"l","Value":null})");
  EXPECT_FALSE(object->next().value().has_value());
  EXPECT_FALSE(items_of(Value::empty_array())->next().value().has_value());
}

TEST(Fingerprint, TellsWhatChanged) {
  const TestFolder folder;
  const std::string large(300'000, 'x');
  const std::string path = folder.write("a", large);
  const Value before = fingerprint({path}).value();
  EXPECT_EQ(before.node().find(path)->find("Size")->as_integer(), 300'000);
  EXPECT_EQ(fingerprint({path}).value(), before);
  const auto time = std::filesystem::last_write_time(path);
  for (const std::size_t at : {std::size_t{0}, large.size() - 1}) {
    std::string other = large;
    other[at] = 'y';
    folder.write("a", other);
    std::filesystem::last_write_time(path, time);
    EXPECT_FALSE(fingerprint({path}).value() == before) << at;
  }
  folder.write("a", large);
  std::filesystem::last_write_time(path, time);
  EXPECT_EQ(fingerprint({path}).value(), before);
  EXPECT_THAT(fingerprint({folder.path() + "/none"}).error().message, HasSubstr("none"));
}

}  // namespace
}  // namespace lockstep::map_run
