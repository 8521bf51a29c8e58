// create-activity, delete-activity, list-activities, describe-activity.
#include <iostream>

#include "catalogue/names.hpp"
#include "cli/command_line.hpp"
#include "cli/deliver.hpp"
#include "cli/exit_status.hpp"
#include "report/describe.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

/// The one thing that such a command names besides the folder, and the folder.
struct Named {
  std::string activity;
  std::string folder;
};

tl::expected<Named, int> read_line(const Command& self, const Arguments& arguments, po::options_description& options) {
  RunChoice run;
  po::options_description shown("options");
  run.add_to(shown);
  shown.add(options);
  if (const auto values = read_command_line(self, arguments, shown, run.operands()); !values) {
    return tl::unexpected(values.error());
  }
  const auto activity = run.take_other();
  if (!activity || activity->empty()) {
    return tl::unexpected(
        report({ErrorKind::usage, fmt::format("{0} needs an activity; `lockstep {0} --help`", self.name)}));
  }
  auto folder = run.folder();
  if (!folder) {
    return tl::unexpected(report(folder.error()));
  }
  return Named{*activity, *std::move(folder)};
}

/// Creates or deletes it.
int change(const Command& self, const Arguments& arguments) {
  const bool creates = &self == &kCreateActivity;
  double wait = 60;
  po::options_description options;
  options.add_options()("wait", po::value(&wait)->value_name("SECONDS"), "for the answer; 60 unless given");
  const auto named = TRY_OR_TELL(read_line(self, arguments, options));
  if (!(wait >= 0 && wait <= 1e6)) {
    return report({ErrorKind::usage, "--wait is a number of seconds from 0"});
  }
  if (creates && !catalogue::is_valid_name(named.activity)) {
    return report({ErrorKind::usage, fmt::format("an activity cannot be called '{}'", named.activity)});
  }
  auto folder = service::RunFolder::existing(named.folder);
  if (!folder && creates) {
    folder = house_at(named.folder, "hpc");
  }
  if (!folder) {
    return report(folder.error());
  }
  return deliver(
      *folder,
      creates ? service::Request(service::CreateActivity{named.activity}) : service::DeleteActivity{named.activity},
      wait);
}

int print(const Result<std::string>& document) {
  if (!document) {
    return report(document.error());
  }
  std::cout << *document << '\n';
  return end_output();
}

int list_activities(const Command& self, const Arguments& arguments) {
  RunChoice run;
  po::options_description options("options");
  run.add_to(options);
  const auto folder = TRY_OR_TELL(read_run_line(self, arguments, options, run));
  const auto files = TRY_OR_TELL(report::open_run_folder(folder));
  return print(report::list_activities(files));
}

int describe_activity(const Command& self, const Arguments& arguments) {
  po::options_description options;
  const auto named = TRY_OR_TELL(read_line(self, arguments, options));
  const auto files = TRY_OR_TELL(report::open_run_folder(named.folder));
  return print(report::describe_activity(files, named.activity));
}

}  // namespace

const Command kCreateActivity{
    "create-activity",
    "make an activity, whose workers take its tasks",
    "NAME [OPTION]...",
    "Makes an activity in a house or a run, and prints its ARN: tasks with that Resource, where no job is mapped to "
    "it, wait until a worker takes them (lockstep activity-worker). One that stands stays as it is.",
    {{{"lockstep create-activity paint --dir house", "prints its ARN"},
      {"lockstep run survey.asl.json --activity paint", "the same for a run, before it begins"}}},
    change};

const Command kDeleteActivity{
    "delete-activity",
    "remove an activity",
    "NAME|ARN [OPTION]...",
    "Removes an activity. Tasks that a worker has taken go on; those that nobody has taken wait for one of that name "
    "to be made again, and a state that would ask for one fails its execution.",
    {{{"lockstep delete-activity paint --dir house", "by its name"},
      {"lockstep delete-activity arn:aws:states:us-east-1:123456789012:activity:paint --dir house", "by its ARN"}}},
    change};

const Command kListActivities{"list-activities",
                              "the activities of a house",
                              "[HOUSE] [OPTION]...",
                              "Lists the activities of a house or a run, as ListActivities answers. Without a lock.",
                              {{{"lockstep list-activities --dir house", "all of them"},
                                {"lockstep list-activities house | jq -r '.activities[].name'", "their names"}}},
                              list_activities};

const Command kDescribeActivity{
    "describe-activity",
    "an activity's ARN and date",
    "NAME|ARN [OPTION]...",
    "Describes an activity of a house or a run, as DescribeActivity answers. Without a lock.",
    {{{"lockstep describe-activity paint --dir house", "by its name"},
      {"lockstep describe-activity paint", "in the last run of this folder"}}},
    describe_activity};

}  // namespace lockstep::cli
