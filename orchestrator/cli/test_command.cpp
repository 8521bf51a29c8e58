#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>

#include "asl/definition_file.hpp"
#include "cli/bucket_options.hpp"
#include "cli/carry_out.hpp"
#include "cli/case_results.hpp"
#include "cli/command_line.hpp"
#include "cli/coverage_report.hpp"
#include "cli/exit_status.hpp"
#include "cli/record_case.hpp"
#include "cli/run_options.hpp"
#include "report/history.hpp"
#include "service/plan.hpp"
#include "value/nearest.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace {

struct TestOptions {
  std::string definition;
  std::string mocks;
  std::vector<std::string> cases;  ///< empty: all
  std::string machine;             ///< empty: by the definition's file
  std::string jobs;
  BucketOptions buckets;
  std::string type;
  std::string limits;
  std::string junit;
  std::string coverage_file;
  std::string record;
  std::string execution;
  bool json = false;
  bool verbose = false;
  bool coverage = false;
};

/// What is to be tested, read and checked.
struct TestPlan {
  DefinitionSource source;
  asl::StateMachinePtr machine;
  integrations::MockFile mocks;
  const integrations::MockedMachine* mocked = nullptr;
  std::vector<const integrations::TestCase*> cases;
  integrations::JobsFile jobs;
};

/// STEM.mocks.json beside the definition, or as YAML.
std::string mocks_beside(const std::string& definition) {
  const fs::path folder = fs::path(definition).parent_path();
  const std::string stem = (folder / (stem_of(definition) + ".mocks")).string();
  std::error_code error;
  for (const char* extension : {".yaml", ".yml"}) {
    if (fs::exists(stem + extension, error)) {
      return stem + extension;
    }
  }
  return stem + ".json";
}

/// The machine of the file that is meant: the one that was named, else the one called as the definition's file, else
/// the only one.
Result<const integrations::MockedMachine*> choose_machine(const TestOptions& options, const std::string& mocks,
                                                          const integrations::MockFile& file) {
  const std::string wanted = options.machine.empty() ? stem_of(options.definition) : options.machine;
  if (const integrations::MockedMachine* machine = file.machine(wanted)) {
    return machine;
  }
  if (options.machine.empty() && file.machines.size() == 1) {
    return &file.machines.front();
  }
  std::vector<std::string> names;
  std::string list;
  for (const integrations::MockedMachine& machine : file.machines) {
    names.push_back(machine.name);
    list += fmt::format("{}'{}'", list.empty() ? "" : ", ", machine.name);
  }
  return fail(options.machine.empty() ? ErrorKind::invalid : ErrorKind::usage,
              fmt::format("{} has no state machine '{}'{}; it has {}{}", mocks, wanted, did_you_mean(wanted, names),
                          list.empty() ? "none" : list, options.machine.empty() ? ": name one with --machine" : ""));
}

Result<void> choose_cases(const TestOptions& options, const std::string& mocks, TestPlan& plan) {
  for (const integrations::TestCase& test : plan.mocked->cases) {
    const bool is_wanted = std::find(options.cases.begin(), options.cases.end(), test.name) != options.cases.end();
    if (is_wanted || options.cases.empty()) {
      plan.cases.push_back(&test);
    }
  }
  std::vector<std::string> names;
  for (const integrations::TestCase& test : plan.mocked->cases) {
    names.push_back(test.name);
  }
  for (const std::string& name : options.cases) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return fail(ErrorKind::usage, fmt::format("{} has no case '{}' of '{}'{}", mocks, name, plan.mocked->name,
                                                did_you_mean(name, names)));
    }
  }
  return {};
}

Result<void> read_mocks(const TestOptions& options, TestPlan& plan) {
  const std::string file = options.mocks.empty() ? mocks_beside(options.definition) : options.mocks;
  const auto text = TRY(asl::read_definition(file, std::cin));
  integrations::ParsedMocks parsed = integrations::parse_mocks(text.json);
  plan.mocks = std::move(parsed.file);
  const auto mocked = choose_machine(options, file, plan.mocks);
  if (mocked) {
    plan.mocked = *mocked;
    for (asl::Diagnostic& problem : integrations::check_mocks(plan.mocks, **mocked, *plan.machine)) {
      parsed.problems.push_back(std::move(problem));
    }
  }
  asl::find_positions(text, parsed.problems);
  std::string problems;
  for (const asl::Diagnostic& problem : parsed.problems) {
    problems += (problems.empty() ? "" : "\n") + asl::format_diagnostic(file, problem);
  }
  if (!problems.empty()) {
    return fail(ErrorKind::invalid, problems);
  }
  return mocked ? choose_cases(options, file, plan) : tl::unexpected<Error>(mocked.error());
}

