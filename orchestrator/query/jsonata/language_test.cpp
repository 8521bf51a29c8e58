// The language, rule by rule: paths and sequences, operators, functions, bindings, errors (jsonata.md 8).
#include <gtest/gtest.h>

#include "query/jsonata/test_query.hpp"

namespace lockstep::jsonata {
namespace {

constexpr std::string_view kPeople =
    R"([{"n":"Ann","tags":["x","y"],"age":30},{"n":"Bob","tags":["z"],"age":20},{"n":"Cy","age":30}])";
constexpr std::string_view kShop = R"({"city":"Ulm","orders":[
  {"id":1,"lines":[{"sku":"a","n":2,"p":1.5},{"sku":"b","n":1,"p":4}]},
  {"id":2,"lines":[{"sku":"a","n":5,"p":1.5}]}],
  "stock":[{"sku":"a","bin":"A1"},{"sku":"b","bin":"B2"},{"sku":"c","bin":"C3"}]})";

TEST(JsonataPaths, SequencesOfOneUnwrapAndLiteralsDoNot) {
  EXPECT_EQ(q("[1]"), "[1]");
  EXPECT_EQ(q("[{'a':1}].a"), "1");
  EXPECT_EQ(q("{'a':[1]}.a"), "[1]");
  EXPECT_EQ(q("[{'a':[1]}].a"), "[1]");
  EXPECT_EQ(q("tags", kPeople), R"(["x","y","z"])");
  EXPECT_EQ(q("nothing", kPeople), "undefined");
}

TEST(JsonataPaths, EmptyBracketsKeepTheArray) {
  EXPECT_EQ(q("[{'a':1}].a[]"), "[1]");
  EXPECT_EQ(q("n[][age=20]", kPeople), "undefined");
  EXPECT_EQ(q("$[n='Bob'].age[]", kPeople), "[20]");
  EXPECT_EQ(q("$[][n='Bob'].age", kPeople), "[20]");
  EXPECT_EQ(q("{'r': $[0].n[]}", kPeople), R"({"r":["Ann"]})");
}

TEST(JsonataPaths, ArrayConstructorsInPaths) {
  EXPECT_EQ(q("[1,2].($*2)"), "[2,4]");
  EXPECT_EQ(q("orders.[id, city]", kShop), "[[1],[2]]");
  EXPECT_EQ(q("orders.[lines.sku]", kShop), R"([["a","b"],["a"]])");
  EXPECT_EQ(q("[[1,2],[3]].$"), "[1,2,3]");
}

TEST(JsonataPaths, TheInputIsOneItemEvenIfItIsAnArray) {
  EXPECT_EQ(q("$count($)", "[1,2,3]"), "3");
  EXPECT_EQ(q("$[0]", "[7,8]"), "7");
  EXPECT_EQ(q("$string($)", "[1]"), R"("[1]")");
  EXPECT_EQ(q("*", "[[1],[2]]"), "[1,2]");
}

TEST(JsonataPaths, PredicatesIndexFilterAndPickSeveral) {
  EXPECT_EQ(q("[5,6,7][1]"), "6");
  EXPECT_EQ(q("[5,6,7][-1]"), "7");
  EXPECT_EQ(q("[5,6,7][1.9]"), "6");
  EXPECT_EQ(q("[5,6,7][[0,2]]"), "[5,7]");
  EXPECT_EQ(q("[5,6,7][['a',2]]"), "[5,6,7]");
  EXPECT_EQ(q("[5,6,7][$>5]"), "[6,7]");
  EXPECT_EQ(q("[[1,2],[3]][0]"), "[1,2]");
}

TEST(JsonataPaths, AnIndexCountsPerParentAndOverTheWholeInParentheses) {
  EXPECT_EQ(q("orders.lines[0].sku", kShop), R"(["a","a"])");
  EXPECT_EQ(q("(orders.lines)[0].sku", kShop), R"("a")");
  EXPECT_EQ(q("(orders.lines)[-1].n", kShop), "5");
}

