#include "map_run/object_list.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "map_run/listed_items.hpp"
#include "map_run/test_items.hpp"

namespace lockstep::map_run {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Texts = std::vector<std::string>;

class ObjectLists : public testing::Test {
 protected:
  Texts keys(const std::string& prefix = "", std::size_t names_at_once = 1000) {
    Texts keys;
    auto list = ObjectList::open(folder_.path(), prefix, names_at_once);
    while (list) {
      const auto object = list->next();
      if (!object || !object->has_value()) {
        if (!object) {
          keys.push_back("!" + object.error().message);
        }
        return keys;
      }
      keys.push_back((*object)->key);
    }
    return {"!" + list.error().message};
  }
  void write(const std::string& name, const std::string& content = "") { folder_.write(name, content); }
  std::string at(const std::string& name) { return folder_.path() + "/" + name; }

  TestFolder folder_;
};

TEST_F(ObjectLists, KeysComeInTheOrderOfTheirBytes) {
  const Texts sorted = {".hidden", "A",      "a",  "a-b",     "a.c/x", "a/b",     "a/b-c",
                        "a/b0",    "a/bc/d", "a0", "b/c/d/e", "z",     "\xC3\xA9"};
  for (const std::string& key : sorted) {
    if (key != "a" && key != "a/b") {
      write(key);
    }
  }
  Texts there = sorted;
  there.erase(std::find(there.begin(), there.end(), "a"));
  there.erase(std::find(there.begin(), there.end(), "a/b"));
  for (const std::size_t names_at_once : {1U, 2U, 3U, 1000U}) {
    EXPECT_EQ(keys("", names_at_once), there) << names_at_once;
  }
}

TEST_F(ObjectLists, OnlyWhatBeginsWithThePrefix) {
  for (const char* key : {"a/x1", "a/x2/y", "a/z", "ab", "b"}) {
    write(key);
  }
  EXPECT_THAT(keys("a"), ElementsAre("a/x1", "a/x2/y", "a/z", "ab"));
  EXPECT_THAT(keys("a/"), ElementsAre("a/x1", "a/x2/y", "a/z"));
  EXPECT_THAT(keys("a/x"), ElementsAre("a/x1", "a/x2/y"));
  EXPECT_THAT(keys("a/x2/y"), ElementsAre("a/x2/y"));
  for (const char* prefix : {"c", "a/q/", "../", "a/../", "/", "/a", "a//", "./a", "b/", "b/x"}) {
    EXPECT_THAT(keys(prefix), IsEmpty()) << prefix;
  }
}

TEST_F(ObjectLists, LinksAreFollowedButNotInCircles) {
  write("d/f");
  std::filesystem::create_symlink(at("d/f"), at("link"));
  std::filesystem::create_directory_symlink(at("d"), at("other"));
  std::filesystem::create_directory_symlink(folder_.path(), at("d/up"));
  std::filesystem::create_symlink(at("none"), at("dangling"));
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  std::filesystem::create_directory(at("empty"));
  EXPECT_THAT(keys(), ElementsAre("d/f", "link", "other/f"));
}

TEST_F(ObjectLists, ANameThatIsNoUtf8IsNamedUnlessAPrefixLeavesItOut) {
  write("a");
  write("b\xFF");
  EXPECT_THAT(keys().back(), AllOf(HasSubstr("the name 'b\xEF\xBF\xBD' in"), HasSubstr("is not UTF-8")));
  EXPECT_THAT(keys("a"), ElementsAre("a"));
}

TEST_F(ObjectLists, ABucketThatIsNotThereIsNamed) {
  const auto list = ObjectList::open(at("none"), "");
  EXPECT_THAT(list.error().message, AllOf(HasSubstr("The specified bucket does not exist."), HasSubstr(at("none"))));
}

TEST_F(ObjectLists, ItemsAreShownAsAwsDoes) {
  write("sub/b", "12345");
  write("c");
  ::timespec times[2] = {{1'789'180'622, 0}, {1'789'180'622, 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("sub/b").c_str(), times, 0), 0);
  times[1] = {1'700'000'000, 0};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("c").c_str(), times, 0), 0);
  const auto source = listing_items(std::make_unique<ObjectList>(ObjectList::open(folder_.path(), "").value()), "data");
  const Item first = source->next().value().value();
  EXPECT_EQ(first.source, "S3://data");
  EXPECT_EQ(first.value.node().find("LastModified")->as_double(), 1'700'000'000.0);
  EXPECT_THAT(first.value.to_text(), HasSubstr(R"("LastModified":1.7E9,)"));
  EXPECT_EQ(source->next().value()->value.to_text(),
            R"({"Etag":"\"6aa4bace000000050000000000000005\"","Key":"sub/b","LastModified":1.789180622E9,"Size":5,)"
            R"("StorageClass":"STANDARD"})");
  EXPECT_FALSE(source->next().value().has_value());
}

TEST_F(ObjectLists, OldAndNewTimes) {
  write("a");
  for (const auto& [seconds, shown] :
       std::vector<std::pair<std::int64_t, std::string>>{{0, ":0.0,"},
                                                         {-1, ":-1.0,"},
                                                         {9'999'999, ":9999999.0,"},
                                                         {10'000'000, ":1.0E7,"},
                                                         {-10'000'001, ":-1.0000001E7,"}}) {
    const ::timespec times[2] = {{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, at("a").c_str(), times, 0), 0);
    EXPECT_THAT(all_of(listing_items(std::make_unique<ObjectList>(ObjectList::open(folder_.path(), "").value()), "b")),
                ElementsAre(HasSubstr(shown)));
  }
}

}  // namespace
}  // namespace lockstep::map_run
