"""Jobs that are functions of a shared library: in a helper process, and in the ranks."""
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from lockstep_case import LockstepCase, is_running

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INCLUDE = os.path.join(ROOT, "mpi_worker")
MODES = ("alone", "ranks")

# What a call does is the word in its input.
PROBE = r"""
#define _GNU_SOURCE
#include <lockstep_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

LOCKSTEP_PLUGIN

static void say(const struct lockstep_call *call, const char *json) { call->succeed(call, json, strlen(json)); }

void lockstep_plugin_call(const struct lockstep_call *call) {
  const char *word = call->input;
  char text[4096];
  if (strcmp(word, "\"pid\"") == 0) {
    snprintf(text, sizeof text, "%d", (int)getpid());
    say(call, text);
  } else if (strcmp(word, "\"who\"") == 0) {
    snprintf(text, sizeof text,
             "{\"version\":%d,\"resource\":\"%s\",\"run\":\"%s\",\"dir\":\"%s\",\"execution\":\"%s\",\"state\":\"%s\",\"task\":\"%s\","
             "\"host\":\"%s\",\"item\":%ld,\"attempt\":%d,\"deadline\":%ld,\"heartbeat\":%ld,\"rank\":%d,\"size\":%zu}",
             (int)call->version, call->resource, call->run_id, call->run_dir, call->execution, call->state, call->task_dir, call->host,
             (long)call->item_index, (int)call->attempt, (long)call->deadline, (long)call->heartbeat, (int)call->rank, call->input_size);
    say(call, text);
  } else if (strcmp(word, "\"nothing\"") == 0) {
  } else if (strcmp(word, "\"garbage\"") == 0) {
    say(call, "{oops");
  } else if (strcmp(word, "\"error\"") == 0) {
    say(call, "1");
    call->fail(call, "My.Error", "a \"cause\"\nof two lines");
  } else if (strcmp(word, "\"errorType\"") == 0) {
    say(call, "\n{\"errorType\":\"none\",\n\"n\": 1.50}\n");
  } else if (strcmp(word, "\"crash\"") == 0) {
    *(volatile int *)0 = 1;
  } else if (strcmp(word, "\"print\"") == 0) {
    const char line[] = "to the log\n";
    call->log(call, line, sizeof line - 1);
    say(call, "true");
  } else if (strcmp(word, "\"heed\"") == 0) {
    while (!call->is_cancelled(call)) usleep(1000);
    FILE *file = fopen("heeded", "w");
    fclose(file);
  } else if (strcmp(word, "\"deaf\"") == 0) {
    FILE *file = fopen("deaf.new", "w");
    fprintf(file, "%d", (int)getpid());
    fclose(file);
    rename("deaf.new", "deaf");
    for (;;) pause();
  } else if (strcmp(word, "\"beat\"") == 0) {
    for (int i = 0; i < 30; ++i) {
      usleep(100000);
      call->beat(call);
    }
    say(call, "\"alive\"");
  } else {
    call->succeed(call, call->input, call->input_size);
  }
}
"""


