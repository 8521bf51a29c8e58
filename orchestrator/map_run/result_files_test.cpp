#include "map_run/result_files.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <tuple>
#include <vector>

#include "hdf5/text_table.hpp"
#include "value/test_folder.hpp"

namespace lockstep::map_run {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kUuid = "4977ded7-b097-3bee-81e1-7863c5660f29";

/// One in seven fails, one in eleven is pending; of the others each output says which it is.
ChildRecord child(std::int64_t number) {
  ChildRecord child;
  child.index = static_cast<std::uint64_t>(number);
  child.execution_arn = fmt::format("arn:e:{}", number);
  child.name = fmt::format("c{}", number);
  child.status = number % 7 == 3    ? ChildStatus::failed
                 : number % 11 == 5 ? ChildStatus::pending
                                    : ChildStatus::succeeded;
  child.input = Value::integer(number);
  if (child.status == ChildStatus::succeeded) {
    child.output = Value::from_text(fmt::format("[{{\"n\":\n{}}}, \"é\"]", number)).value();
  }
  return child;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

/// Without what an output may have been spelled with.
std::string compact(std::string text) {
  const Value value = Value::from_text(std::move(text)).value();
  std::string out;
  append_json(out, value.node());
  return out;
}

class ResultFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(root_ / "out");
    target_.bucket = "out";
    target_.prefix = "a/b";
    target_.map_run_arn = fmt::format("arn:aws:states:us-east-1:1:mapRun:M/Map:{}", kUuid);
    target_.transformation = Transformation::compact;
  }

  Result<std::unique_ptr<ResultFiles>> try_open(const ResultFiles::Position& position = {}) {
    return ResultFiles::open(target_, Buckets{{}, root_.string()}, position);
  }
  std::unique_ptr<ResultFiles> open(const ResultFiles::Position& position = {}) {
    auto files = try_open(position);
    EXPECT_TRUE(files.has_value()) << files.error().message;
    return std::move(*files);
  }
  fs::path folder() const { return root_ / "out/a/b" / kUuid; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  Value manifest() const { return Value::from_text(read(folder() / "manifest.json")).value(); }

  /// Elements of all files that the manifest lists under `kind`, as texts.
  std::vector<std::string> listed(std::string_view kind) const {
    std::vector<std::string> elements;
    const Value value = manifest();
    const Node& files = *value.node().find("ResultFiles")->find(kind);
    for (std::size_t i = 0; i < files.size(); ++i) {
      const fs::path path = root_ / "out" / files.at(i).find("Key")->as_string();
      EXPECT_EQ(fs::file_size(path), static_cast<std::uintmax_t>(files.at(i).find("Size")->as_integer().value()));
      if (target_.output == OutputType::json) {
        const Value array = Value::from_text(read(path)).value();
        for (std::size_t k = 0; k < array.node().size(); ++k) {
          elements.push_back(array.part(array.node().at(k)).to_text());
        }
      } else if (target_.output == OutputType::lines) {
        std::ifstream lines(path);
        for (std::string line; std::getline(lines, line);) {
          elements.push_back(compact(line));
        }
      } else {
        const auto rows = hdf5::TextTableReader::open(path).value().read(0, 1000).value();
        for (const hdf5::TextRow& row : rows) {
          elements.push_back(compact(row.text));
          EXPECT_EQ(row.status, static_cast<std::uint16_t>(child(static_cast<std::int64_t>(row.index)).status));
        }
      }
    }
    return elements;
  }

  /// The manifest lists exactly these children, and no file holds any other.
  void expect_children(std::int64_t from, std::int64_t to) const {
    std::map<std::string_view, std::vector<std::string>> expected;
    for (std::int64_t i = from; i < to; ++i) {
      const ChildRecord record = child(i);
      const bool good = record.status == ChildStatus::succeeded;
      auto& list = expected[good ? "SUCCEEDED" : record.status == ChildStatus::pending ? "PENDING" : "FAILED"];
      if (good && target_.transformation == Transformation::flatten) {
        list.push_back(fmt::format("{{\"n\":{}}}", i));
        list.emplace_back("\"é\"");
      } else {
        list.push_back(element_of(record, target_.transformation).node().is_array()
                           ? fmt::format("[{{\"n\":{}}},\"é\"]", i)
                           : element_of(record, target_.transformation).to_text());
      }
    }
    std::size_t files = 1;
    const Value value = manifest();
    for (const char* kind : {"SUCCEEDED", "FAILED", "PENDING"}) {
      EXPECT_EQ(listed(kind), expected[kind]) << kind;
      files += value.node().find("ResultFiles")->find(kind)->size();
    }
    EXPECT_EQ(names().size(), files) << testing::PrintToString(names());
  }

  // In memory a sync costs nothing, and hundreds are made.
  const TestFolder made_{::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : testing::TempDir()};
  const fs::path root_ = made_.path();
  ResultTarget target_;
};

TEST_F(ResultFilesTest, WritesShardsAndManifest) {
  target_.prefix = "a/b/";
  auto files = open();
  for (const std::int64_t i : {0, 1, 2, 3}) {
    ASSERT_TRUE(files->add(child(i)));
  }
  EXPECT_EQ(files->finish().value().to_text(),
            fmt::format(R"({{"MapRunArn":"{}","ResultWriterDetails":{{"Bucket":"out","Key":"a/b/{}/manifest.json"}}}})",
                        target_.map_run_arn, kUuid));
  EXPECT_THAT(names(), ElementsAre("FAILED_0.json", "SUCCEEDED_0.json", "manifest.json"));
  EXPECT_EQ(read(folder() / "SUCCEEDED_0.json"), "[[{\"n\":0},\"é\"],\n[{\"n\":1},\"é\"],\n[{\"n\":2},\"é\"]]");
  EXPECT_EQ(manifest().to_text(),
            fmt::format(R"({{"DestinationBucket":"out","MapRunArn":"{0}","ResultFiles":)"
                        R"({{"FAILED":[{{"Key":"a/b/{1}/FAILED_0.json","Size":{2}}}],"PENDING":[],)"
                        R"("SUCCEEDED":[{{"Key":"a/b/{1}/SUCCEEDED_0.json","Size":48}}]}}}})",
                        target_.map_run_arn, kUuid, fs::file_size(folder() / "FAILED_0.json")));
  expect_children(0, 4);
}

TEST_F(ResultFilesTest, LinesEndInJsonToo) {
  target_.output = OutputType::lines;
  auto files = open();
  ASSERT_TRUE(files->add(child(0)));
  ASSERT_TRUE(files->add(child(1)));
  ASSERT_TRUE(files->finish());
  EXPECT_EQ(read(folder() / "SUCCEEDED_0.json"), "[{\"n\":0},\"é\"]\n[{\"n\":1},\"é\"]\n");
}

TEST_F(ResultFilesTest, Hdf5HasARowForEachElement) {
  target_.output = OutputType::hdf5;
  auto files = open();
  for (const std::int64_t i : {0, 1, 2, 3}) {
    ASSERT_TRUE(files->add(child(i)));
  }
  EXPECT_THAT(names(), ElementsAre("FAILED_0.h5.part", "SUCCEEDED_0.h5.part"));
  const auto position = files->sync().value();
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(open(position)->finish());
    EXPECT_THAT(names(), ElementsAre("FAILED_0.h5", "SUCCEEDED_0.h5", "manifest.json"));
  }
  const auto rows = hdf5::TextTableReader::open(folder() / "SUCCEEDED_0.h5").value().read(0, 9).value();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].index, 1U);
  EXPECT_EQ(rows[1].text, "[{\"n\":1},\"é\"]");
  expect_children(0, 4);
}

