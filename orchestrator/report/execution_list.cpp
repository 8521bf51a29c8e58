#include "report/execution_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "catalogue/names.hpp"
#include "report/describe.hpp"
#include "report/format.hpp"
#include "report/house_view.hpp"
#include "report/tally.hpp"

namespace lockstep::report {

namespace {

/// Of what has no such name, the whole of it.
std::string name_of_machine(const std::string& arn) {
  return arn.substr(arn.rfind(':') + 1);
}

/// The ARN of the machine that was asked for.
Result<std::string> find_machine(const RunFiles& run, const catalogue::Catalogue& catalogue,
                                 const std::string& wanted) {
  if (wanted.empty()) {
    return wanted;
  }
  const std::string arn = wanted.starts_with("arn:") ? wanted : catalogue::machine_arn(wanted);
  const catalogue::Machine* machine = catalogue.machine(arn);
  if (machine != nullptr && machine->type == asl::ExecutionType::express) {
    return fail(ErrorKind::usage,
                fmt::format("state machine '{}' is EXPRESS: what becomes of its executions is kept nowhere", wanted));
  }
  if (machine == nullptr && !catalogue.executions().machines().contains(arn)) {
    return fail(ErrorKind::usage, fmt::format("{} holds no state machine '{}'", run.folder, wanted));
  }
  return arn;
}

void write_json(const catalogue::ExecutionPage& page, std::ostream& out) {
  out << "{\"executions\":[";
  for (const catalogue::ExecutionEntry& entry : page.entries) {
    out << (&entry == &page.entries.front() ? "\n" : ",\n") << list_item_json(entry);
  }
  out << "\n]" << (page.token.empty() ? "" : ",\"nextToken\":\"" + page.token + '"') << "}\n";
}

void write_text(const catalogue::ExecutionPage& page, std::ostream& out) {
  std::size_t name_width = 4;
  std::size_t machine_width = 7;
  for (const catalogue::ExecutionEntry& entry : page.entries) {
    name_width = std::max(name_width, width(entry.name));
    machine_width = std::max(machine_width, width(name_of_machine(entry.machine_arn)));
  }
  const auto cell = [](const std::string& text, std::size_t columns) {
    return one_line(text, SIZE_MAX) + std::string(columns + 2 - std::min(columns, width(text)), ' ');
  };
  if (!page.entries.empty()) {
    out << cell("NAME", name_width) << cell("MACHINE", machine_width) << cell("STATUS", 9) << cell("STARTED", 19)
        << "STOPPED\n";
  }
  for (const catalogue::ExecutionEntry& entry : page.entries) {
    std::string line = cell(entry.name, name_width) + cell(name_of_machine(entry.machine_arn), machine_width) +
                       cell(std::string(to_string(entry.status)), 9) + cell(local_time(entry.started), 19) +
                       (entry.stopped ? local_time(*entry.stopped) : "");
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

}  // namespace

Result<std::string> write_list(const RunFiles& run, const ListOptions& options, std::ostream& out) {
  const auto read = TRY(read_catalogue(run));
  const catalogue::Catalogue& catalogue = *read;
  auto machine = find_machine(run, catalogue, options.machine);
  if (!machine) {
    return machine;
  }
  auto page = catalogue.executions().page({std::move(*machine), options.status, options.most, options.token});
  if (!page) {
    return tl::unexpected<Error>(error_of(page.error()));
  }
  options.json ? write_json(*page, out) : write_text(*page, out);
  return std::move(page->token);
}

}  // namespace lockstep::report