Result<TestPlan> make_plan(const TestOptions& options) {
  TestPlan plan;
  plan.source.file = options.definition;
  plan.source.text = TRY(asl::read_definition(options.definition, std::cin));
  service::RunRequest request;
  request.definition = plan.source.text.json;
  request.type = options.type;
  const auto checked = TRY(service::check_definition(request, {options.definition, plan.source.text.yaml, ""}));
  plan.machine = checked.machine;
  if (!options.jobs.empty()) {
    TRY(take_jobs(options.jobs, request));
    plan.jobs = TRY(integrations::parse_jobs(request.jobs, options.jobs, request.jobs_folder));
  }
  TRY(options.buckets.put_into(request));
  service::add_buckets(request, plan.jobs);
  TRY(read_mocks(options, plan));
  return plan;
}

CaseResult run_case(const TestOptions& options, const TestPlan& plan, const integrations::TestCase& test,
                    service::Coverage& coverage) {
  const integrations::Integrations jobs(plan.jobs.jobs);
  service::MockedExecution wanted{plan.machine, plan.mocked->name, test.execution_name, test.input, test.start_time};
  wanted.type = options.type == "EXPRESS" ? engine::ExecutionType::express : engine::ExecutionType::standard;
  wanted.limits = options.limits == "aws" ? engine::Limits::aws() : engine::Limits::hpc();
  wanted.buckets = {plan.jobs.buckets, plan.jobs.bucket_root};
  wanted.items = test.items;
  wanted.is_mocked = [&](const std::string& state) { return test.responses.contains(state); };
  CaseResult result;
  result.machine = plan.mocked->name;
  result.name = test.name;
  const auto watch = [&](const std::vector<engine::Event>& events, const std::vector<engine::RuleTaken>& rules) {
    coverage.take(events, rules);
    for (const engine::Event& event : events) {
      if (event.execution != service::kMocked) {
        continue;
      }
      result.event_count = std::max(result.event_count, event.id);
      if ((options.verbose || test.expect.history) && event.id != 0) {
        result.history.push_back(service::history_type(event, *plan.machine));
      }
      if (options.verbose) {
        result.events.push_back(event);
      }
    }
  };
  const auto begun = std::chrono::steady_clock::now();
  result.end = service::run_mocked(wanted, service::CaseAnswers(plan.mocks, test, jobs), watch);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  result.virtual_us = result.end.ended.us - test.start_time.us;
  result.mismatches = judge(test.expect, result.end, result.history);
  return result;
}

