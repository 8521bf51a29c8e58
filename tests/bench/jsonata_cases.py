"""Writes the cases that `scripts/bench jsonata` times, each with its data, as one JSON array to standard output."""
import json
import random

random.seed(7)
words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]


def items(count):
    return [{"id": i, "name": "item-%d" % i, "price": round(random.uniform(1, 100), 2), "quantity": random.randint(1, 9),
             "group": random.choice(words), "tags": random.sample(words, 2)} for i in range(count)]


thousand = items(1000)
lines = ["%s %s-%04d level=%d" % (random.choice(words), random.choice(words), i, i % 7) for i in range(200)]
pairs = [{"k": "key-%d" % i, "v": i} for i in range(1000)]
template = "{" + ", ".join('"f%d": %s' % (i, ["a.b.c.d", "n + %d" % i, '"x" & n', "$string(n)"][i % 4]) for i in range(20)) + "}"

cases = [
    ("field_access", "a.b.c.d", {"a": {"b": {"c": {"d": 42}}}}, 300000),
    ("small_filter", "$states.input.items[price > 10].name", None, 60000),
    ("arithmetic_condition", "(n * 3 + m / 2 - 7) % 5 > 1 and n < 100 or m = 4", {"n": 17, "m": 9}, 150000),
    ("filter_1000", "items[price > 50 and quantity < 5].name", {"items": thousand}, 500),
    ("map_sum_10000", "$sum($map(items, function($i) { $i.price * $i.quantity }))", {"items": items(10000)}, 50),
    ("order_by_1000", "items^(group, >price).id", {"items": thousand}, 100),
    ("group_by_1000", "items{group: {'count': $count(id), 'sum': $sum(price), 'max': $max(quantity)}}", {"items": thousand}, 200),
    ("string_functions", "$join($map($split($uppercase(text), ' '), function($w) { $substring($w, 0, 3) & $pad($string($length($w)), -3, '0') }), '-')",
     {"text": " ".join(words * 2)}, 8000),
    ("regex_200", "lines[$match($, /^(\\w+) (\\w+)-(\\d+) level=[35]$/)].$replace($, /-(\\d+)/, '#$1')", {"lines": lines}, 700),
    ("factorial", "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(20))", {}, 10000),
    ("fibonacci", "($f := function($n) { $n < 2 ? $n : $f($n - 1) + $f($n - 2) }; $f(15))", {}, 200),
    ("reduce_1000", "$reduce(items.price, function($a, $b) { $a + $b }, 0)", {"items": thousand}, 700),
    ("template_20", template, {"a": {"b": {"c": {"d": 1}}}, "n": 5}, 15000),
    ("merge_lookup", "$lookup($merge(list), 'k17').v + $count($keys($merge(list)))", {"list": [{"k%d" % i: {"v": i}} for i in range(40)]}, 30000),
    ("object_1000", "pairs{k: v}", {"pairs": pairs}, 300),
    ("descendants_1000", "**.price", {"items": thousand}, 600),
]
out = []
for name, expression, data, iterations in cases:
    case = {"name": name, "expr": expression, "iterations": iterations}
    if data is None:
        case["data"] = {}
        case["bindings"] = {"states": {"input": {"items": items(5)}}}
    else:
        case["data"] = data
    out.append(case)
print(json.dumps(out))
