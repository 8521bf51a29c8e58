#include <chrono>
#include <iostream>
#include <random>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/json_argument.hpp"
#include "cli/jsonata_query.hpp"
#include "cli/path_query.hpp"
#include "query/template.hpp"
#include "service/clock.hpp"

namespace lockstep::cli {

namespace {

namespace po = boost::program_options;

struct QueryOptions {
  std::string language;                   ///< "jsonata", "jsonpath" or "intrinsic"
  std::optional<std::string> expression;  ///< absent: a batch on standard input
  std::string data;
  std::vector<std::string> bindings;
  std::string level = "suite";
  std::string bench;
};

/// Takes `--jsonata [EXPR]` and its like out of the arguments: an expression may begin with a dash.
Result<Arguments> take_language(const Arguments& arguments, QueryOptions& options) {
  Arguments rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (name != "--jsonata" && name != "--jsonpath" && name != "--intrinsic") {
      rest.push_back(argument);
      continue;
    }
    if (!options.language.empty()) {
      return fail(ErrorKind::usage, fmt::format("give one of --jsonata, --jsonpath and --intrinsic, not --{} and {}",
                                                options.language, name));
    }
    options.language = name.substr(2);
    if (equals != std::string::npos) {
      options.expression = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size() && arguments[i + 1].substr(0, 2) != "--") {
      options.expression = arguments[++i];
    }
  }
  return rest;
}

/// The error is the exit status: nothing is left to do.
tl::expected<QueryOptions, int> parse_options(const Command& self, const Arguments& arguments) {
  QueryOptions options;
  const auto rest = take_language(arguments, options);
  if (!rest) {
    return tl::unexpected(report(rest.error()));
  }
  po::options_description shown("options");
  shown.add_options()  //
      ("data", po::value(&options.data)->value_name("FILE|JSON|-"),
       "the input document, JSON; nothing (JSONata) or null unless given")                                       //
      ("bind", po::value(&options.bindings)->value_name("NAME=JSON"), "the variable $NAME; may be given again")  //
      ("level", po::value(&options.level)->value_name("LEVEL"),
       "JSONata: suite (default, 2.2.2) or asl (as in state machines)")  //
      ("bench", po::value(&options.bench)->value_name("FILE"), "JSONata: time the cases of FILE");
  if (const auto line = read_command_line(self, *rest, shown); !line) {
    return tl::unexpected(line.error());
  }
  const auto usage = [](std::string message) { return tl::unexpected(report({ErrorKind::usage, std::move(message)})); };
  if (options.language.empty()) {
    return usage("query needs one of --jsonata, --jsonpath and --intrinsic; `lockstep query --help`");
  }
  if (options.level != "suite" && options.level != "asl") {
    return usage(fmt::format("--level is suite or asl, not '{}'", options.level));
  }
  if (!options.bench.empty() && options.language != "jsonata") {
    return usage("--bench goes with --jsonata");
  }
  if (options.data == "-" && !options.expression && options.bench.empty()) {
    return usage("--data - and a batch of expressions cannot both come from standard input");
  }
  return options;
}

/// Fills what both kinds of request have in common.
template <class Request>
Result<void> fill(Request& request, const QueryOptions& options) {
  request.expression = options.expression;
  request.now = service::SystemClock().now();
  request.seed = std::random_device{}();
  if (!options.data.empty()) {
    request.data = TRY(read_json_argument("--data", options.data));
  }
  for (const std::string& text : options.bindings) {
    auto [name, value] = TRY(parse_binding(text));
    request.bindings.push_back({std::move(name), std::move(value)});
  }
  return {};
}

int query(const Command& self, const Arguments& arguments) {
  const auto options = TRY_OR_TELL(parse_options(self, arguments));
  const jsonata::Level level = options.level == "asl" ? jsonata::Level::asl : jsonata::Level::suite;
  if (!options.bench.empty()) {
    const auto cases = read_json_argument("--bench", options.bench);
    return cases ? run_bench(*cases, level, std::cout, std::cerr) : report(cases.error());
  }
  if (options.language == "jsonata") {
    JsonataQuery request;
    request.level = level;
    const auto filled = fill(request, options);
    return filled ? run_query(request, std::cin, std::cout, std::cerr) : report(filled.error());
  }
  PathQuery request;
  request.compile = options.language == "jsonpath" ? Compiler(query::compile_path) : query::compile_intrinsic;
  const auto filled = fill(request, options);
  return filled ? run_query(request, std::cin, std::cout, std::cerr) : report(filled.error());
}

}  // namespace

const Command kQuery{
    "query",
    "evaluate JSONata, JSONPath or an intrinsic function",
    "--jsonata|--jsonpath|--intrinsic [EXPR] [OPTION]...",
    "Evaluates EXPR and prints its value. Without EXPR, reads lines {\"expr\",\"data\"?,\"bindings\"?} from standard "
    "input and answers each with one line.",
    {{{"lockstep query --jsonata '$sum(items.price)' --data order.json", "a sum over a document"},
      {"lockstep query --jsonpath '$.items[?(@.price > 10)]' --data order.json", "what a path finds"}}},
    query};

}  // namespace lockstep::cli
