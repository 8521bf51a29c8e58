#include "cli/path_query.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/json_argument.hpp"
#include "query/template.hpp"
#include "query/test_environment.hpp"

namespace lockstep::cli {
namespace {

struct Answer {
  int status;
  std::string out, errors;
};

Answer run(const PathQuery& request, std::string input = "") {
  std::istringstream in(std::move(input));
  std::ostringstream out;
  std::ostringstream errors;
  const int status = run_query(request, in, out, errors);
  return {status, out.str(), errors.str()};
}

PathQuery request(Compiler compile, std::optional<std::string> expression, std::string data = "null") {
  return {std::move(compile), std::move(expression), query::json(std::move(data)), {}, Timestamp(), 1};
}

query::VariableScope::Entry bound_to(std::string_view text) {
  auto [name, value] = parse_binding(text).value();
  return {std::move(name), std::move(value)};
}

TEST(Query, PrintsOneResult) {
  const Answer answer = run(request(query::compile_path, "$.a[*]", R"({ "a": [1, 2.0] })"));
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.out, "[1,2.0]\n");
  EXPECT_EQ(answer.errors, "");
}

TEST(Query, SaysWhyThereIsNone) {
  const Answer missing = run(request(query::compile_path, "$.x", "{}"));
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(missing.errors, "States.Runtime: Invalid path '$.x' : No results for path: $['x']\n");
  EXPECT_EQ(run(request(query::compile_path, "$.[", "{}")).errors.substr(0, 18), "InvalidExpression:");
}

TEST(Query, BindsVariables) {
  PathQuery bound = request(query::compile_intrinsic, "States.MathAdd($n, $m)");
  bound.bindings = {bound_to("n=1"), bound_to("$m=2")};
  EXPECT_EQ(run(bound).out, "3\n");
  EXPECT_FALSE(parse_binding("n"));
  EXPECT_FALSE(parse_binding("=1"));
  EXPECT_FALSE(parse_binding("n=x"));
}

TEST(Query, AnswersABatchLineByLine) {
  PathQuery batch = request(query::compile_path, std::nullopt, R"({"a":"outer"})");
  batch.bindings = {bound_to("v=1"), bound_to("w=2")};
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
  const Answer answer = run(request(query::compile_path, std::nullopt),
                            "nonsense\n[]\n{\"expr\":1}\n{\"expr\":\"$\",\"bindings\":1}\n{\"expr\":\"x\"}\n{\"expr\":"
                            "\"$.a\",\"data\":{}}\n{\"expr\":\"$\"}\n");
  std::istringstream lines(answer.out);
  std::vector<std::string> codes;
  for (std::string line; std::getline(lines, line);) {
    const Value value = query::json(line);
    const Node* error = value.node().find("error");
    codes.emplace_back(error == nullptr ? "result" : error->find("code")->as_string());
  }
  EXPECT_EQ(codes, (std::vector<std::string>{"InvalidRequest", "InvalidRequest", "InvalidRequest", "InvalidRequest",
                                             "InvalidExpression", "States.Runtime", "result"}));
  EXPECT_EQ(answer.status, 0);
}

}  // namespace
}  // namespace lockstep::cli
