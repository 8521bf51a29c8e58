// list and describe: what a house holds, and what became of it.
#include <iostream>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "report/describe.hpp"
#include "report/execution_list.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

Result<std::optional<engine::Status>> status_named(const std::string& name) {
  const auto status = engine::status_named(name);
  if (!status && !name.empty()) {
    return fail(ErrorKind::usage,
                fmt::format("--status is RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED, not '{}'", name));
  }
  return status;
}

int list(const Command& self, const Arguments& arguments) {
  RunChoice choice;
  report::ListOptions list;
  std::string status;
  po::options_description options("options");
  choice.add_to(options);
  options.add_options()                                                                                             //
      ("machine", po::value(&list.machine)->value_name("M"), "only executions of this state machine: name or ARN")  //
      ("status", po::value(&status)->value_name("S"),
       "only such as are RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED")                    //
      ("max", po::value(&list.most)->value_name("N"), "at most so many; 100 unless given")     //
      ("token", po::value(&list.token)->value_name("T"), "go on where the list before ended")  //
      ("json", po::bool_switch(&list.json), "the document that ListExecutions answers");
  const auto folder = TRY_OR_TELL(read_run_line(self, arguments, options, choice));
  const auto wanted = status_named(status);
  if (!wanted || list.most == 0) {
    return report(!wanted ? wanted.error() : Error{ErrorKind::usage, "--max is at least 1"});
  }
  list.status = *wanted;
  const auto run = TRY_OR_TELL(report::open_run_folder(folder));
  const auto token = TRY_OR_TELL(report::write_list(run, list, std::cout));
  const int written = end_output();
  if (!token.empty() && !list.json && written == kSucceeded) {
    complain("there are more: --token " + token);
  }
  return written;
}

int describe(const Command& self, const Arguments& arguments) {
  RunChoice choice;
  std::string execution;
  std::string machine;
  po::options_description options("options");
  choice.add_to(options);
  options.add_options()  //
      ("execution", po::value(&execution)->value_name("N"),
       "name, ARN or number; the run's own, or the newest, unless given")  //
      ("machine", po::value(&machine)->value_name("M"), "a state machine instead, by its name or ARN");
  const auto folder = TRY_OR_TELL(read_run_line(self, arguments, options, choice));
  if (!execution.empty() && !machine.empty()) {
    return report({ErrorKind::usage, "describe is told one thing: --execution N or --machine M"});
  }
  const auto run = TRY_OR_TELL(report::open_run_folder(folder));
  const auto document = TRY_OR_TELL(machine.empty() ? report::describe_execution(run, execution)
                                                    : report::describe_machine(run, machine));
  std::cout << document << '\n';
  return end_output();
}

}  // namespace

const Command kList{
    "list",
    "the executions of a house, newest first",
    "[HOUSE] [OPTION]...",
    "The executions that a house, or a run, holds, the newest first: while it is open or after, from any "
    "node, without a lock. Those of EXPRESS state machines are kept nowhere.",
    {{{"lockstep list --dir house --status FAILED", "what went wrong"},
      {"lockstep list --dir house --json | jq -r '.executions[].name'", "their names"}}},
    list};

const Command kDescribe{
    "describe",
    "an execution's input, output and dates, or a state machine",
    "[HOUSE] [OPTION]...",
    "What there is to say of an execution: input, output, error, dates, redrives; the document that DescribeExecution "
    "answers. With --machine that of DescribeStateMachine, which holds the definition. Without a lock.",
    {{{"lockstep describe --dir house --execution night-7 | jq -r .output", "what came of it"},
      {"lockstep describe --dir house --machine survey | jq -r .definition", "the definition, as it was given"}}},
    describe};

}  // namespace lockstep::cli
