#include "cli/jsonata_query.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/json_argument.hpp"

namespace lockstep::cli {
namespace {

TEST(JsonataQuery, AnswersABatchLineByLine) {
  std::istringstream in(
      "{\"expr\":\"a + $x\",\"data\":{\"a\":1},\"bindings\":{\"x\":2}}\n\n"
      "{\"expr\":\"nope\"}\n{\"expr\":\"1 +\"}\n{\"expr\":\"$length(s)\",\"data\":{\"s\":\"\\ud800\"}}\nnonsense\n");
  std::ostringstream out;
  std::ostringstream errors;
  EXPECT_EQ(run_query(JsonataQuery{}, in, out, errors), 0);
  EXPECT_EQ(out.str().substr(0, out.str().rfind("{\"error\":{\"code\":\"Inv")),
            "{\"result\":3}\n{\"undefined\":true}\n"
            "{\"error\":{\"code\":\"S0207\",\"message\":\"Unexpected end of "
            "expression\",\"position\":3,\"token\":\"(end)\"}}\n"
            "{\"result\":1}\n");
}

TEST(JsonataQuery, PrintsOneResultForPeople) {
  JsonataQuery request;
  request.expression = "{'a': [1, $b]}";
  auto [name, value] = parse_binding("$b={\"c\":2}").value();
  request.bindings = {{std::move(name), std::move(value)}};
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream errors;
  EXPECT_EQ(run_query(request, in, out, errors), 0);
  EXPECT_EQ(out.str(), "{\n  \"a\": [\n    1,\n    {\n      \"c\": 2\n    }\n  ]\n}\n");
  request.expression = "1 + 'a'";
  EXPECT_EQ(run_query(request, in, out, errors), 1);
  EXPECT_EQ(errors.str(), "T2002: The right side of the \"+\" operator must evaluate to a number (at character 3)\n");
  EXPECT_FALSE(parse_binding("x").has_value());
}

TEST(JsonataQuery, TimesABench) {
  std::ostringstream out;
  std::ostringstream errors;
  const Value cases = Value::from_text(R"([{"name":"n","expr":"a","data":{"a":1},"iterations":2}])").value();
  EXPECT_EQ(run_bench(cases, jsonata::Level::suite, out, errors), 0);
  EXPECT_TRUE(out.str().starts_with("{\"name\":\"n\",\"us\":")) << out.str();
}

}  // namespace
}  // namespace lockstep::cli
