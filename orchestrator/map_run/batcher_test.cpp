#include "map_run/batcher.hpp"
#include "value/test_json.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace lockstep::map_run {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kLargest = 262'144;

/// Items of a list; fails where that is longer than `good`.
class ListedItems final : public ItemSource {
 public:
  explicit ListedItems(std::vector<Item> items, std::size_t good = SIZE_MAX) : items_(std::move(items)), good_(good) {}
  static ListedItems of(const std::vector<std::string>& texts) {
    std::vector<Item> items;
    for (const std::string& text : texts) {
      items.push_back({json(text), "", "STATE_DATA"});
    }
    return ListedItems(std::move(items));
  }
  Result<std::optional<Item>> next() override {
    if (at_ == good_) {
      return fail(ErrorKind::invalid, "line 3 is no JSON");
    }
    return at_ < items_.size() ? Result<std::optional<Item>>(items_[at_++]) : std::nullopt;
  }

 private:
  std::vector<Item> items_;
  std::size_t good_;
  std::size_t at_ = 0;
};

std::vector<Batch> all(Batcher& batcher) {
  std::vector<Batch> batches;
  while (auto batch = batcher.next().value()) {
    batches.push_back(std::move(*batch));
  }
  return batches;
}

std::vector<std::string> inputs(ListedItems source, std::optional<BatchLimits> limits,
                                std::uint64_t largest = kLargest) {
  Batcher batcher(source, {}, std::move(limits), largest);
  std::vector<std::string> texts;
  for (const Batch& batch : all(batcher)) {
    texts.push_back(batch.failure.empty() ? batch.input.to_text() : "failed");
  }
  return texts;
}

TEST(Batcher, WithoutLimitsEachItemIsAnInput) {
  EXPECT_THAT(inputs(ListedItems::of({"1", R"({"a": 2})", "null"}), {}), ElementsAre("1", R"({"a": 2})", "null"));
  EXPECT_THAT(inputs(ListedItems::of({}), {}), IsEmpty());
}

TEST(Batcher, AnItemOfItsOwnHasItsKey) {
  ListedItems source({{json("[1]"), "a", "STATE_DATA"}});
  Batcher batcher(source, {}, {}, kLargest);
  const Batch batch = batcher.next().value().value();
  EXPECT_EQ(batch.key, "a");
  EXPECT_EQ(batch.source, "STATE_DATA");
}

TEST(Batcher, ClosesABatchAtItsNumberOfItems) {
  EXPECT_THAT(inputs(ListedItems::of({"1", "2", "3", "4", "5"}), BatchLimits{2, 0, {}}),
              ElementsAre(R"({"Items":[1,2]})", R"({"Items":[3,4]})", R"({"Items":[5]})"));
  EXPECT_THAT(inputs(ListedItems::of({"1", "2"}), BatchLimits{2, 0, {}}), ElementsAre(R"({"Items":[1,2]})"));
  EXPECT_THAT(inputs(ListedItems::of({}), BatchLimits{2, 0, {}}), IsEmpty());
}

TEST(Batcher, BatchInputStandsFirst) {
  EXPECT_THAT(inputs(ListedItems::of({"1"}), BatchLimits{2, 0, json(R"({"k": 1})")}),
              ElementsAre(R"({"BatchInput":{"k":1},"Items":[1]})"));
}

TEST(Batcher, CountsTheBytesOfTheWholeInput) {
  const Value batch_input = json(R"("x")");
  const std::uint64_t two = std::string_view(R"({"BatchInput":"x","Items":[10,20]})").size();
  EXPECT_THAT(inputs(ListedItems::of({"10", "20", "30"}), BatchLimits{0, two, batch_input}),
              ElementsAre(R"({"BatchInput":"x","Items":[10,20]})", R"({"BatchInput":"x","Items":[30]})"));
  EXPECT_THAT(inputs(ListedItems::of({"10", "20"}), BatchLimits{0, two - 1, batch_input}),
              ElementsAre(R"({"BatchInput":"x","Items":[10]})", R"({"BatchInput":"x","Items":[20]})"));
}