TEST(JsonataPaths, Wildcards) {
  EXPECT_EQ(q("*", R"({"a":1,"b":[2,[3]]})"), "[1,2,3]");
  EXPECT_EQ(q("**.sku", kShop), R"(["a","b","a","a","b","c"])");
  EXPECT_EQ(q("$count(**)", R"({"a":[1,{"b":2}]})"), "4");  // itself, 1, {b}, 2: arrays are not counted
  EXPECT_EQ(q("**", "5"), "5");
}

TEST(JsonataPaths, ParentsAreFoundThroughBlocksPredicatesAndSorts) {
  EXPECT_EQ(q("orders.lines.{'s':sku,'o':%.id,'c':%.%.city}", kShop),
            R"([{"s":"a","o":1,"c":"Ulm"},{"s":"b","o":1,"c":"Ulm"},{"s":"a","o":2,"c":"Ulm"}])");
  EXPECT_EQ(q("orders.(lines).sku[%.%.id=2]", kShop), R"("a")");
  EXPECT_EQ(q("orders.lines^(>%.id, n).n", kShop), "[5,1,2]");
  EXPECT_EQ(q("orders.lines[%.id=1].sku", kShop), R"(["a","b"])");
  EXPECT_EQ(q("%", kShop), "S0217");
  EXPECT_EQ(q("orders.$f().%", kShop), "S0217");
}

TEST(JsonataPaths, JoinsAndPositions) {
  EXPECT_EQ(q("orders.lines@$l.stock[sku=$l.sku].bin", kShop), "undefined");  // stock is not below a line's parent
  EXPECT_EQ(q("orders@$o.stock@$s[$s.sku='b'].{'o':$o.id,'b':$s.bin}", kShop),
            R"([{"o":1,"b":"B2"},{"o":2,"b":"B2"}])");
  EXPECT_EQ(q("orders#$i.lines#$k.($string($i) & $string($k))", kShop), R"(["00","01","10"])");
  EXPECT_EQ(q("stock[sku>'a']#$i.{'i':$i,'b':bin}", kShop), R"([{"i":0,"b":"B2"},{"i":1,"b":"C3"}])");
  EXPECT_EQ(q("orders@$o.stock@$s[$o.id=1]{$s.sku: $s.bin}", kShop), R"({"a":"A1","b":"B2","c":"C3"})");
  EXPECT_EQ(q("orders[0]@$o.id", kShop), "S0215");
  EXPECT_EQ(q("orders^(id)@$o.id", kShop), "S0216");
  EXPECT_EQ(q("orders@o", kShop), "S0214");
}

TEST(JsonataPaths, OrderBy) {
  EXPECT_EQ(q("$^(age, >n).n", kPeople), R"(["Bob","Cy","Ann"])");
  EXPECT_EQ(q("$^(tags[0]).n", kPeople), R"(["Ann","Bob","Cy"])");  // undefined last
  EXPECT_EQ(q("$^(>tags[0]).n", kPeople), R"(["Bob","Ann","Cy"])");
  EXPECT_EQ(q("[5]^($)"), "5");
  EXPECT_EQ(q("[]^($)"), "undefined");
  EXPECT_EQ(q("[1,'a']^($)"), "T2007");
  EXPECT_EQ(q("[true,false]^($)"), "T2008");
}

TEST(JsonataPaths, GroupsAndObjects) {
  EXPECT_EQ(q("${$string(age): n}", kPeople), R"({"20":"Bob","30":["Ann","Cy"]})");
  EXPECT_EQ(q("orders.lines{sku: $sum(n)}", kShop), R"({"a":7,"b":1})");
  EXPECT_EQ(q("orders.{$string(id): $count(lines)}", kShop), R"([{"1":2},{"2":1}])");
  EXPECT_EQ(q("nothing{'a':1}", kShop), R"({"a":1})");
  EXPECT_EQ(q("{'a':nothing,'b':null}"), R"({"b":null})");
  EXPECT_EQ(q("{1:2}"), "T1003");
  EXPECT_EQ(q("{'a':1,'a':2}"), "D1009");
  EXPECT_EQ(q("a{b:c}{d:e}"), "S0210");
  EXPECT_EQ(q("{'_jsonata_lambda':1}"), "D1013");
}

