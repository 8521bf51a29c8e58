"""jobs.json: where and how a job runs: environment, folder, shell, modules, containers; as YAML; and the documented way to keep going."""
import json
import os
import re
import unittest

from lockstep_case import LockstepCase

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "jobs", "README.md")

# Says what it was called with, and runs the program behind its image.
APPTAINER = """#!/bin/sh
printf '%s\\n' "$@" > "$LOCKSTEP_TASK_DIR/called"
until case $1 in */image.sif) ;; *) false ;; esac; do
  [ "$1" != --pwd ] || cd "$2"
  shift
done
shift
exec "$@"
"""
DOCKER = """#!/bin/sh
printf '%s\\n' "$@" > called
while [ "$1" != tool:1 ] && [ $# -gt 0 ]; do shift; done
shift
exec "$@"
"""
MODULE = """#!/bin/sh
echo "$@" >> "$LOADED"
case " $* " in *" bad "*) echo "no module bad" >&2; exit 1;; esac
"""


class JobsFiles(LockstepCase):
    def on_path(self, name, text):
        os.chmod(self.write("bin/" + name, text), 0o755)
        return dict(os.environ, PATH=self.path("bin") + ":" + os.environ["PATH"], LOADED=self.path("loaded"))

    def go(self, entry, input=None, environment=None, arguments=(), name="jobs.json"):
        self.runs += 1
        self.write("machine.asl.json", self.task("job:t"))
        self.write(name, entry if isinstance(entry, str) else {"jobs": [dict({"resource": "job:t"}, **entry)]})
        return self.lockstep("run", "machine.asl.json", "--dir", self.path("run-%d" % self.runs), "--input", json.dumps(input or {}),
                             *arguments, environment=environment)

    def test_env_is_filled_and_stands_instead_of_what_is_inherited(self):
        show = ["sh", "-c", 'printf \'["%s","%s","%s","%s"]\' "$A" "$HOME" "$OMP_NUM_THREADS" "$(env | grep -c ^HOME=)"']
        for extra in ([], ["--ranks", "2"]):
            result = self.go({"exec": show, "env": {"A": "<${a}>", "HOME": "/home/of/${a}", "OMP_NUM_THREADS": 3}}, {"a": "x y"}, arguments=extra)
            self.assertEqual((result.status, result.value), (0, ["<x y>", "/home/of/x y", "3", "1"]), result.err)
        result = self.go({"exec": show, "env": {"A": "${missing}"}})
        self.assertEqual(result.value["error"], "Lockstep.BadArguments")
        lines = 'import json,os,sys\nfor line in sys.stdin: print(json.dumps(os.environ["A"]), flush=True)\n'
        self.write("s.py", lines)
        self.assertEqual(self.go({"stream": ["python3", "s.py"], "env": {"A": "b"}}).out, '"b"\n')

    def test_cwd_anywhere(self):
        os.makedirs(self.path("data/p1"))
        os.chmod(self.write("where.sh", "#!/bin/sh\nprintf '\"%s\"' \"$(pwd -P)\"\n"), 0o755)
        real = os.path.realpath(self.folder)
        for cwd, at in (("data", "/data"), ("data/${plate}", "/data/p1"), (real + "/data", "/data"), ("${whole}", "/data/p1"), ("jobs", "")):
            for extra in ([], ["--ranks", "2"]):
                result = self.go({"exec": ["./where.sh"], "cwd": cwd}, {"plate": "p1", "whole": real + "/data/p1"}, arguments=extra)
                self.assertEqual((result.status, result.value), (0, real + at), result.err)
        gone = self.go({"exec": ["./where.sh"], "cwd": "nowhere"})
        self.assertIn("cannot change to the folder " + self.path("nowhere"), gone.value["cause"])
        dry = self.go({"exec": ["./where.sh"], "cwd": "nowhere"}, arguments=["--dry-run"])
        self.assertEqual(dry.status, 65)
        self.assert_one_line(dry.err, "its folder %s is not found" % self.path("nowhere"))
        self.write("s.py", "import json,os,sys\nfor line in sys.stdin: print(json.dumps(os.getcwd()), flush=True)\n")
        self.assertEqual(self.go({"stream": ["python3", self.path("s.py")], "cwd": "data"}).value, real + "/data")

    def test_shell(self):
        entry = {"exec": 'printf "%s\\n" "$name" b a | sort | head -n ${N:-2} | wc -l', "shell": True, "env": {"name": "${name}"}}
        for name in ("plain", "$(touch harm); `touch harm` \"'; touch harm"):
            result = self.go(entry, {"name": name})
            self.assertEqual((result.status, result.out), (0, "2\n"), result.err)
        self.assertFalse(os.path.exists(self.path("harm")), "what comes in is no command")
        self.assertIn("resource    job:t: exec /bin/sh -c ", self.go(entry, {"name": "x"}, arguments=["--dry-run"]).out)
        text = self.go({"exec": "echo 1 | cat"})
        self.assertEqual(text.status, 65)
        self.assert_one_line(text.err, 'a text is for a shell, with "shell": true')

    def test_modules_are_loaded_before_and_a_bad_one_fails_the_task(self):
        environment = self.on_path("module", MODULE)
        os.chmod(self.write("tool.sh", "#!/bin/sh\nprintf '[\"%s\",' \"$1\"; cat; echo ]\n"), 0o755)
        result = self.go({"exec": ["./tool.sh", "${a}"], "module": ["gcc/12", "lammps"]}, {"a": "x y"}, environment)
        self.assertEqual((result.status, result.value), (0, ["x y", {"a": "x y"}]), result.err)
        with open(self.path("loaded")) as file:
            self.assertEqual(file.read(), "load gcc/12 lammps\n")
        self.write("s.py", "import json,sys\nfor line in sys.stdin: print(json.dumps(sys.argv[1]), flush=True)\n")
        stream = self.go({"stream": ["python3", "s.py", "x y"], "module": "python"}, {}, environment)
        self.assertEqual((stream.status, stream.value), (0, "x y"), stream.err)
        bad = self.go({"exec": ["./tool.sh"], "module": "bad"}, {}, environment)
        self.assertEqual(bad.value["error"], "States.TaskFailed")
        self.assertIn("no module bad", bad.value["cause"])
        dry = self.go({"exec": ["./tool.sh"], "module": "gcc/12"}, {}, environment, ["--dry-run"])
        self.assertEqual(dry.status, 0, dry.err)
        self.assertIn("module load gcc/12 && ", dry.out)

    def test_apptainer(self):
        environment = self.on_path("apptainer", APPTAINER)
        self.write("image.sif", "")
        os.chmod(self.write("tool.sh", "#!/bin/sh\nprintf '[\"%s\",\"%s\",\"%s\"]' \"$1\" \"$A\" \"$PWD\"\n"), 0o755)
        for extra in ([], ["--ranks", "2"]):
            result = self.go({"exec": ["./tool.sh", "${a}"], "container": "image.sif", "env": {"A": "b"}, "cwd": "task"}, {"a": "x y"}, environment, extra)
            self.assertEqual(result.status, 0, result.err)
            argument, variable, folder = result.value
            self.assertEqual((argument, variable), ("x y", "b"))
            with open(folder + "/called") as file:
                self.assertEqual(file.read().splitlines(), [
                    "exec", "--bind", self.folder, "--pwd", folder, self.path("image.sif"), self.path("./tool.sh"), "x y"])
        entry = {"exec": ["tool"], "container": {"image": "none.sif", "options": ["--nv"]}}
        dry = self.go(entry, {}, environment, ["--dry-run"])
        self.assertEqual(dry.status, 65)
        self.assert_one_line(dry.err, "its image %s is not found" % self.path("none.sif"))
        without = self.go(entry, arguments=["--dry-run"], environment=dict(os.environ, PATH="/usr/bin:/bin"))
        self.assert_one_line(without.err, "apptainer: not found in PATH")

    def test_docker(self):
        environment = self.on_path("docker", DOCKER)
        entry = {"exec": ["sh", "-c", "printf '\"%s\"' \"$A\""], "env": {"A": "${a}"}, "container": {"image": "tool:1", "runtime": "docker", "options": ["--network", "none"]}}
        result = self.go(entry, {"a": "b"}, environment)
        self.assertEqual((result.status, result.value), (0, "b"), result.err)
        with open(self.path("called")) as file:
            called = file.read().splitlines()
        self.assertEqual(called[:4], ["run", "--rm", "-i", "--init"])
        self.assertEqual(called[called.index("--network"):][:4], ["--network", "none", "tool:1", "sh"])
        for pair in (["--workdir", self.folder], ["--volume", "%s:%s" % (self.folder, self.folder)], ["--env", "A"], ["--env", "LOCKSTEP_TASK_DIR"]):
            self.assertIn(pair, [called[i:i + 2] for i in range(len(called))])

    def test_as_yaml(self):
        text = "# what resources mean here\njobs:\n  - resource: job:t\n    exec: [sh, -c, 'echo \"\\\"$A\\\"\"']\n    env: {A: yes}\n"
        result = self.go(text, name="jobs.yaml")
        self.assertEqual((result.status, result.out), (0, '"yes"\n'), result.err)
        both = self.go({"builtin": "noop"})
        self.assertEqual(both.status, 65)
        self.assert_one_line(both.err, "there are both jobs.json and jobs.yaml: name one with --jobs")
        self.assertEqual(self.go({"builtin": "noop"}, arguments=["--jobs", "jobs.json"]).out, "null\n")
        os.remove(self.path("jobs.json"))
        wrong = self.go("jobs:\n\t- resource: job:t\n", name="jobs.yaml")
        self.assertEqual(wrong.status, 65)
        self.assert_one_line(wrong.err, "jobs.yaml: YAML, line 2: indented with a tab")
        # A run of such a file takes a corrected one.
        self.assertEqual(self.go("jobs:\n  - {resource: job:t, exec: ['false']}\n", name="jobs.yaml").status, 1)
        self.write("jobs.yaml", "jobs:\n  - {resource: job:t, builtin: noop}\n")
        run = self.path("run-%d" % self.runs)
        self.assertIn("redrive --dir %s --jobs %s" % (run, self.path("jobs.yaml")), self.lockstep("status", run).out)
        self.assertEqual(self.lockstep("redrive", run, "--jobs", "jobs.yaml").out, "null\n")

    def test_the_documented_way_to_keep_going(self):
        with open(README) as file:
            text = file.read().split("## Keep going")[1]
        machine = "\n".join(re.findall("^    (.*)$", text.split("\n## ")[0], re.M))
        self.write("machine.asl.json", machine)
        self.write("jobs.json", {"jobs": [{"resource": "job:measure", "exec": ["sh", "-c", "read x; [ $x != 2 ] || exit 3; echo $((10 * x))"]},
                                          {"resource": "job:report", "builtin": "echo"}]})
        result = self.lockstep("run", "machine.asl.json", "--dir", "run", "--input", "[1,2,3]")
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(result.value["good"], [10, 30])
        self.assertEqual([(one["failed"], one["item"]) for one in result.value["bad"]], [("States.TaskFailed", 2)])


if __name__ == "__main__":
    unittest.main()
