#include "report/format.hpp"

#include <gtest/gtest.h>

namespace lockstep::report {
namespace {

TEST(Durations, AreWrittenAsSlurmWritesThem) {
  EXPECT_EQ(duration(0), "0.000 s");
  EXPECT_EQ(duration(4'250'000), "4.250 s");
  EXPECT_EQ(duration(60 * kMicrosPerSecond), "00:01:00");
  EXPECT_EQ(duration((12 * 60 + 4) * kMicrosPerSecond), "00:12:04");
  EXPECT_EQ(duration((3 * 86'400 + 3'661) * kMicrosPerSecond), "3-01:01:01");
  EXPECT_EQ(duration(INT64_MIN).front(), '-');
}

TEST(Counts, AreGroupedByThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(41'207'000), "41,207,000");
  EXPECT_EQ(counted(1, "event"), "1 event");
  EXPECT_EQ(counted(1'200, "event"), "1,200 events");
}

TEST(TextsFromOutside, BecomeOneLine) {
  EXPECT_EQ(one_line("a\nb\tc\x1b[31m", 100), "a b c [31m");
  EXPECT_EQ(one_line("\xc2\x9b"
                     "31m",
                     100),
            " 31m")
      << "a terminal takes U+009B for the beginning of a command";
  EXPECT_EQ(one_line("caf\xc3\xa9 \xff.", 100), "café ?.");
}

TEST(TextsFromOutside, AreCutBetweenCharacters) {
  EXPECT_EQ(one_line("abcdef", 6), "abcdef");
  EXPECT_EQ(one_line("abcdefg", 6), "abcde…");
  EXPECT_EQ(one_line("äöüß", 3), "äö…");
  EXPECT_EQ(width(one_line("äöüß", 3)), 3U);
  EXPECT_EQ(one_line("abc", 0), "…");
}

TEST(Format, OfACauseTheBeginningAndTheEndAreShown) {
  EXPECT_EQ(brief_cause("exit status 2\nERROR: no plate\n", 80), "exit status 2 ERROR: no plate");
  EXPECT_EQ(brief_cause("exit status 1\nTraceback\n" + std::string(100, 'x') + "\nValueError: bad", 40),
            "exit status 1 …xxxxxxxxx ValueError: bad");
  EXPECT_EQ(brief_cause(std::string(100, 'x'), 10), "xxxxxxxxx…");
  EXPECT_EQ(end_of_line("a\xC3\xA9\xC3\xA9z", 3), "…\xC3\xA9z");
}

}  // namespace
}  // namespace lockstep::report
