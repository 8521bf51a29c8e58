#include "query/query_command.hpp"

#include <chrono>
#include <iostream>
#include <random>
#include <sstream>

#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/option_parser.hpp"
#include "query/jsonata/query_command.hpp"
#include "query/template.hpp"
#include "service/clock.hpp"
#include "service/files.hpp"

namespace lockstep::cli {

namespace {

namespace po = boost::program_options;

struct Options {
  std::string language;                   ///< "jsonata", "jsonpath" or "intrinsic"
  std::optional<std::string> expression;  ///< absent: a batch on standard input
  std::string data;
  std::vector<std::string> bindings;
  std::string level = "suite";
  std::string bench;
  std::string help;
};

/// Takes `--jsonata [EXPR]` and its like out of the arguments: an expression may begin with a dash.
Result<Arguments> take_language(const Arguments& arguments, Options& options) {
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

Result<Options> parse_options(const Arguments& arguments) {
  Options options;
  const auto rest = take_language(arguments, options);
  if (!rest) {
    return tl::unexpected<Error>(rest.error());
  }
  po::options_description shown("options");
  shown.add_options()  //
      ("data", po::value(&options.data)->value_name("FILE"),
       "the input document, JSON; nothing (JSONata) or null unless given")                                       //
      ("bind", po::value(&options.bindings)->value_name("NAME=JSON"), "the variable $NAME; may be given again")  //
      ("level", po::value(&options.level)->value_name("LEVEL"),
       "JSONata: suite (default, 2.2.2) or asl (as in state machines)")                            //
      ("bench", po::value(&options.bench)->value_name("FILE"), "JSONata: time the cases of FILE")  //
      ("help,h", "show this text");
  const auto values = parse_arguments("query", *rest, shown, "");
  if (!values) {
    return tl::unexpected<Error>(values.error());
  }
  if (values->count("help") != 0) {
    std::ostringstream text;
    text << "usage: lockstep query --jsonata|--jsonpath|--intrinsic [EXPR] [OPTION]...\n"
         << "Evaluates EXPR and prints its value. Without EXPR, reads lines {\"expr\",\"data\"?,\"bindings\"?} from "
            "standard input and answers each with one line.\n\n"
         << shown;
    options.help = text.str();
    return options;
  }
  if (options.language.empty()) {
    return fail(ErrorKind::usage, "query needs one of --jsonata, --jsonpath and --intrinsic; `lockstep query --help`");
  }
  if (options.level != "suite" && options.level != "asl") {
    return fail(ErrorKind::usage, fmt::format("--level is suite or asl, not '{}'", options.level));
  }
  if (!options.bench.empty() && options.language != "jsonata") {
    return fail(ErrorKind::usage, "--bench goes with --jsonata");
  }
  return options;
}

Result<Value> read_json(const std::string& path) {
  auto text = service::read_file(path);
  if (!text) {
    return tl::unexpected<Error>(text.error());
  }
  auto value = Value::from_text(*std::move(text));
  if (!value) {
    return fail(ErrorKind::invalid, fmt::format("{} is not JSON: {}", path, value.error().message));
  }
  return value;
}

/// Fills what both kinds of request have in common.
template <class Request, class Parse>
Result<void> fill(Request& request, const Options& options, Parse parse_binding) {
  request.expression = options.expression;
  request.now = service::SystemClock().now();
  request.seed = std::random_device{}();
  if (!options.data.empty()) {
    auto data = read_json(options.data);
    if (!data) {
      return tl::unexpected<Error>(data.error());
    }
    request.data = *std::move(data);
  }
  for (const std::string& text : options.bindings) {
    auto binding = parse_binding(text);
    if (!binding) {
      return tl::unexpected<Error>(binding.error());
    }
    request.bindings.push_back(*std::move(binding));
  }
  return {};
}

int complain_of(const Error& error) {
  complain(error.message);
  return exit_status(error.kind);
}

}  // namespace

int query_command(const Arguments& arguments) {
  const auto options = parse_options(arguments);
  if (!options) {
    return complain_of(options.error());
  }
  if (!options->help.empty()) {
    std::cout << options->help;
    return kSucceeded;
  }
  const jsonata::Level level = options->level == "asl" ? jsonata::Level::asl : jsonata::Level::suite;
  if (!options->bench.empty()) {
    const auto cases = read_json(options->bench);
    return cases ? jsonata::run_bench(*cases, level, std::cout, std::cerr) : complain_of(cases.error());
  }
  if (options->language == "jsonata") {
    jsonata::QueryRequest request;
    request.level = level;
    const auto filled = fill(request, *options, [](const std::string& text) { return jsonata::parse_binding(text); });
    return filled ? jsonata::run_query(request, std::cin, std::cout, std::cerr) : complain_of(filled.error());
  }
  query::QueryRequest request;
  request.compile = options->language == "jsonpath" ? query::Compiler(query::compile_path) : query::compile_intrinsic;
  const auto filled = fill(request, *options, [](const std::string& text) { return query::parse_binding(text); });
  return filled ? query::run_query(request, std::cin, std::cout, std::cerr) : complain_of(filled.error());
}

}  // namespace lockstep::cli