TEST(Batcher, BytesAreThoseOfUtf8WithoutBlanks) {
  // Each é is two bytes; the blanks are not part of what the child gets.
  EXPECT_THAT(inputs(ListedItems::of({R"([ "é" ])", R"([ "é" ])"}), BatchLimits{0, 25, {}}),
              ElementsAre(R"({"Items":[["é"],["é"]]})"));
  EXPECT_THAT(inputs(ListedItems::of({R"([ "é" ])", R"([ "é" ])"}), BatchLimits{0, 24, {}}),
              ElementsAre(R"({"Items":[["é"]]})", R"({"Items":[["é"]]})"));
}

TEST(Batcher, WhatAnInputMayHaveClosesABatchToo) {
  const std::string ten_kilobytes = fmt::format("\"{}\"", std::string(10'000, 'x'));
  ListedItems source = ListedItems::of(std::vector<std::string>(40, ten_kilobytes));
  Batcher batcher(source, {}, BatchLimits{100, 0, {}}, kLargest);
  const auto batches = all(batcher);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].items, 26U);
  EXPECT_EQ(batches[1].first, 26U);
  EXPECT_EQ(batches[1].items, 14U);
  EXPECT_LE(batches[0].input.text_size(), kLargest);
  EXPECT_EQ(batcher.items(), 40U);
}

TEST(Batcher, AnItemThatIsTooLargeFailsAlone) {
  EXPECT_THAT(inputs(ListedItems::of({"1", "2", "1234567", "3"}), BatchLimits{0, 16, {}}),
              ElementsAre(R"({"Items":[1,2]})", "failed", R"({"Items":[3]})"));
  EXPECT_THAT(inputs(ListedItems::of({"1", "1234567", "3"}), {}, 3), ElementsAre("1", "failed", "3"));
  ListedItems source = ListedItems::of({"1", "1234567"});
  Batcher batcher(source, {}, BatchLimits{1, 16, {}}, kLargest);
  const auto batches = all(batcher);
  EXPECT_EQ(batches.at(1).first, 1U);
  EXPECT_EQ(batches.at(1).items, 1U);
  EXPECT_THAT(batches.at(1).failure, HasSubstr("index 1 is too large"));
  EXPECT_THAT(batches.at(1).failure, HasSubstr("would have 19 bytes, which exceeds the maximum of 16"));
  EXPECT_EQ(batches.at(1).input.to_text(), R"({"Items":[1234567]})");
}

TEST(Batcher, ABatchInputThatLeavesNoRoomFailsEachItem) {
  EXPECT_THAT(inputs(ListedItems::of({"1", "2"}), BatchLimits{0, 16, json(R"("long enough")")}),
              ElementsAre("failed", "failed"));
}

TEST(Batcher, SelectsEachItemOnceWithItsIndex) {
  ListedItems source = ListedItems::of({"5", "6", "7"});
  std::vector<std::string> calls;
  Batcher batcher(
      source,
      [&](std::uint64_t index, const Item& item) -> Result<Value> {
        calls.push_back(fmt::format("{}:{}", index, item.value.to_text()));
        return Value::integer(static_cast<std::int64_t>(index) * 100);
      },
      BatchLimits{0, 17, {}}, kLargest);
  const auto batches = all(batcher);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].input.to_text(), R"({"Items":[0,100]})");
  EXPECT_EQ(batches[1].input.to_text(), R"({"Items":[200]})");
  EXPECT_THAT(calls, ElementsAre("0:5", "1:6", "2:7"));
}

TEST(Batcher, AnItemIsSharedNotCopied) {
  const Value large = json(fmt::format("[{}1]", std::string(4000, ' ')));
  ListedItems source({{large, "", "STATE_DATA"}});
  Batcher batcher(source, {}, {}, kLargest);
  EXPECT_TRUE(batcher.next().value()->input.same(large));
}

TEST(Batcher, ErrorsAreTheSourcesAndTheSelectors) {
  ListedItems broken({{json("1"), "", ""}, {json("2"), "", ""}}, 1);
  Batcher reads(broken, {}, BatchLimits{5, 0, {}}, kLargest);
  EXPECT_EQ(reads.next().error().message, "line 3 is no JSON");
  ListedItems source = ListedItems::of({"1"});
  Batcher selects(
      source, [](std::uint64_t, const Item&) { return fail(ErrorKind::invalid, "no such path"); }, {}, kLargest);
  EXPECT_EQ(selects.next().error().message, "no such path");
}

}  // namespace
}  // namespace lockstep::map_run