TEST_F(ResultFilesTest, FlattenSplicesOutputs) {
  target_.transformation = Transformation::flatten;
  auto files = open();
  ASSERT_TRUE(files->add(child(0)));
  ChildRecord empty = child(1);
  empty.output = Value::empty_array();
  ASSERT_TRUE(files->add(empty));
  ASSERT_TRUE(files->add(child(2)));
  ASSERT_TRUE(files->finish());
  EXPECT_EQ(read(folder() / "SUCCEEDED_0.json"), "[{\"n\":0},\n\"é\",\n{\"n\":2},\n\"é\"]");
}

TEST_F(ResultFilesTest, OfNothingThereIsAManifestOnly) {
  ASSERT_TRUE(open()->finish());
  EXPECT_THAT(names(), ElementsAre("manifest.json"));
  EXPECT_THAT(listed("SUCCEEDED"), IsEmpty());
}

TEST_F(ResultFilesTest, AFileIsClosedBeforeItIsTooLarge) {
  target_.largest_file = 48;
  auto files = open();
  for (const std::int64_t i : {0, 1, 2, 4, 6}) {
    ASSERT_TRUE(files->add(child(i)));
  }
  ChildRecord large = child(8);
  large.output = Value::string(std::string(100, 'x'));
  ASSERT_TRUE(files->add(large));
  ASSERT_TRUE(files->finish());
  EXPECT_THAT(names(), ElementsAre("SUCCEEDED_0.json", "SUCCEEDED_1.json", "SUCCEEDED_2.json", "manifest.json"));
  EXPECT_EQ(fs::file_size(folder() / "SUCCEEDED_0.json"), 48U);
  EXPECT_EQ(read(folder() / "SUCCEEDED_2.json"), "[\"" + std::string(100, 'x') + "\"]");
}

