#include "value/shell.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

TEST(Shell, QuotesOnlyWhatAShellWouldReadOtherwise) {
  EXPECT_EQ(shell_line({"lockstep", "run", "a/b-1.json", "--input=x,y"}), "lockstep run a/b-1.json --input=x,y");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  for (const char* text : {"$x", "a;b", "~", "*", "a\nb", "\"", "#", "ä"}) {
    EXPECT_EQ(shell_word(text), "'" + std::string(text) + "'");
  }
}

}  // namespace
}  // namespace lockstep
