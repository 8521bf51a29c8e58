#include "integrations/jobs_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integrations/pattern.hpp"

namespace lockstep::integrations {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

JobsFile accepted(std::string_view text) {
  Result<JobsFile> file = parse_jobs(text, "jobs.json", "/home/me/survey");
  EXPECT_TRUE(file.has_value()) << (file ? "" : file.error().message);
  return file ? std::move(*file) : JobsFile();
}

std::string refusal(std::string_view text) {
  const Result<JobsFile> file = parse_jobs(text, "jobs.json", "/home/me/survey");
  return file ? "accepted" : file.error().message;
}

/// The refusal of one entry with these fields besides its resource.
std::string entry_refusal(std::string_view fields) {
  return refusal(fmt::format(R"({{"jobs":[{{"resource":"job:a",{}}}]}})", fields));
}

TEST(Pattern, StarStandsForAnyRunOfCharacters) {
  EXPECT_TRUE(matches("arn:aws:lambda:*:*:function:resize", "arn:aws:lambda:eu-west-1:1:function:resize"));
  EXPECT_FALSE(matches("arn:aws:lambda:*:*:function:resize", "arn:aws:lambda:eu-west-1:1:function:resize2"));
  EXPECT_TRUE(matches("arn:aws:states:::batch:submitJob*", "arn:aws:states:::batch:submitJob"));
  EXPECT_TRUE(matches("arn:aws:states:::batch:submitJob*", "arn:aws:states:::batch:submitJob.sync"));
  EXPECT_TRUE(matches("a*b*c", "a-b-b-cc"));
  EXPECT_FALSE(matches("a*b*c", "a-c-b"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_FALSE(matches("job:a?[b]", "job:axb"));
}

TEST(Pattern, ManyStarsCostNoMoreThanAProduct) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) {
    pattern += "*a";
  }
  EXPECT_FALSE(matches(pattern, std::string(5000, 'a') + "b"));
}

TEST(JobsFile, ReadsExecJobs) {
  const JobsFile file = accepted(R"({"jobs": [
    {"resource": "arn:aws:states:::batch:submitJob*", "exec": ["./${JobName}.sh"]},
    {"resource": "job:thumb", "exec": ["convert", "${src}", "${dst}"], "stdout": "log", "cwd": "task"}]})");
  ASSERT_EQ(file.jobs.size(), 2U);
  EXPECT_EQ(file.jobs[0].kind, JobKind::exec);
  EXPECT_THAT(file.jobs[0].argv, ElementsAre("./${JobName}.sh"));
  EXPECT_EQ(file.jobs[0].stdout_mode, StdoutMode::json);
  EXPECT_EQ(file.jobs[0].cwd, WorkingDirectory::jobs_folder);
  EXPECT_EQ(file.jobs[0].folder, "/home/me/survey");
  EXPECT_EQ(file.jobs[1].stdout_mode, StdoutMode::log);
  EXPECT_EQ(file.jobs[1].cwd, WorkingDirectory::task_folder);
}

TEST(JobsFile, ReadsBuiltins) {
  const JobsFile file =
      accepted(R"({"jobs": [{"resource":"job:n","builtin":"noop"},{"resource":"job:e","builtin":"echo"},
    {"resource":"job:s","builtin":"sleep"},{"resource":"job:f","builtin":"fail"}]})");
  ASSERT_EQ(file.jobs.size(), 4U);
  EXPECT_EQ(file.jobs[2].kind, JobKind::builtin);
  EXPECT_EQ(file.jobs[2].builtin, Builtin::sleep);
}

TEST(JobsFile, APluginsPathIsFromTheFilesFolder) {
  const JobsFile file = accepted(R"({"jobs": [{"resource":"job:n","plugin":"lib/../libnorm.so"},
    {"resource":"job:m","plugin":"/opt/libm.so"}]})");
  ASSERT_EQ(file.jobs.size(), 2U);
  EXPECT_EQ(file.jobs[0].kind, JobKind::plugin);
  EXPECT_THAT(file.jobs[0].argv, ElementsAre("/home/me/survey/libnorm.so"));
  EXPECT_THAT(file.jobs[1].argv, ElementsAre("/opt/libm.so"));
  for (const char* path : {"7", R"("")", R"(["libnorm.so"])", R"("a\u0000b")"}) {
    EXPECT_EQ(entry_refusal(fmt::format(R"("plugin":{})", path)),
              "jobs.json: job 1 (job:a): field 'plugin' must be the path of a shared library");
  }
}

TEST(JobsFile, BucketsAreFoldersRelativeToTheFile) {
  const JobsFile file = accepted(R"({"buckets": {"data": "/scratch/me/data", "out": "../results"}})");
  EXPECT_EQ(file.buckets.at("data"), "/scratch/me/data");
  EXPECT_EQ(file.buckets.at("out"), "/home/me/results");
}