TEST(JsonataOperators, UndefinedPassesThrough) {
  EXPECT_EQ(q("nope + 1"), "undefined");
  EXPECT_EQ(q("nope < 1"), "undefined");
  EXPECT_EQ(q("nope = nope"), "false");
  EXPECT_EQ(q("nope != 1"), "false");
  EXPECT_EQ(q("nope & 'a'"), R"("a")");
  EXPECT_EQ(q("nope in [1]"), "false");
  EXPECT_EQ(q("nope and true"), "false");
  EXPECT_EQ(q("-nope"), "undefined");
}

TEST(JsonataOperators, TypesAreChecked) {
  EXPECT_EQ(q("'a' + 1"), "T2001");
  EXPECT_EQ(q("nope + 'a'"), "T2002");
  EXPECT_EQ(q("1 < 'a'"), "T2009");
  EXPECT_EQ(q("nope < true"), "T2010");
  EXPECT_EQ(q("-'a'"), "D1002");
  EXPECT_EQ(q("[1.5..2]"), "T2003");
  EXPECT_EQ(q("[1..'b']"), "T2004");
  EXPECT_EQ(q("1/0 + 1"), "D1001");
}

TEST(JsonataOperators, Truth) {
  for (const char* no : {"[]", "[0]", "{}", "''", "0", "null", "$sum", "[[], [0]]"}) {
    EXPECT_EQ(q(std::string("$boolean(") + no + ")"), "false") << no;
  }
  for (const char* yes : {"'0'", "[0,1]", "{'a':0}", "-1", "[[0],[1]]"}) {
    EXPECT_EQ(q(std::string("$boolean(") + yes + ")"), "true") << yes;
  }
}

TEST(JsonataOperators, Defaults) {
  EXPECT_EQ(q("nope ?? 5"), "5");
  EXPECT_EQ(q("null ?? 5"), "null");
  EXPECT_EQ(q("0 ?: 5"), "5");
  EXPECT_EQ(q("3 ?: 5"), "3");
  EXPECT_EQ(q("nope ?? nope ?? 7"), "7");
  EXPECT_EQ(asl("1 ?? 2"), "S0211");  // newer than the language of state machines
}

TEST(JsonataOperators, Ranges) {
  EXPECT_EQ(q("[1..3, 7..8]"), "[1,2,3,7,8]");
  EXPECT_EQ(q("[3..1]"), "[]");
  EXPECT_EQ(q("$count([1..10000000])"), "10000000");
  EXPECT_EQ(q("[1..10000001]"), "D2014");
  EXPECT_EQ(q("$sum([1..1000000][$ % 100000 = 0])"), "5500000");
}

TEST(JsonataFunctions, ChainsAndPartialApplication) {
  EXPECT_EQ(q("'a' ~> $pad(3, '-') ~> $uppercase"), R"("A--")");
  EXPECT_EQ(q("($f := $uppercase ~> $length; $f('abc'))"), "3");
  EXPECT_EQ(q("($first := $substring(?, 0, 1); ['ab','cd'].$first($))"), R"(["a","c"])");
  EXPECT_EQ(q("($f := function($a,$b,$c){$a & $b & $c}; $g := $f(?,2,?); $h := $g(1,?); $h(3))"), R"("123")");
  EXPECT_EQ(q("1 ~> 2"), "T2006");
  EXPECT_EQ(q("sum(?)"), "T1007");
  EXPECT_EQ(q("$nope(?)"), "T1008");
  EXPECT_EQ(q("sum([1])"), "T1005");
  EXPECT_EQ(q("$nope(1)"), "T1006");
}

