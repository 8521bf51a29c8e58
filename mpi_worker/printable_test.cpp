#include "mpi_worker/printable.hpp"

#include <gtest/gtest.h>

namespace lockstep::worker {
namespace {

TEST(Printable, WhatIsNoUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(printable("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(printable("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(printable("\xC3"), "\xEF\xBF\xBD");                                                  // cut short
  EXPECT_EQ(printable("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                                  // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");                  // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // beyond U+10FFFF
}

TEST(Printable, ControlCharactersBecomeQuestionMarks) {
  EXPECT_EQ(printable("a\x1b[1m\tb\nc\x7f"), "a?[1m\tb\nc?");
}

TEST(Printable, AnExcerptIsOneLineAndEndsBetweenCharacters) {
  EXPECT_EQ(excerpt("a\nb", 10), "a b");
  EXPECT_EQ(excerpt("abcdef", 3), "abc…");
  EXPECT_EQ(excerpt("ab\xC3\xA9", 3), "ab…");
  EXPECT_EQ(excerpt("", 3), "");
}

TEST(Printable, LastLinesCountsLinesNotLineEnds) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(last_lines("a\nb\nc", 2), "b\nc");
  EXPECT_EQ(last_lines("a\n", 2), "a\n");
  EXPECT_EQ(last_lines("\n\n\n", 2), "\n\n");
  EXPECT_EQ(last_lines("", 2), "");
}

TEST(Printable, LastLineSkipsBlankOnes) {
  EXPECT_EQ(last_line("a\nb\r\n\n  \n"), "b");
  EXPECT_EQ(last_line("a"), "a");
  EXPECT_EQ(last_line("\n \n"), "");
}

}  // namespace
}  // namespace lockstep::worker
