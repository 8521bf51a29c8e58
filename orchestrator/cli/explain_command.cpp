// `lockstep explain`: what a run is doing or why it does nothing; what one task has been through.
#include <iostream>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "cli/explain_task.hpp"
#include "report/explain_run.hpp"
#include "service/clock.hpp"
#include "value/nearest.hpp"
#include "value/number.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t kMostNamed = 5;
constexpr std::size_t kMostStories = 20;

/// TASK: "Measure[17]", as status and progress name it (also "Survey/Measure[17]"), a state's name, or a dispatch
/// "1-4294967297-1" as the logs name it.
Result<report::TaskChoice> parse_task(const std::string& task) {
  report::TaskChoice choice;
  std::string_view text = task;
  choice.visit = work::parse_dispatch(text);
  if (choice.visit) {
    return choice;
  }
  if (text.ends_with(']')) {
    const std::size_t open = text.rfind('[');
    std::uint32_t item = 0;
    if (open == std::string_view::npos || !parse_whole(text.substr(open + 1, text.size() - open - 2), item)) {
      return fail(ErrorKind::usage, fmt::format("'{}' is no task: as in Measure[17]", task));
    }
    choice.item = item;
    text = text.substr(0, open);
  }
  choice.state = text.substr(text.rfind('/') + 1);
  return choice;
}

/// Nothing is told: why not.
Error nothing_told(const report::Stories& stories, const report::TaskChoice& choice) {
  std::vector<std::string> tasks;
  for (const asl::State& state : stories.machine->states) {
    if (state.type == asl::StateType::task) {
      tasks.push_back(state.name);
    }
  }
  if (!choice.state.empty() && std::find(tasks.begin(), tasks.end(), choice.state) == tasks.end()) {
    return {ErrorKind::usage, fmt::format("no state with tasks is called '{}'{}; there are: {}", choice.state,
                                          did_you_mean(choice.state, tasks), fmt::join(tasks, ", "))};
  }
  return {ErrorKind::usage, choice.item ? fmt::format("no such task has begun: {}[{}]",
                                                      choice.state.empty() ? "*" : choice.state, *choice.item)
                                        : "no such task has begun"};
}

Result<void> explain(const std::string& folder, const report::TaskChoice* choice) {
  const auto files = TRY(report::open_run_folder(folder));
  const auto status = TRY(report::read_status(files, "", service::SystemClock().now(), kMostStories));
  if (choice == nullptr) {
    std::cout << files.folder << ": " << report::explain_run(status, kMostNamed);
    return {};
  }
  const auto stories = TRY(report::read_stories(files, *choice, kMostStories));
  if (stories.told.empty()) {
    return tl::unexpected<Error>(nothing_told(stories, *choice));
  }
  auto text = TRY(explain_tasks(files, status, stories));
  std::cout << text;
  if (stories.more > 0) {
    std::cout << fmt::format("… and {} more: name a state and an item\n", stories.more);
  }
  return {};
}

int explain(const Command& self, const Arguments& arguments) {
  RunChoice run;
  report::TaskChoice choice;
  std::uint32_t item = 0;
  po::options_description options("options");
  run.add_to(options);
  options.add_options()                                                               //
      ("state", po::value(&choice.state)->value_name("NAME"), "tasks of this state")  //
      ("item", po::value(&item)->value_name("N"), "tasks of this item of a Map");
  const auto values = TRY_OR_TELL(read_command_line(self, arguments, options, run.operands()));
  bool is_task = values.count("state") + values.count("item") > 0;
  if (values.count("item") != 0) {
    choice.item = item;
  }
  if (const auto task = run.take_other()) {
    if (is_task) {
      return report({ErrorKind::usage, fmt::format("'{}' and --state or --item name a task twice", *task)});
    }
    choice = TRY_OR_TELL(parse_task(*task));
    is_task = true;
  }
  const auto folder = TRY_OR_TELL(run.folder());
  TRY_OR_TELL(explain(folder, is_task ? &choice : nullptr));
  return end_output();
}

}  // namespace

const Command kExplain{"explain",
                       "one task's whole story, or why a run does nothing",
                       "[RUN] [TASK] [OPTION]...",
                       "Of a task, named by --state and --item or as status names it (Measure[17]): its input, its "
                       "command as one can paste "
                       "it, its folder and environment, and every attempt with what it wrote, how long it took and "
                       "what it used. Without a "
                       "task: what the run is doing, and what it waits for.",
                       {{{"lockstep explain", "why is nothing running?"},
                         {"lockstep explain survey-1.lockstep 'Measure[17]'", "all that is known of one item's task"}}},
                       explain};

}  // namespace lockstep::cli
