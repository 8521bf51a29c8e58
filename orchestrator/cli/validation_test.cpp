#include "cli/validation.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "value/test_folder.hpp"

namespace lockstep::cli {
namespace {

class Validate : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) { return folder_.write(name, text); }

  bool run(std::vector<std::string> files, bool json, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out;
    const bool valid = validate({std::move(files), json, asl::ExecutionType::standard}, in, out);
    printed_ = out.str();
    return valid;
  }

  const TestFolder folder_;
  std::string printed_;
};

TEST_F(Validate, SaysNothingOfAValidFile) {
  const std::string file =
      write("a.asl.json", "\xEF\xBB\xBF{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}");
  EXPECT_TRUE(run({file}, false));
  EXPECT_EQ(printed_, "");
  EXPECT_TRUE(run({file}, true));
  EXPECT_EQ(printed_, "{\"file\":\"" + file + "\",\"valid\":true,\"diagnostics\":[]}\n");
}

TEST_F(Validate, PointsAtTheValue) {
  const std::string file =
      write("a.json",
            "{\n  \"StartAt\": \"A/B\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": "
            "\"X\"},\n    \"A/B\": {\"Type\": \"Pass\",\n      \"Next\": \"Y\", \"Comment\": 7}\n  }\n}");
  EXPECT_FALSE(run({file}, false));
  EXPECT_EQ(printed_,
            file +
                ":6:31: error: Expected value of type [STRING] [SCHEMA_VALIDATION_FAILED at "
                "/States/A/B/Comment]\n" +
                file + ":4:35: error: Missing 'Next' target: X [MISSING_TRANSITION_TARGET at /States/A/Next]\n" + file +
                ":6:15: error: Missing 'Next' target: Y [MISSING_TRANSITION_TARGET at /States/A/B/Next]\n" + file +
                ": error: Workflow has no terminal state [MISSING_END_STATE]\n");
}

TEST_F(Validate, PointsAtASyntaxError) {
  const std::string file = write("a.json", "{\n  \"StartAt\" \"A\"}");
  EXPECT_FALSE(run({file}, false));
  EXPECT_EQ(printed_,
            file +
                ":2:13: error: Unexpected character ('\"' (code 34)): was expecting a colon to separate field "
                "name and value [INVALID_JSON_DESCRIPTION]\n");
}

TEST_F(Validate, PrintsALinePerFileWithJson) {
  const std::string bad = write("bad.json", "{\"StartAt\":\"A\"}");
  const std::string yaml = write("good.asl.yaml", "StartAt: A\nStates:\n  A: {Type: Succeed}\n");
  EXPECT_FALSE(run({bad, yaml}, true));
  EXPECT_EQ(printed_,
            "{\"file\":\"" + bad +
                "\",\"valid\":false,\"diagnostics\":[{\"severity\":\"ERROR\",\"code\":"
                "\"SCHEMA_VALIDATION_FAILED\",\"message\":\"These fields are required: [States]\",\"location\":"
                "\"/\",\"line\":1,\"column\":1}]}\n{\"file\":\"" +
                yaml + "\",\"valid\":true,\"diagnostics\":[]}\n");
}

TEST_F(Validate, PointsAtTheValueInYaml) {
  const std::string file = write("a.yaml",
                                 "StartAt: A\nStates:\n  A:\n    Type: Parallel\n    End: true\n    Branches:\n"
                                 "      - StartAt: B\n        States: {B: {Type: Pass}}\n");
  EXPECT_FALSE(run({file}, false));
  EXPECT_EQ(printed_, file +
                          ":8:21: error: Exactly one of these fields is required: [Next, End] "
                          "[SCHEMA_VALIDATION_FAILED at /States/A/Branches[0]/States/B]\n");
}

TEST_F(Validate, ReadsTheStandardInput) {
  EXPECT_TRUE(run({"-"}, false, R"({"StartAt":"A","States":{"A":{"Type":"Succeed"}}})"));
}

TEST_F(Validate, PrintsJsonWhateverTheFileHolds) {
  const std::string file = write("a.json", "\xFF\xFE{");
  EXPECT_FALSE(run({file, "/nonexistent/b.json"}, true));
  std::istringstream lines(printed_);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_TRUE(Value::from_text(line).has_value()) << line;
  }
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace lockstep::cli
