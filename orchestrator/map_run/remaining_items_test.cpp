#include "map_run/remaining_items.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "map_run/test_items.hpp"

namespace lockstep::map_run {
namespace {

using testing::ElementsAre;

bool odd(std::uint64_t index) {
  return index % 2 == 1;
}

/// Files of a bucket, and how they are read.
class RemainingItemsTest : public testing::Test {
 protected:
  RemainingItemsTest() { reader_.resource = "arn:aws:states:::s3:getObject"; }

  Result<std::unique_ptr<ItemSource>> open(const std::string& key) {
    Reading reading;
    reading.reader = &reader_;
    reading.bucket = "b";
    reading.key = key;
    return open_items(reading, Buckets{{{"b", folder_.path()}}, ""});
  }
  /// The name of the file.
  std::string write(const std::string& key) {
    return write_remaining_items(*open(key).value(), &reader_, odd, folder_.path()).value().name;
  }
  /// What is read again of `content`'s odd items is what was read of them before.
  void expect_same(const std::string& content) {
    folder_.write("input", content);
    std::vector<std::string> expected;
    const auto all = all_of(open("input"));
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (odd(i)) {
        expected.push_back(all[i]);
      }
    }
    ASSERT_FALSE(expected.empty());
    EXPECT_EQ(all_of(open(write("input"))), expected);
  }
  std::string read(const std::string& name) {
    std::ifstream file(folder_.path() + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TestFolder folder_;
  asl::ItemReader reader_;
};

TEST_F(RemainingItemsTest, CsvKeepsItsHeaderAndItsDelimiter) {
  reader_.input_type = "CSV";
  reader_.csv_header_location = "FIRST_ROW";
  reader_.csv_delimiter = "SEMICOLON";
  folder_.write("input", "a;b\n1;2\n3;4\n5;6\n7;8\n");
  EXPECT_EQ(write("input"), "REMAINING_ITEMS.csv");
  EXPECT_EQ(read("REMAINING_ITEMS.csv"), "a;b\n3;4\n7;8\n");
}

TEST_F(RemainingItemsTest, CsvWithGivenHeadersHasNone) {
  reader_.input_type = "CSV";
  reader_.csv_header_location = "GIVEN";
  reader_.csv_headers = {"z", "a"};
  folder_.write("input", "1,2\n3\n");
  write("input");
  EXPECT_EQ(read("REMAINING_ITEMS.csv"), "3,\n");
}

TEST_F(RemainingItemsTest, CsvFieldsReadBackAsTheyWere) {
  reader_.input_type = "CSV";
  reader_.csv_header_location = "FIRST_ROW";
  expect_same(
      "a,\"b,\"\"\\\\\"\nx,y\n\"1,2\",\"l\n\r\nm\"\nx,y\n\"\"\"\",\"\"\"q\"\"\"\nx,y\n  "
      ",\\\\n\\,\nx,y\n\"é\r\",\"\"\"\n\"\n");
  expect_same("a\nx\n\"\"\nx\n\"\"\"\"\n");
  reader_.csv_delimiter = "SPACE";
  expect_same("a b\nx y\n\" \" \"\\\"\"\n");
}

TEST_F(RemainingItemsTest, JsonStandsWhereItemsPointerLeads) {
  reader_.input_type = "JSON";
  folder_.write("input", "[1,\n{\"a\":\n\"é\"},3,[4]]");
  EXPECT_EQ(write("input"), "REMAINING_ITEMS.json");
  EXPECT_EQ(read("REMAINING_ITEMS.json"), "[{\"a\":\n\"é\"},\n[4]]\n");
  expect_same("[1,\n{\"a\":\n\"é\"},3,[4]]");
  reader_.items_pointer = "/x~1y/0";
  expect_same(R"({"other":1,"x/y":[[1,2,3,4],5]})");
  EXPECT_EQ(read("REMAINING_ITEMS.json"), "{\"x/y\":{\"0\":[2,\n4]}}\n");
  expect_same(R"({"x/y":[{"a":1,"b":{"Value":2},"c":3}]})");
  EXPECT_EQ(read("REMAINING_ITEMS.json"), "{\"x/y\":{\"0\":{\"b\":{\"Value\":2}}}}\n");
}

TEST_F(RemainingItemsTest, LinesAreLines) {
  reader_.input_type = "JSONL";
  folder_.write("input", "1\n{\"a\": 2}\r\n\n3\n[4]");
  EXPECT_EQ(write("input"), "REMAINING_ITEMS.jsonl");
  EXPECT_EQ(read("REMAINING_ITEMS.jsonl"), "{\"a\": 2}\n[4]\n");
  reader_.input_type = "LINES";
  EXPECT_EQ(write("input"), "REMAINING_ITEMS.txt");
  EXPECT_EQ(read("REMAINING_ITEMS.txt"), "{\"a\": 2}\n[4]\n");
}

TEST_F(RemainingItemsTest, OfTheStatesInputIsWhatThatHasToBe) {
  const auto source = items_of(Value::from_text("[1,[2],3]").value());
  EXPECT_EQ(write_remaining_items(*source, nullptr, odd, folder_.path()).value().items, 1U);
  EXPECT_EQ(read("REMAINING_ITEMS.json"), "[[2]]\n");
}

TEST_F(RemainingItemsTest, WhereNothingRemainsThereIsNoFile) {
  reader_.input_type = "JSONL";
  folder_.write("input", "1\n2\n");
  write("input");
  folder_.write("input", "1\n");
  EXPECT_EQ(write("input"), "");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, ElementsAre("input"));
}

TEST_F(RemainingItemsTest, ASourceThatFailsLeavesWhatStoodThere) {
  reader_.input_type = "JSONL";
  folder_.write("input", "1\n2\n");
  write("input");
  folder_.write("input", "1\n4\nno\n");
  const auto source = open("input").value();
  EXPECT_FALSE(write_remaining_items(*source, &reader_, odd, folder_.path()).has_value());
  EXPECT_EQ(read("REMAINING_ITEMS.jsonl"), "2\n");
}

}  // namespace
}  // namespace lockstep::map_run