TEST(JsonataFunctions, Signatures) {
  EXPECT_EQ(q("function($x)<n:n>{$x}('a')"), "T0410");
  EXPECT_EQ(q("('ctx').function($x)<s-:s>{$x & '!'}()"), R"("ctx!")");
  EXPECT_EQ(q("(5).function($x)<s-:s>{$x}()"), "T0411");
  EXPECT_EQ(q("function($x)<a<n>:n>{$count($x)}(5)"), "1");
  EXPECT_EQ(q("function($x)<a<n>:n>{1}(['a'])"), "T0412");
  EXPECT_EQ(q("function($x)<(sn):s>{$string($x)}(5)"), R"("5")");
  EXPECT_EQ(q("function($x)<s<n>:s>{1}('a')"), "S0401");
  EXPECT_EQ(q("function($x)<(s<n>):s>{1}('a')"), "S0402");
  EXPECT_EQ(q("function(x){1}"), "S0208");
}

TEST(JsonataFunctions, TailCallsRunInConstantDepthAndOthersDoNot) {
  const std::string_view loop = "($f := function($n, $s){$n = 0 ? $s : $f($n - 1, $s + $n)}; $f(200000, 0))";
  EXPECT_EQ(q(loop), "20000100000");
  EXPECT_EQ(asl("($f := function($n){$n = 0 ? 'done' : $f($n - 1)}; $f(5000))"), R"("done")");
  EXPECT_EQ(q("($f := function($n){1 + $f($n)}; $f(1))"), "D1011");
  EXPECT_EQ(asl("($f := function($n){$n + $f($n)}; $f(1))"),
            "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as "
            "tail-recursive. Depth=101 max=100");
}

TEST(JsonataPaths, FindNamesInRecordsOfAnyShape) {
  constexpr std::string_view kRecords =
      R"({"r":[{"":1,"abc":2},{"":3,"abc":4},{"abc":5,"":6},{"x":7},8,{"abc":[9,10]}]})";
  EXPECT_EQ(q("r.abc", kRecords), "[2,4,5,9,10]");
  EXPECT_EQ(q("r.\"\"", kRecords), "[1,3,6]");
  EXPECT_EQ(q("r[[0..2]][abc>3].(`` & abc)", kRecords), R"(["34","65"])");
  EXPECT_EQ(q("r[[0,1]].($eval('abc') & `` & $eval('``'))", kRecords), R"(["211","433"])");
  EXPECT_EQ(q("r[[0..2]]{$string(abc): ``}", kRecords), R"({"2":1,"4":3,"5":6})");
}

TEST(JsonataFunctions, ScopesAndClosures) {
  EXPECT_EQ(q("($x := 1; ($x := 2); $x)"), "1");
  EXPECT_EQ(q("($x := 1; $f := function(){$x}; $x := 5; $f())"), "5");
  EXPECT_EQ(q("($mk := function($n){function($m){$n + $m}}; $add2 := $mk(2); $add3 := $mk(3); [$add2(1), $add3(1)])"),
            "[3,4]");
  EXPECT_EQ(q("$x := 3"), "3");
  EXPECT_EQ(q("($x := $y := 2; $x + $y)"), "4");
}

TEST(JsonataFunctions, Transforms) {
  EXPECT_EQ(q("$ ~> |stock[sku='a']|{'bin':'Z9'},'sku'|.stock[0]", kShop),
            "T2006");  // the path takes the transform first
  EXPECT_EQ(q("($ ~> |stock[sku='a']|{'bin':'Z9'},'sku'|).stock[0]", kShop), R"({"bin":"Z9"})");
  EXPECT_EQ(q("($ ~> |orders.lines|{'total': n * p}|).orders[1].lines.total", kShop), "7.5");
  EXPECT_EQ(q("stock[0].bin", kShop), R"("A1")");  // the original is untouched
  EXPECT_EQ(q("$ ~> |stock|5|", kShop), "T2011");
  EXPECT_EQ(q("$ ~> |stock|{},5|", kShop), "T2012");
  EXPECT_EQ(run("$ ~> |stock|{},5|", kShop).error.position, 16);
  EXPECT_EQ(run("$ ~> |stock|{},n|", R"({"stock":{"n":1}})").error.position, -1);
  EXPECT_EQ(q("($clone := 1; $ ~> |stock|{}|)", kShop), "T2013");
  EXPECT_EQ(q("1 ~> |a|{}|"), "T0410");
}

