#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/command_line.hpp"
#include "cli/exit_status.hpp"
#include "journal/files.hpp"
#include "report/export.hpp"

namespace lockstep::cli {

namespace po = boost::program_options;

namespace {

Error cannot_write(const std::string& path) {
  return {ErrorKind::io, fmt::format("cannot write {}: {}", path, std::strerror(errno != 0 ? errno : EIO))};
}

Result<void> export_to(const report::RunFiles& run, report::ExportFormat format, const std::string& path) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) {
    return tl::unexpected<Error>(cannot_write(path));
  }
  const auto done = report::write_export(run, format, file);
  file.close();
  if (done && !file) {
    return tl::unexpected<Error>(cannot_write(path));
  }
  return done;
}

/// All of it at `path`, or what stood there before.
Result<void> replace_file(const report::RunFiles& run, report::ExportFormat format, const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind != std::filesystem::file_type::regular && kind != std::filesystem::file_type::not_found) {
    return export_to(run, format, path);  // a device or a pipe stays what it is
  }
  journal::FileLayer& files = journal::posix_files();
  const std::string target =
      std::filesystem::is_symlink(path, error) ? std::filesystem::weakly_canonical(path, error).string() : path;
  const std::string temporary = fmt::format("{}.{}.tmp", target, ::getpid());
  auto done = export_to(run, format, temporary);
  if (done) {
    const auto file = files.open_to_write(temporary);
    done = file ? (*file)->sync() : Result<void>(tl::unexpected<Error>(file.error()));
  }
  if (done) {
    done = files.rename(temporary, target);
  }
  if (!done) {
    static_cast<void>(files.remove(temporary));
    return done;
  }
  return files.sync_folder(journal::folder_of(target));
}

Result<void> run_export(const std::string& folder, report::ExportFormat format, const std::string& output) {
  const auto run = TRY(report::open_run_folder(folder));
  if (!output.empty()) {
    return replace_file(run, format, output);
  }
  auto done = report::write_export(run, format, std::cout);
  std::cout.flush();
  if (done && !std::cout) {
    return fail(ErrorKind::io, "cannot write standard output");
  }
  return done;
}

int export_rows(const Command& self, const Arguments& arguments) {
  RunChoice run;
  std::string output;
  bool csv = false;
  bool jsonl = false;
  po::options_description options("options");
  run.add_to(options);
  options.add_options()                                                                  //
      ("csv", po::bool_switch(&csv), "comma-separated values, with a header (default)")  //
      ("jsonl", po::bool_switch(&jsonl), "a JSON object on each line")                   //
      ("output", po::value(&output)->value_name("FILE"), "write there instead of to standard output");
  const auto values = TRY_OR_TELL(read_command_line(self, arguments, options, run.operands()));
  if ((csv && jsonl) || (values.count("output") != 0 && output.empty())) {
    return report({ErrorKind::usage, csv && jsonl ? "export writes --csv or --jsonl, not both; `lockstep export --help`"
                                                  : "--output is given, but empty"});
  }
  const auto folder = TRY_OR_TELL(run.folder());
  std::ios::sync_with_stdio(false);
  TRY_OR_TELL(run_export(folder, jsonl ? report::ExportFormat::jsonl : report::ExportFormat::csv, output));
  return kSucceeded;
}

}  // namespace

const Command kExport{
    "export",
    "a row for each task, as CSV or JSON lines",
    "[RUN] [OPTION]...",
    "A row for each dispatch of each task: execution, state, item, attempt, dispatch, times, status, error, cause, "
    "size "
    "of the result. Times are UTC; status is SUCCEEDED, FAILED, TIMED_OUT, ABORTED, RUNNING, or INTERRUPTED where the "
    "same attempt was dispatched again.",
    {{{"lockstep export > tasks.csv", "a table of all tasks of the last run here"},
      {"lockstep export --jsonl | jq 'select(.status == \"FAILED\")'", "those that failed"}}},
    export_rows};

}  // namespace lockstep::cli
