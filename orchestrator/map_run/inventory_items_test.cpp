#include "map_run/inventory_items.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "map_run/test_items.hpp"

namespace lockstep::map_run {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string manifest(const std::string& files, const std::string& format = "CSV") {
  return R"({"sourceBucket":"photos","destinationBucket":"arn:aws:s3:::data","version":"2016-11-30","fileFormat":")" +
         format + R"(","fileSchema":"Bucket, Key, Size","files":[)" + files + "]}";
}

class InventoryItems : public testing::Test {
 protected:
  Result<std::unique_ptr<ItemSource>> open(const std::string& text, const std::string& type = "",
                                           const std::string& manifest_type = "S3_INVENTORY") {
    folder_.write("inv/manifest.json", text);
    reader_.resource = "arn:aws:states:::s3:getObject";
    reader_.input_type = type;
    reader_.manifest_type = manifest_type;
    return open_items({&reader_, "data", "inv/manifest.json", "", {}}, buckets_);
  }

  TestFolder folder_;
  Buckets buckets_{{{"data", folder_.path()}}, ""};
  asl::ItemReader reader_;
};

TEST_F(InventoryItems, RowsOfAllFiles) {
  const std::string one = folder_.write("inv/1.csv", "\"photos\",\"a\",\"1\"\n\"photos\",\"b%2C\",\"22\"\n");
  const std::string two = folder_.write("inv/2.csv", "\"photos\",\"c\",\"3\"\n");
  const std::string text = manifest(R"({"key":"inv/1.csv","size":5,"MD5checksum":"x"},{"key":"inv/2.csv"})");
  auto source = open(text).value();
  EXPECT_THAT(source->files(), ElementsAre(HasSubstr("manifest.json"), one, two));
  EXPECT_EQ(source->next().value()->source, "S3://data/inv/1.csv");
  EXPECT_THAT(all_of(std::move(source)), ElementsAre(R"({"Bucket":"photos","Key":"b%2C","Size":"22"})",
                                                     R"({"Bucket":"photos","Key":"c","Size":"3"})"));
  EXPECT_EQ(all_of(open(text, "MANIFEST", "")).size(), 3U);
  EXPECT_THAT(all_of(open(manifest(""))), IsEmpty());
}

TEST_F(InventoryItems, WhatIsMissingIsNamed) {
  EXPECT_THAT(all_of(open(manifest(R"({"key":"inv/none.csv"})"))), ElementsAre(HasSubstr("S3://data/inv/none.csv")));
  EXPECT_THAT(all_of(open(manifest(R"({"size":1})"))), ElementsAre(HasSubstr("it has no text 'key'")));
  EXPECT_THAT(all_of(open(manifest("1"))), ElementsAre(HasSubstr("it has no text 'key'")));
  EXPECT_THAT(all_of(open(manifest(R"({"key":"../x"})"))), ElementsAre(HasSubstr("leads out of bucket")));
  EXPECT_THAT(all_of(open(manifest("", "ORC"))), ElementsAre(HasSubstr("is in ORC files")));
  EXPECT_THAT(all_of(open("{}")),
              ElementsAre(AllOf(HasSubstr("S3://data/inv/manifest.json"), HasSubstr("'fileFormat'"))));
  EXPECT_THAT(all_of(open("[]")), ElementsAre(HasSubstr("'fileFormat'")));
  EXPECT_THAT(all_of(open("")), ElementsAre(HasSubstr("is not JSON")));
  EXPECT_THAT(all_of(open(manifest("") + "x")), ElementsAre(HasSubstr("is not JSON")));
  EXPECT_THAT(all_of(open(R"({"fileFormat":"CSV","fileSchema":"a","destinationBucket":"data"})")),
              ElementsAre(HasSubstr("no array 'files'")));
}

}  // namespace
}  // namespace lockstep::map_run
