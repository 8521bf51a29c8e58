#include "map_run/buckets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::map_run {
namespace {

using testing::HasSubstr;

TEST(Buckets, AFolderGoesBeforeTheRoot) {
  const Buckets buckets{{{"data", "/scratch/me"}}, "/s3"};
  EXPECT_EQ(buckets.folder("data").value(), "/scratch/me");
  EXPECT_EQ(buckets.folder("other").value(), "/s3/other");
  EXPECT_EQ(buckets.file("data", "a/b.csv").value(), "/scratch/me/a/b.csv");
}

TEST(Buckets, OneThatNothingNamesSaysWhatToDo) {
  EXPECT_THAT(Buckets().folder("data").error().message, HasSubstr("--bucket data=FOLDER"));
  EXPECT_FALSE((Buckets{{}, "/s3"}.folder("../etc").has_value()));
  EXPECT_FALSE((Buckets{{}, "/s3"}.folder("").has_value()));
}

TEST(Buckets, AKeyStaysInItsBucket) {
  const Buckets buckets{{{"data", "/scratch/me"}}, ""};
  for (const char* key : {"", "../x", "a/../../x", "/etc/passwd"}) {
    EXPECT_FALSE(buckets.file("data", key).has_value()) << key;
  }
  EXPECT_EQ(buckets.file("data", "a/../b").value(), "/scratch/me/a/../b");
}

}  // namespace
}  // namespace lockstep::map_run