/// A folder as a crash left it, and what the one who writes knew then.
struct Crash {
  fs::path image;
  ResultFiles::Position position;
  std::int64_t children;  // that count
};

class ResultCrashTest : public ResultFilesTest,
                        public testing::WithParamInterface<std::tuple<OutputType, Transformation>> {
 protected:
  static constexpr std::int64_t kChildren = 25;

  void SetUp() override {
    ResultFilesTest::SetUp();
    target_.output = std::get<0>(GetParam());
    target_.transformation = std::get<1>(GetParam());
    target_.largest_file = target_.transformation == Transformation::none ? 1000 : 60;
  }

  /// Writes all, with a crash after each step.
  std::vector<Crash> crashes() {
    std::vector<Crash> crashes;
    Crash now{{}, {}, 0};
    const auto crash = [&] {
      now.image = root_ / fmt::format("image{}", crashes.size());
      fs::copy(root_ / "out", now.image, fs::copy_options::recursive);
      crashes.push_back(now);
    };
    auto files = open();
    crash();
    for (std::int64_t i = 0; i < kChildren; ++i) {
      EXPECT_TRUE(files->add(child(i)));
      crash();
      if (i % 3 == 2) {
        const auto position = files->sync().value();
        crash();  // synced, but the one who writes did not get to know
        now.position = position;
        now.children = i + 1;
        crash();
      }
    }
    EXPECT_TRUE(files->finish());
    crash();
    return crashes;
  }

  void go_on_after(const Crash& crash) {
    fs::remove_all(root_ / "out");
    fs::rename(crash.image, root_ / "out");
    for (const std::string& name : names()) {
      if (name.ends_with(".part")) {
        std::ofstream(folder() / name, std::ios::app) << "]garbage\n,[";
      }
    }
    auto files = open(crash.position);
    for (std::int64_t i = crash.children; i < kChildren; ++i) {
      ASSERT_TRUE(files->add(child(i)));
    }
    const auto finished = files->finish();
    ASSERT_TRUE(finished) << finished.error().message;
  }
};