TEST(JobsFile, AcceptsWhatEveryJobHasAnyway) {
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"ranks":1,"cores":1,"interrupted":"rerun")"), "accepted");
}

TEST(JobsFile, ReadsPriorities) {
  const JobsFile file = accepted(
      R"({"jobs":[{"resource":"job:a","builtin":"noop","priority":-3},{"resource":"job:b","builtin":"noop"}]})");
  EXPECT_EQ(file.jobs[0].priority, -3);
  EXPECT_EQ(file.jobs[1].priority, 0);
  for (const char* wrong : {"1.5", "\"high\"", "1000001", "18446744073709551615"}) {
    EXPECT_THAT(entry_refusal(fmt::format(R"("builtin":"noop","priority":{})", wrong)),
                HasSubstr("field 'priority' must be a whole number from -1000000 to 1000000"));
  }
}

TEST(JobsFile, ReadsWhereAndHowAJobRuns) {
  const JobsFile file = accepted(R"({"jobs": [
    {"resource": "job:a", "exec": ["./a"], "cwd": "../data/${plate}", "env": {"THREADS": 4, "NAME": "${name}", "FAST": true}},
    {"resource": "job:b", "exec": "sort -n | head -${N:-3}", "shell": true, "module": "coreutils/9"},
    {"resource": "job:c", "stream": ["c"], "cwd": "/opt/c", "module": ["gcc", "c/1"], "env": {"A": "b"},
     "container": "c.sif"},
    {"resource": "job:d", "exec": ["d"], "container": {"image": "me/d:1", "runtime": "podman", "options": ["--cpus", "2"]}},
    {"resource": "job:e", "exec": ["e"], "container": "docker://me/e", "cwd": "jobs"}]})");
  ASSERT_EQ(file.jobs.size(), 5U);
  EXPECT_EQ(file.jobs[0].cwd, WorkingDirectory::named);
  EXPECT_EQ(file.jobs[0].directory, "/home/me/data/${plate}");
  EXPECT_THAT(file.jobs[0].environment, ElementsAre("FAST=true", "NAME=${name}", "THREADS=4"));
  EXPECT_TRUE(file.jobs[1].shell);
  EXPECT_THAT(file.jobs[1].argv, ElementsAre("/bin/sh", "-c", "sort -n | head -${N:-3}"));
  EXPECT_THAT(file.jobs[1].modules, ElementsAre("coreutils/9"));
  EXPECT_EQ(file.jobs[2].directory, "/opt/c");
  EXPECT_THAT(file.jobs[2].modules, ElementsAre("gcc", "c/1"));
  EXPECT_EQ(file.jobs[2].container, Runtime::apptainer);
  EXPECT_EQ(file.jobs[2].image, "/home/me/survey/c.sif");
  EXPECT_EQ(file.jobs[3].container, Runtime::podman);
  EXPECT_EQ(file.jobs[3].image, "me/d:1");
  EXPECT_THAT(file.jobs[3].options, ElementsAre("--cpus", "2"));
  EXPECT_EQ(file.jobs[4].image, "docker://me/e");
  EXPECT_EQ(file.jobs[4].cwd, WorkingDirectory::jobs_folder);
}

TEST(JobsFile, RefusesWhatMakesNoSenseOfThat) {
  for (const auto& [fields, said] : std::vector<std::pair<const char*, const char*>>{
           {R"("exec":["a"],"shell":true)", "must be the text of a shell's command"},
           {R"("exec":["a"],"shell":"yes")", "field 'shell' must be true or false"},
           {R"("exec":["a"],"env":{"A=B":"c"})", "'A=B' is no name of a variable"},
           {R"("exec":["a"],"env":{"LOCKSTEP_RANK":"7"})", "LOCKSTEP_RANK is ours to set"},
           {R"("exec":["a"],"env":{"A":[1]})", "A must be a string, a number or a boolean"},
           {R"("exec":["a"],"env":{"A":"${b"})", "'${' without '}'"},
           {R"("stream":["a"],"env":{"A":"${b}"})", "many tasks share"},
           {R"("stream":["a"],"cwd":"task")", "no task folder of its own"},
           {R"("stream":["a"],"cwd":"x/${b}")", "many tasks share"},
           {R"("exec":["a"],"cwd":"")", "field 'cwd' must be"},
           {R"("exec":["a"],"module":[])", "must name modules"},
           {R"("exec":["a"],"module":"-x")", "must name modules"},
           {R"("exec":["a"],"module":7)", "a module's name or an array"},
           {R"("exec":["a"],"container":{"image":"x","runtime":"lxc"})", "must be one of"},
           {R"("exec":["a"],"container":{"runtime":"docker"})", "field 'container' must be"},
           {R"("exec":["a"],"container":"-x")", "field 'container' must be"},
           {R"("builtin":"echo","env":{})", "field 'env' has no meaning for a builtin"},
           {R"("plugin":"a.so","container":"b")", "field 'container' has no meaning for a plugin"}}) {
    EXPECT_THAT(entry_refusal(fields), HasSubstr(said)) << fields;
  }
}

TEST(JobsFile, SaysWhereTextIsNotJson) {
  EXPECT_THAT(refusal("{\"jobs\": [\n  }"), HasSubstr("jobs.json: line 2, column 3: "));
  EXPECT_THAT(refusal(""), HasSubstr("jobs.json: line 1, column"));
}

TEST(JobsFile, RefusesUnknownFieldsByName) {
  EXPECT_EQ(refusal(R"({"jobs":[],"jbos":1})"), "jobs.json: unknown field 'jbos'; did you mean 'jobs'?");
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"stdot":"log")"),
            "jobs.json: job 1 (job:a): unknown field 'stdot'; did you mean 'stdout'?");
}