TEST(JsonataErrors, SayWhereAndWhat) {
  const Outcome sum = run("1 + (2 - 'x')");
  EXPECT_EQ(sum.error.code, "T2002");
  EXPECT_EQ(sum.error.position, 8);
  EXPECT_EQ(sum.error.token, "-");
  EXPECT_EQ(sum.error.message, "The right side of the \"-\" operator must evaluate to a number");
  const Outcome call = run("$sum('x')");
  EXPECT_EQ(call.error.message, "Argument 1 of function \"sum\" must be an array of \"numbers\"");
  const Outcome syntax = run("[1, 2");
  EXPECT_EQ(syntax.error.code, "S0203");
  EXPECT_EQ(syntax.error.message, "Expected \"]\" before end of expression");
  EXPECT_EQ(run("\"é😀\" & (1").error.position, 10);  // UTF-16 units
  EXPECT_EQ(run("$error('boom')").error.message, "boom");
}

TEST(JsonataErrors, OfCallsInTailPositionAreTheCallees) {
  const std::pair<const char*, int> cases[] = {{"( $A := function(){$min(2, 3)}; $A() )", 23},
                                               {"($f := function($n){$n = 0 ? 0 : $f($n - 'x')}; $f(1))", 40},
                                               {"($uppercase ~> $length)(5)", 39},
                                               {"($string ~> $number)('x')", 35},
                                               {"$map([1], $uppercase ~> $length)", 5}};
  for (const auto& [text, position] : cases) {
    EXPECT_EQ(run(text).error.position, position) << text;
  }
  EXPECT_EQ(run("($uppercase ~> $length)(5)").error.token, "f");
}

TEST(JsonataErrors, ShowNumbersAsJavaScriptDoes) {
  EXPECT_EQ(run("(a 1e21").error.message, "Expected \")\", got 1e+21");
  EXPECT_EQ(run("a.10e100").error.message,
            "The literal value 1e+101 cannot be used as a step within a path expression");
  EXPECT_EQ(run("a.-0.50").error.message, "The literal value -0.5 cannot be used as a step within a path expression");
  EXPECT_EQ(run("$replace.$('a')").error.message, "Argument 2 of function \"\" does not match function signature");
}

TEST(JsonataErrors, OfTheSyntax) {
  const std::pair<const char*, const char*> cases[] = {
      {"'abc", "S0101"},      {"1e1000", "S0102"}, {"'\\q'", "S0103"},
      {"'\\u12'", "S0104"},   {"`a", "S0105"},     {"1 /* x", "S0106"},
      {"1 2", "S0201"},       {"(1]", "S0202"},    {"(1", "S0203"},
      {"1 ! 2", "S0204"},     {"", "S0207"},       {"a{b:c}[0]", "{}"},
      {")", "S0211"},         {"5 := 1", "S0212"}, {"a.1", "S0213"},
      {"//", "S0301"},        {"/abc", "S0302"},   {"$match('a', /(/)", "S0302"},
      {"[/a(?>b)/]", "S0211"}};
  for (const auto& [text, code] : cases) {
    EXPECT_EQ(q(text), code) << text;
  }
}

TEST(JsonataErrors, LoneSurrogates) {
  EXPECT_EQ(q(R"($encodeUrlComponent("\ud800"))"), "D3140");
  EXPECT_EQ(q(R"($length("\ud83d\ude00"))"), "1");
  EXPECT_EQ(q(R"("\ud83d" & "\ude00" = "😀")"), "true");
}

}  // namespace
}  // namespace lockstep::jsonata