class Plugins(LockstepCase):
    def build(self, source=PROBE, name="libprobe.so"):
        path = self.write(name + ".c", source)
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I", INCLUDE, "-o", self.path(name), path],
                       check=True)
        return [{"resource": "job:probe", "plugin": name}]

    def call(self, word, mode, **fields):
        return self.run_machine(self.task("job:probe", **fields), self.build(), json.dumps(word), mode)

    def test_the_example_gives_what_its_readme_says(self):
        folder = self.path("norm")
        shutil.copytree(os.path.join(ROOT, "jobs/norm-plugin"), folder)
        with open(os.path.join(folder, "README.md")) as file:
            readme = file.read()
        command = next(line.strip() for line in readme.splitlines() if line.strip().startswith("cc "))
        command = command.replace("jobs/norm-plugin", folder).replace("-I mpi_worker", "-I " + INCLUDE)
        subprocess.run(command, shell=True, check=True)
        source = os.path.join(folder, "norm.c")
        subprocess.run(["c++", "-x", "c++", "-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-I", INCLUDE, source], check=True)
        for extra in ([], ["--ranks", "3"]):
            result = self.lockstep("run", os.path.join(folder, "norm.asl.json"), "--quiet", *extra,
                                   "--input", json.dumps({"vectors": [[3, 4], [1, 2, 2], "no vector"]}))
            self.assertEqual((result.status, result.out), (0, '{"norms":[5,3,null],"largest":5}\n'), result.err)
            self.assertIn(result.out.strip(), readme)

    def test_a_call_is_told_what_it_is(self):
        for mode in MODES:
            result = self.call("who", mode, TimeoutSeconds=100, HeartbeatSeconds=50)
            said = result.value
            self.assertEqual((said["version"], said["resource"], said["state"], said["item"], said["attempt"], said["heartbeat"]),
                             (1, "job:probe", "T", -1, 0, 50_000_000))
            self.assertEqual((said["run"], said["size"]), (said["execution"], 5))
            self.assertEqual(said["dir"], self.path("run-%d" % self.runs))
            self.assertTrue(said["task"].startswith(said["dir"] + "/tasks/"))
            self.assertTrue(0 < said["deadline"] / 1e6 - time.time() < 100)
            self.assertEqual(said["rank"] > 0, mode == "ranks")

    def test_results(self):
        for mode in MODES:
            for word, out in (("nothing", "null"), ("errorType", '{"errorType":"none","n":1.50}'), ("a\n", '"a\\n"'),
                              ("x" * 3_000_000, '"%s"' % ("x" * 3_000_000))):
                result = self.call(word, mode)
                self.assertEqual(result.status, 0, result.err)
                self.assertEqual(result.value, json.loads(out))
                self.assertEqual("1.50" in out, "1.50" in result.out)

    def test_failures(self):
        for mode in MODES:
            for word, error, cause in (("error", "My.Error", 'a "cause"\nof two lines'),
                                       ("garbage", "Lockstep.BadOutput", "the plugin's result is not JSON")):
                result = self.call(word, mode)
                self.assertEqual((result.status, result.value["error"]), (1, error))
                self.assertTrue(result.value["cause"].startswith(cause), result.value["cause"])

    def test_a_crash_in_the_helper_fails_its_task_only(self):
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "MaxConcurrency": 1, "ItemProcessor": {
            "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:probe", "End": True, "Catch": [
                {"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}]}, "Caught": {"Type": "Pass", "End": True}}}}}}
        result = self.run_machine(machine, self.build(), ["pid", "crash", "pid", "pid"], arguments=["--slots", "1"])
        self.assertEqual(result.status, 0, result.err)
        before, crash, after, again = result.value
        self.assertIn("signal 11", crash["Cause"])
        self.assertNotEqual(before, after)
        self.assertEqual(after, again)
        self.assertFalse(is_running(again))

    def test_in_the_ranks_no_process_is_started(self):
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:probe", "End": True}}}}}}
        result = self.run_machine(machine, self.build(), ["pid"] * 200, "ranks")
        self.assertEqual(result.status, 0, result.err)
        self.assertLessEqual(len(set(result.value)), 2)

    def test_what_it_logs_is_in_the_log(self):
        for mode in MODES:
            result = self.call("print", mode)
            self.assertEqual(result.status, 0, result.err)
            self.assertIn("to the log\n", self.lockstep("logs", "--dir", "run-%d" % self.runs).out)

    def test_a_timeout_is_told_to_the_call(self):
        for mode in MODES:
            result = self.call("heed", mode, TimeoutSeconds=1)
            self.assertEqual((result.status, result.value["error"]), (1, "States.Timeout"))
            self.assertTrue(os.path.exists(self.path("heeded")))
            os.remove(self.path("heeded"))

    def test_beats_count_as_life_and_silence_does_not(self):
        for mode in MODES:
            result = self.call("beat", mode, TimeoutSeconds=60, HeartbeatSeconds=2)
            self.assertEqual((result.status, result.out), (0, '"alive"\n'), result.err)
            result = self.call("heed", mode, TimeoutSeconds=60, HeartbeatSeconds=1)
            self.assertEqual((result.status, result.value["error"]), (1, "States.Timeout"))

    def test_a_call_that_does_not_heed_it_is_killed_in_the_helper(self):
        result = self.call("deaf", "alone", TimeoutSeconds=1)
        self.assertEqual((result.status, result.value["error"]), (1, "States.Timeout"))
        with open(self.path("deaf")) as file:
            self.assertFalse(is_running(int(file.read())))

    def test_a_call_that_does_not_heed_it_holds_up_nobody_in_the_ranks(self):
        machine = {"StartAt": "Deaf", "States": {
            "Deaf": {"Type": "Task", "Resource": "job:probe", "TimeoutSeconds": 1, "Next": "After",
                     "Parameters": "deaf", "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "After"}]},
            "After": {"Type": "Task", "Resource": "job:probe", "Parameters": "pid", "End": True}}}
        machine["States"]["Deaf"].pop("Parameters")
        machine["States"]["After"].pop("Parameters")
        machine["States"]["Deaf"]["InputPath"] = "$.first"
        machine["States"]["Deaf"]["Catch"][0]["ResultPath"] = None
        machine["States"]["After"]["InputPath"] = "$.then"
        result = self.run_machine(machine, self.build(), {"first": "deaf", "then": "pid"}, "ranks", ["--slots", "1"])
        self.assertEqual(result.status, 0, result.err)
        self.assertFalse(is_running(result.value))

    def test_a_stopped_run_leaves_no_helper(self):
        self.write("machine.asl.json", self.task("job:probe"))
        self.write("jobs.json", {"jobs": self.build()})
        for how in (signal.SIGTERM, signal.SIGKILL):
            process = self.begin("run", "machine.asl.json", "--dir", "run", "--fresh", "--grace", "0", "--input", '"deaf"')
            self.until(lambda: os.path.exists(self.path("deaf")))
            with open(self.path("deaf")) as file:
                pid = int(file.read())
            os.remove(self.path("deaf"))
            process.send_signal(how)
            process.wait(timeout=60)
            self.assertFalse(is_running(pid), how)

    def test_one_that_cannot_be_loaded_is_refused_before_anything_runs(self):
        good = self.build()
        self.write("text.so", "no library\n")
        self.build("int one(void) { return 1; }", "libnone.so")
        self.build("#include <stdint.h>\nuint32_t lockstep_plugin_version(void) { return 99; }\nvoid lockstep_plugin_call(void *p) { (void)p; }",
                   "libnew.so")
        self.build("#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }", "libabort.so")
        for name, part in (("missing.so", "No such file"), ("text.so", "file too short"), ("libnone.so", "lockstep_plugin_version"),
                           ("libnew.so", "version 99"), ("libabort.so", "signal 6")):
            for arguments in ([], ["--ranks", "2"]):
                result = self.run_machine(self.task("job:probe"), [{"resource": "job:probe", "plugin": name}], "[]", arguments=arguments)
                self.assertEqual((result.status, result.out), (65, ""), result.err)
                self.assert_one_line(result.err, "job:probe", name, part)
                self.assertFalse(os.path.exists(self.path("run-%d/journal" % self.runs)))
        unused = good + [{"resource": "job:other", "plugin": "missing.so"}]
        self.assertEqual(self.run_machine(self.task("job:probe"), unused, "[]").status, 0)


if __name__ == "__main__":
    unittest.main()