TEST(JobsFile, RefusesAFieldGivenTwice) {
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"exec":["b"])"), "jobs.json: field 'exec' is given twice");
}

TEST(JobsFile, RefusesWhatThisVersionDoesNotHonour) {
  EXPECT_EQ(entry_refusal(R"("stream":["a","b"])"), "accepted");
  EXPECT_EQ(entry_refusal(R"("stream":["a","${b}"])"),
            "jobs.json: job 1 (job:a): field 'stream': argument 1: '${' has no meaning for a process that many tasks "
            "share in \"${b}\"");
  EXPECT_EQ(entry_refusal(R"("stream":["a"],"stdout":"log")"),
            "jobs.json: job 1 (job:a): field 'stdout' has no meaning for a stream");
  EXPECT_EQ(entry_refusal(R"("stream":["a"],"exec":["a"])"),
            "jobs.json: job 1 (job:a): fields 'exec' and 'stream' exclude each other");
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"memory":"8GB")"),
            "jobs.json: job 1 (job:a): field 'memory' is not supported by this version");
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"ranks":8)"),
            "jobs.json: job 1 (job:a): field 'ranks': more than 1 is not supported by this version");
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"cores":0)"),
            "jobs.json: job 1 (job:a): field 'cores' must be a whole number from 1");
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"interrupted":"fail")"), "accepted");
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"interrupted":"perhaps")"),
            "jobs.json: job 1 (job:a): field 'interrupted' must be one of \"rerun\", \"fail\"");
}

TEST(JobsFile, NamesEntryAndFieldOfAWrongValue) {
  EXPECT_EQ(refusal(R"({"jobs":[{"resource":"job:a","builtin":"echo"},{"builtin":"echo"}]})"),
            "jobs.json: job 2: field 'resource' is missing");
  EXPECT_EQ(entry_refusal(R"("exec":"a b")"),
            "jobs.json: job 1 (job:a): field 'exec' must be an array of the program and its arguments; a text is for a "
            "shell, "
            "with \"shell\": true");
  EXPECT_EQ(entry_refusal(R"("exec":["a",1])"), "jobs.json: job 1 (job:a): field 'exec': argument 1 must be a string");
  EXPECT_EQ(entry_refusal(R"("exec":["a","${src"])"),
            "jobs.json: job 1 (job:a): field 'exec': argument 1: '${' without '}' in \"${src\"");
  EXPECT_EQ(entry_refusal(R"("builtin":"eco")"),
            R"(jobs.json: job 1 (job:a): field 'builtin' must be one of "noop", "echo", "sleep", "fail")");
  EXPECT_EQ(entry_refusal(R"("exec":["a"],"builtin":"echo")"),
            "jobs.json: job 1 (job:a): fields 'exec' and 'builtin' exclude each other");
  EXPECT_EQ(entry_refusal(R"("stdout":"log")"),
            "jobs.json: job 1 (job:a): one of the fields 'exec', 'stream', 'plugin' and 'builtin' is needed");
  EXPECT_EQ(refusal(R"({"jobs":{}})"), "jobs.json: field 'jobs' must be an array");
  EXPECT_EQ(refusal(R"({"buckets":{"data":1}})"),
            "jobs.json: bucket 'data': must have a name and a folder, which is a string");
}

TEST(JobsFile, RefusalsAreOneLineWhateverTheFileHolds) {
  const std::string message = entry_refusal("\"exec\":[\"a\"],\"x\\ny\":1");
  EXPECT_EQ(message, "jobs.json: job 1 (job:a): unknown field 'x y'");
}

}  // namespace
}  // namespace lockstep::integrations
