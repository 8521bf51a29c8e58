#include "cli/record_case.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "cli/case_results.hpp"
#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "journal/event_reader.hpp"
#include "report/run_files.hpp"
#include "service/mock_recording.hpp"

namespace lockstep::cli {

namespace {

Result<service::RecordedCase> read_case(const RecordOptions& options) {
  const auto run = TRY(report::open_run_folder(options.run));
  const auto found = TRY(report::find_execution(run, report::Choice(options.execution, run.name)));
  if (!found) {
    return fail(ErrorKind::invalid, fmt::format("nothing has run in {} yet", options.run));
  }
  journal::ReadOptions read;
  read.from = found->first;
  read.until = found->last;
  read.execution = found->started.execution;
  service::Recording recording;
  TRY(journal::read_events(run.journal, read, [&](const journal::RecordedEvent& one) { recording.take(one.event); }));
  return recording.make_case(options.name);
}

Result<void> write_new(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "wxe");
  if (file == nullptr) {
    return fail(ErrorKind::occupied, fmt::format("cannot make {}: {}", path, std::strerror(errno)));
  }
  bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = std::fclose(file) == 0 && good;
  return good ? Result<void>() : fail(ErrorKind::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

}  // namespace

int record_case(const RecordOptions& options) {
  const auto recorded = TRY_OR_TELL(read_case(options));
  if (options.file.empty()) {
    std::cout << recorded.mocks;
  } else if (const auto written = write_new(options.file, recorded.mocks); !written) {
    return report(written.error());
  }
  integrations::Expectation expect;
  expect.status = engine::to_string(recorded.real.status);
  expect.error = recorded.real.error;
  expect.cause = recorded.real.cause;
  if (recorded.real.status == engine::Status::succeeded) {
    expect.output = recorded.real.output;
  }
  const std::vector<Mismatch> mismatches = judge(expect, recorded.end, {});
  if (!mismatches.empty()) {
    complain(
        "the case does not end as the run has, which depended on more than its input and its tasks (time, chance, "
        "--limits): change what it expects");
  }
  for (const Mismatch& mismatch : mismatches) {
    complain(mismatch.message);
  }
  const int written = end_output();
  return mismatches.empty() || written != kSucceeded ? written : kFailed;
}

}  // namespace lockstep::cli
