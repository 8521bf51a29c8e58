#include "engine/token.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace lockstep::engine {
namespace {

constexpr TokenKey kKey{std::byte{1}, std::byte{2}};
constexpr work::DispatchId kId{work::ExecutionId{1}, work::StrandId{2}, 3, 4};

TEST(TaskToken, IsTheSameForTheSameKeyAndDispatchOnly) {
  TokenKey last_bit = kKey;
  last_bit.back() = std::byte{1};
  const std::set<std::string> tokens{make_token(kKey, kId),
                                     make_token(kKey, {work::ExecutionId{2}, kId.strand, 3, 4}),
                                     make_token(kKey, {kId.execution, work::StrandId{3}, 3, 4}),
                                     make_token(kKey, {kId.execution, kId.strand, 4, 4}),
                                     make_token(kKey, {kId.execution, kId.strand, 3, 5}),
                                     make_token(last_bit, kId)};
  EXPECT_EQ(tokens.size(), 6U);
  EXPECT_EQ(make_token(kKey, kId), *tokens.find(make_token(kKey, kId)));
}

TEST(TaskToken, HasTheFormOfEveryOther) {
  std::array<std::set<char>, 48> seen;
  for (std::uint32_t count = 1; count <= 2000; ++count) {
    const std::string token = make_token(kKey, {kId.execution, kId.strand, 1, count});
    ASSERT_EQ(token.size(), seen.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      seen[i].insert(token[i]);
    }
  }
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const std::set<char> all(alphabet.begin(), alphabet.end());
  EXPECT_EQ(seen[0], std::set<char>{'A'}) << "no option of a command line";
  EXPECT_EQ(seen[1].size(), 16U) << "of its six bits, four are the hash's";
  EXPECT_TRUE(std::all_of(seen.begin() + 2, seen.end(), [&](const std::set<char>& one) { return one == all; }))
      << "every character takes every value: it says nothing about the count";
}

TEST(TaskToken, ShowsASlip) {
  const std::string token = make_token(kKey, kId);
  EXPECT_TRUE(is_token(token));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string slip = token;
    slip[i] = slip[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(is_token(slip)) << i;
  }
  for (std::size_t i = 0; i + 1 < token.size(); ++i) {
    std::string slip = token;
    std::swap(slip[i], slip[i + 1]);
    EXPECT_EQ(is_token(slip), slip == token) << i;
  }
  EXPECT_FALSE(is_token(token.substr(1)));
  EXPECT_FALSE(is_token(token + "A"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token(std::string(48, '\0')));
}

}  // namespace
}  // namespace lockstep::engine