TEST_P(ResultCrashTest, AtAnyPointLosesAndDoublesNothing) {
  const std::vector<Crash> all = crashes();
  expect_children(0, kChildren);
  const std::size_t step = target_.output == OutputType::hdf5 ? 7 : 1;  // whose files take longer to make
  for (std::size_t i = 0; i < all.size(); i += step) {
    SCOPED_TRACE(fmt::format("crash {} of {}", i, all.size()));
    go_on_after(all[i]);
    expect_children(0, kChildren);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, ResultCrashTest,
                         testing::Combine(testing::Values(OutputType::json, OutputType::lines, OutputType::hdf5),
                                          testing::Values(Transformation::none, Transformation::flatten)));

TEST_F(ResultFilesTest, FinishCanBeRepeated) {
  ResultFiles::Position position;
  {
    auto files = open();
    for (std::int64_t i = 0; i < 10; ++i) {
      ASSERT_TRUE(files->add(child(i)));
    }
    position = files->sync().value();
    ASSERT_TRUE(files->finish());
    EXPECT_EQ(files->sync().value(), position);
    ASSERT_TRUE(files->finish());
  }
  // Of the three some were made shards, of which one is torn; the manifest was not written.
  fs::remove(folder() / "manifest.json");
  fs::rename(folder() / "FAILED_0.json", folder() / "FAILED_0.json.part");
  ASSERT_TRUE(open(position)->finish());
  expect_children(0, 10);
}

TEST_F(ResultFilesTest, AnHdf5FileThatWasMadeHalfwayIsMadeAnew) {
  target_.output = OutputType::hdf5;
  auto files = open();
  for (std::int64_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(files->add(child(i)));
  }
  const auto position = files->sync().value();
  fs::copy(folder(), root_ / "parts");
  ASSERT_TRUE(files->finish());
  // One was made, but its part not removed; one was being made; one was not begun.
  fs::remove(folder() / "manifest.json");
  for (const char* name : {"SUCCEEDED_0.h5.part", "FAILED_0.h5.part", "PENDING_0.h5.part"}) {
    fs::copy(root_ / "parts" / name, folder());
  }
  fs::rename(folder() / "FAILED_0.h5", folder() / "FAILED_0.h5.tmp");
  fs::remove(folder() / "PENDING_0.h5");
  ASSERT_TRUE(open(position)->finish());
  expect_children(0, 6);
}

TEST_F(ResultFilesTest, WhatStandsIsNotTouchedBeforeItMust) {
  auto files = open();
  ASSERT_TRUE(files->add(child(0)));
  const auto position = files->sync().value();
  ASSERT_TRUE(files->finish());
  files = open(position);
  EXPECT_TRUE(fs::exists(folder() / "SUCCEEDED_0.json"));
  ASSERT_TRUE(files->add(child(1)));
  EXPECT_THAT(names(), ElementsAre("SUCCEEDED_0.json.part", "manifest.json"));
  ASSERT_TRUE(files->finish());
  expect_children(0, 2);
}

TEST_F(ResultFilesTest, ARedriveKeepsSuccessesAndListsFailuresAnew) {
  ResultFiles::Position position;
  {
    auto files = open();
    for (std::int64_t i = 0; i < 6; ++i) {
      ASSERT_TRUE(files->add(child(i)));  // 3 fails, 5 is pending
    }
    ASSERT_TRUE(files->finish());
    position = files->sync().value();
  }
  const std::string before = read(folder() / "SUCCEEDED_0.json");
  for (int attempt = 0; attempt < 2; ++attempt) {  // the first is lost in a crash
    auto files = open(position);
    ASSERT_TRUE(files->begin_again());
    ChildRecord good = child(8);
    good.output = Value::string("redriven");
    ASSERT_TRUE(files->add(good));
    ASSERT_TRUE(files->add(child(10)));  // fails
    ASSERT_TRUE(files->sync());
    if (attempt == 1) {
      ASSERT_TRUE(files->finish());
    }
  }
  EXPECT_EQ(read(folder() / "SUCCEEDED_0.json"), before);
  EXPECT_THAT(names(), ElementsAre("FAILED_0.json", "FAILED_1.json", "PENDING_0.json", "SUCCEEDED_0.json",
                                   "SUCCEEDED_1.json", "manifest.json"));
  EXPECT_THAT(listed("SUCCEEDED"), ElementsAre(R"([{"n":0},"é"])", R"([{"n":1},"é"])", R"([{"n":2},"é"])",
                                               R"([{"n":4},"é"])", R"("redriven")"));
  EXPECT_THAT(listed("FAILED"), ElementsAre(record_of(child(10)).to_text()));
  EXPECT_THAT(listed("PENDING"), IsEmpty());
}

TEST_F(ResultFilesTest, SaysWhatIsWrongWithTheTarget) {
  target_.bucket = "nowhere";
  EXPECT_THAT(try_open().error().message, HasSubstr("make it, or name another one"));
  EXPECT_EQ(try_open().error().kind, ErrorKind::io);
  target_.bucket = "out";
  target_.prefix = "../x";
  EXPECT_EQ(try_open().error().kind, ErrorKind::invalid);
  std::ofstream(root_ / "out/file") << "x";
  target_.prefix = "file";
  EXPECT_THAT(try_open().error().message, HasSubstr("/out/file: Not a directory"));
}

TEST_F(ResultFilesTest, ResultsThatAreGoneAreNotPassedOver) {
  auto files = open();
  ASSERT_TRUE(files->add(child(0)));
  const auto position = files->sync().value();
  fs::resize_file(folder() / "SUCCEEDED_0.json.part", 5);
  EXPECT_THAT(try_open(position).error().message, HasSubstr("it has only 5, but 15 bytes were written"));
  fs::remove(folder() / "SUCCEEDED_0.json.part");
  EXPECT_THAT(try_open(position).error().message, HasSubstr("SUCCEEDED_0.json: it is not there"));
  target_.largest_file = 20;
  files = open();
  ASSERT_TRUE(files->add(child(0)));
  ASSERT_TRUE(files->add(child(1)));
  fs::remove(folder() / "SUCCEEDED_0.json");
  EXPECT_THAT(files->finish().error().message, HasSubstr("SUCCEEDED_0.json was written, but is not there"));
}

TEST_F(ResultFilesTest, AWriteThatFailsIsNotForgotten) {
  auto files = open();
  ASSERT_TRUE(files->add(child(0)));
  const auto position = files->sync().value();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  ChildRecord large = child(1);
  large.output = Value::string(std::string(2000, 'x'));
  ASSERT_TRUE(files->add(large));
  const auto failed = files->sync();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(failed.error().message, HasSubstr("SUCCEEDED_0.json.part: File too large"));
  EXPECT_EQ(files->finish().error().message, failed.error().message);
  files = open(position);
  ASSERT_TRUE(files->add(child(1)));
  ASSERT_TRUE(files->finish());
  expect_children(0, 2);
}

}  // namespace
}  // namespace lockstep::map_run
