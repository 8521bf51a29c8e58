// What `lockstep query --jsonata` does: one expression for people, a batch of JSON lines for programs, a bench.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/jsonata/program.hpp"

namespace lockstep::cli {

struct JsonataQuery {
  jsonata::Level level = jsonata::Level::suite;
  std::optional<std::string> expression;   ///< absent: one request per line of the input
  std::optional<Value> data;               ///< the input document, where a request has none of its own
  std::vector<jsonata::Binding> bindings;  ///< variables, where a request does not bind them itself
  Timestamp now;
  std::uint64_t seed = 0;  ///< of $random, $shuffle and $uuid
};

/// With request.expression: writes its result to `out`, indented by two; nothing at all where it is undefined; a
/// failure is one line on `errors`. Without: answers every line {"expr", "data"?, "bindings"?, "timelimit"?, "depth"?}
/// of `in` with one line, flushed: {"result": …}, {"undefined": true} or {"error": {"code", "message", "position"}}.
/// Returns 0, or 1 if the one expression failed.
int run_query(const JsonataQuery& request, std::istream& in, std::ostream& out, std::ostream& errors);

/// Times the cases of `cases`, [{"name", "expr", "data", "bindings"?, "iterations"?}]: each is compiled once and
/// runs a tenth of its iterations to warm up; {"name", "us"} per line of `out`: processor time of one evaluation in
/// microseconds. Returns 0, or 1 if a case failed (one line on `errors`).
int run_bench(const Value& cases, jsonata::Level level, std::ostream& out, std::ostream& errors);

}  // namespace lockstep::cli
