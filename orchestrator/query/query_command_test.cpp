#include "query/query_command.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "query/template.hpp"
#include "query/test_environment.hpp"

namespace lockstep::query {
namespace {

struct Answer {
  int status;
  std::string out, errors;
};

Answer run(const QueryRequest& request, std::string input = "") {
  std::istringstream in(std::move(input));
  std::ostringstream out;
  std::ostringstream errors;
  const int status = run_query(request, in, out, errors);
  return {status, out.str(), errors.str()};
}

QueryRequest request(Compiler compile, std::optional<std::string> expression, std::string data = "null") {
  return {std::move(compile), std::move(expression), json(std::move(data)), {}, Timestamp(), 1};
}

TEST(Query, PrintsOneResult) {
  const Answer answer = run(request(compile_path, "$.a[*]", R"({ "a": [1, 2.0] })"));
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.out, "[1,2.0]\n");
  EXPECT_EQ(answer.errors, "");
}

TEST(Query, SaysWhyThereIsNone) {
  const Answer missing = run(request(compile_path, "$.x", "{}"));
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(missing.errors, "States.Runtime: Invalid path '$.x' : No results for path: $['x']\n");
  EXPECT_EQ(run(request(compile_path, "$.[", "{}")).errors.substr(0, 18), "InvalidExpression:");
}

TEST(Query, BindsVariables) {
  QueryRequest bound = request(compile_intrinsic, "States.MathAdd($n, $m)");
  bound.bindings = {*parse_binding("n=1"), *parse_binding("$m=2")};
  EXPECT_EQ(run(bound).out, "3\n");
  EXPECT_FALSE(parse_binding("n"));
  EXPECT_FALSE(parse_binding("=1"));
  EXPECT_FALSE(parse_binding("n=x"));
}

TEST(Query, AnswersABatchLineByLine) {
  QueryRequest batch = request(compile_path, std::nullopt, R"({"a":"outer"})");
  batch.bindings = {*parse_binding("v=1"), *parse_binding("w=2")};
  EXPECT_EQ(run(batch,
                "{\"expr\":\"$.a\"}\n"
                "\n"
                "{\"expr\":\"$.a\",\"data\":{\"a\":\"inner\"}}\r\n"
                "{\"expr\":\"$v\",\"bindings\":{\"v\":[7]}}\n"
                "{\"expr\":\"$w\",\"bindings\":{\"v\":[7]}}")
                .out,
            "{\"result\":\"outer\"}\n{\"result\":\"inner\"}\n{\"result\":[7]}\n{\"result\":2}\n");
}

TEST(Query, GoesOnAfterABadLine) {
  const Answer answer = run(request(compile_path, std::nullopt),
                            "nonsense\n[]\n{\"expr\":1}\n{\"expr\":\"$\",\"bindings\":1}\n{\"expr\":\"x\"}\n{\"expr\":"
                            "\"$.a\",\"data\":{}}\n{\"expr\":\"$\"}\n");
  std::istringstream lines(answer.out);
  std::vector<std::string> codes;
  for (std::string line; std::getline(lines, line);) {
    const Value value = json(line);
    const Node* error = value.node().find("error");
    codes.emplace_back(error == nullptr ? "result" : error->find("code")->as_string());
  }
  EXPECT_EQ(codes, (std::vector<std::string>{"InvalidRequest", "InvalidRequest", "InvalidRequest", "InvalidRequest",
                                             "InvalidExpression", "States.Runtime", "result"}));
  EXPECT_EQ(answer.status, 0);
}

}  // namespace
}  // namespace lockstep::query