Result<void> write_report(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  bool good = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = file != nullptr && std::fclose(file) == 0 && good;
  return good ? Result<void>() : fail(ErrorKind::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

int run_tests(const TestOptions& options) {
  const auto plan = make_plan(options);
  if (!plan) {
    return report(plan.error());
  }
  service::Coverage coverage(plan->machine);
  std::vector<CaseResult> results;
  bool passed = true;
  for (const integrations::TestCase* test : plan->cases) {
    results.push_back(run_case(options, *plan, *test, coverage));
    CaseResult& result = results.back();
    passed = passed && result.passed();
    std::cout << (options.json ? json_line(result) + "\n" : text_of(result));
    if (!options.json && options.verbose) {
      report::write_events(result.events, plan->machine, std::cout);
    }
    result.events.clear();
  }
  std::ostream& told = options.json ? std::cerr : std::cout;
  told << (options.json ? "" : summary_of(results) + "\n");
  if (options.coverage) {
    told << coverage_text(coverage, plan->source);
  }
  std::cout.flush();
  for (const auto& [path, text] :
       {std::pair{&options.junit, options.junit.empty() ? "" : junit_of(results)},
        std::pair{&options.coverage_file,
                  options.coverage_file.empty() ? "" : coverage_lcov(coverage, plan->source)}}) {
    if (!path->empty()) {
      if (const auto written = write_report(*path, text); !written) {
        return report(written.error());
      }
    }
  }
  const int written = end_output();
  return passed || written != kSucceeded ? written : kFailed;
}

Result<void> check(const TestOptions& options, const std::vector<std::string>& definitions) {
  const auto usage = [](std::string message) { return fail(ErrorKind::usage, std::move(message)); };
  if (!options.record.empty()) {
    if (!definitions.empty()) {
      return usage("--record takes the definition from the run: name none");
    }
    return options.cases.size() > 1 ? usage("--record makes one case: give --case once") : Result<void>();
  }
  if (!options.execution.empty()) {
    return usage("--execution goes with --record");
  }
  if (definitions.size() != 1) {
    return usage(definitions.empty() ? "test needs a definition; `lockstep test --help`"
                                     : fmt::format("test takes one definition, but here are '{}' and '{}'",
                                                   definitions[0], definitions[1]));
  }
  if (options.type != "STANDARD" && options.type != "EXPRESS") {
    return usage(fmt::format("--type is STANDARD or EXPRESS, not '{}'", options.type));
  }
  return options.limits == "hpc" || options.limits == "aws"
             ? Result<void>()
             : usage(fmt::format("--limits is hpc or aws, not '{}'", options.limits));
}

int test(const Command& self, const Arguments& arguments) {
  TestOptions options;
  std::vector<std::string> definitions;
  po::options_description shown("options");
  shown.add_options()  //
      ("mocks", po::value(&options.mocks)->value_name("FILE"),
       "test cases and mocked responses, JSON or YAML; DEF's name with .mocks.json unless given")    //
      ("case", po::value(&options.cases)->value_name("NAME"), "only this case; may be given again")  //
      ("machine", po::value(&options.machine)->value_name("NAME"),
       "which of the file's state machines DEF is; the one called as DEF's file, or the only one, unless given")  //
      ("jobs", po::value(&options.jobs)->value_name("FILE"),
       "a jobs.json: tasks that are not mocked may have a builtin job of it");
  options.buckets.add_to(shown);
  shown.add_options()                                                                                           //
      ("type", po::value(&options.type)->value_name("TYPE")->default_value("STANDARD"), "STANDARD or EXPRESS")  //
      ("limits", po::value(&options.limits)->value_name("PROFILE")->default_value("hpc"),
       "hpc, or aws for AWS's quotas")                                                                       //
      ("json", po::bool_switch(&options.json), "a JSON line per case")                                       //
      ("junit", po::value(&options.junit)->value_name("FILE"), "write the results as CI servers read them")  //
      ("verbose", po::bool_switch(&options.verbose), "show each case's history")                             //
      ("coverage", po::bool_switch(&options.coverage),
       "say how many states, choice rules, retriers and catchers were reached, and which were not")                   //
      ("coverage-file", po::value(&options.coverage_file)->value_name("FILE"), "write that as lcov's tools read it")  //
      ("record", po::value(&options.record)->value_name("RUN"),
       "make a test case of a run that has ended, in a new file (--mocks), or on standard output")  //
      ("execution", po::value(&options.execution)->value_name("N"),
       "with --record: name, ARN or number; the run's own unless given");
  if (const auto line = read_command_line(self, arguments, shown, &definitions); !line) {
    return line.error();
  }
  if (const auto good = check(options, definitions); !good) {
    return report(good.error());
  }
  if (!options.record.empty()) {
    return record_case(
        {options.record, options.execution, options.cases.empty() ? "" : options.cases.front(), options.mocks});
  }
  options.definition = definitions.front();
  return run_tests(options);
}

}  // namespace

const Command kTest{
    "test",
    "run a definition's test cases: tasks mocked, time virtual",
    "DEF [OPTION]...",
    "Runs test cases of the state machine in DEF. Tasks are answered by mocks, time is virtual: a year of waits, "
    "retries and time-outs costs a moment. The file of mocks is AWS Step Functions Local's, with members for what a "
    "case begins with and what it expects.\n"
    "Exit status 0 if all cases passed, 1 if one failed, 65 if something is wrong with a file.",
    {{{"lockstep test survey.asl.json --coverage", "the cases of survey.mocks.json, and what they do not reach"},
      {"lockstep test --record survey-1.lockstep --mocks survey.mocks.json", "a test case of a run that has ended"}}},
    test};

}  // namespace lockstep::cli
