"""What a run shows of itself: lines in a log, bars on a terminal, and what it came to."""
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest
from fcntl import ioctl

from lockstep_case import LOCKSTEP, LockstepCase

MACHINE = {"StartAt": "Prepare", "States": {
    "Prepare": {"Type": "Task", "Resource": "job:nap", "ResultPath": None, "Next": "Survey"},
    "Survey": {"Type": "Map", "Next": "Report", "ItemProcessor": {"StartAt": "Measure", "States": {
        "Measure": {"Type": "Task", "Resource": "job:measure", "End": True,
                    "Catch": [{"ErrorEquals": ["Odd"], "ResultPath": None, "Next": "Skip"}]},
        "Skip": {"Type": "Pass", "End": True}}}},
    "Report": {"Type": "Task", "Resource": "job:report", "End": True}}}
JOBS = [{"resource": "job:nap", "exec": ["sleep", "0.5"]},
        {"resource": "job:measure", "exec": ["sh", "-c", """read x; sleep 0.02
            case $x in *7) echo "{\\"errorType\\":\\"Odd\\",\\"errorMessage\\":\\"item $x\\"}"; exit 1;; esac"""]},
        {"resource": "job:report", "exec": ["sh", "-c", "cat >/dev/null; echo no space left >&2; exit 5"]}]
PREFIX = r"\d\d:\d\d:\d\d \+\d\d:\d\d:\d\d "


class Log(LockstepCase):
    def prepare(self):
        self.write("machine.asl.json", MACHINE)
        self.write("jobs.json", {"jobs": JOBS})
        self.write("input.json", list(range(40)))
        return ["run", "machine.asl.json", "--input", "input.json", "--slots", "2", "--fresh", "--dir", self.path("run")]

    def test_a_failing_run_tells_a_stranger_what_happened_and_how_to_go_on(self):
        command = self.prepare()
        for extra in ([], ["--ranks", "2"]):
            result = self.lockstep(*command, *extra)
            self.assertEqual(result.status, 1)
            self.assertNotIn("\r", result.err)
            self.assertNotIn("\x1b", result.err)
            lines = result.err.splitlines()
            for line in lines:
                self.assertRegex(line, "^(lockstep: |%s)" % PREFIX)
            self.assertRegex(lines[0], r"^lockstep: version \S+, execution \S+ on .*2 slots; run folder %s$" % self.path("run"))
            told = [re.sub(PREFIX, "", line) for line in lines if re.match(PREFIX, line)]
            self.assertEqual(told[0], "ENTERED Prepare (Task)")
            self.assertRegex(told[1], r"^LEFT Prepare after 0\.\d\d\d s$|^LEFT Prepare after \d\.\d\d\d s$")
            self.assertEqual(told[2], "ENTERED Survey (Map)")
            self.assertIn('FAILED Survey/Measure[7] Odd: {"errorType":"Odd","errorMessage":"item 7"} | caught: Survey/Skip', told)
            self.assertTrue(any(re.fullmatch(r"LEFT Survey after \S+ s 40/40 \(100.0 %\) ok 40 failed 0 running 0", line) for line in told), told)
            self.assertEqual(told[-2:], ["ENTERED Report (Task)", "FAILED Report States.TaskFailed: exit status 5: no space left"])
            end = [line for line in lines if line.startswith("lockstep: ")][1:]
            self.assertRegex(end[0], r"^lockstep: FAILED in \S+ s: States.TaskFailed$")
            self.assertRegex(end[1], r"^lockstep: tasks: ok 37 failed 5 \| \S+/s \| cpu \S+ s \| util \d+ % of 2 slots")
            self.assertEqual("with rank 0" in end[1], bool(extra))
            self.assertRegex(end[2], r"^lockstep: slowest: Prepare \S+ s")
            self.assertRegex(end[3], r'^lockstep: failed 4 x Odd: .*"item \d*7"} \| caught \| first Survey/Measure\[\d*7\] at ')
            self.assertEqual(result.err.count("no space left"), 1, "the same text once")
            self.assertEqual(end[4:], ["lockstep: go on with: lockstep redrive --dir " + self.path("run")])

    def test_quiet_says_nothing(self):
        result = self.lockstep(*self.prepare(), "--quiet")
        self.assertEqual((result.status, result.err), (1, ""))

    def test_a_run_that_succeeds_is_short(self):
        result = self.run_machine(self.task("job:t"), [{"resource": "job:t", "builtin": "noop"}])
        said = [re.sub(PREFIX, "", line) for line in result.err.splitlines()]
        self.assertEqual((said[1], len(said)), ("ENTERED T (Task)", 5), result.err)
        self.assertRegex(said[2], "^LEFT T after ")
        self.assertRegex(said[3], "^lockstep: SUCCEEDED in ")

    def test_a_stopped_run_says_what_was_done_and_how_to_go_on(self):
        self.write("machine.asl.json", self.task("job:t"))
        self.write("jobs.json", {"jobs": [{"resource": "job:t", "exec": ["sh", "-c", "touch here; exec sleep 600"]}]})
        process = self.begin("run", "machine.asl.json", "--dir", "run", "--grace", "0")
        self.until(lambda: os.path.exists(self.path("here")))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)
        self.assertRegex(err, r"\nlockstep: stopped by Terminated with work left, after ")
        self.assertTrue(err.endswith("\nlockstep: go on with: lockstep resume --dir %s\n" % self.path("run")), err)

    def test_a_resumed_map_is_counted_from_where_it_stands(self):
        command = self.prepare()
        self.write("jobs.json", {"jobs": [JOBS[0], {"resource": "job:measure", "exec": ["sh", "-c", "read x; [ $x -lt 30 ] || [ -e go ] || exec sleep 600"]},
                                          {"resource": "job:report", "builtin": "noop"}]})
        process = self.begin(*command, "--grace", "0", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.until_status(lambda status: status["historyEvents"] >= 150)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        self.write("go", "")
        result = self.lockstep("resume", "--dir", "run")
        self.assertEqual(result.status, 0, result.err)
        self.assertRegex(result.err, r"goes on after event \d+\n")
        self.assertRegex(result.err, r"LEFT Survey after \S+ s 40/40 \(100.0 %\) ok 40 failed 0 running 0\n")


class Screen:
    """A terminal that knows what is written to it: lines, the cursor's line, and what CSI A, J and colours do."""

    def __init__(self):
        self.lines, self.row, self.column, self.frames, self.most = [""], 0, 0, 0, 0
        self.colours = set()

    def feed(self, text):
        for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            if piece == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif piece == "\r":
                self.column = 0
            elif piece.startswith("\x1b"):
                number, kind = piece[2:-1], piece[-1]
                if kind == "A":
                    self.frames += 1
                    self.row -= int(number)
                    assert self.row >= 0, "moves above the screen"
                elif kind == "J":
                    del self.lines[self.row + 1:]
                    self.lines[self.row] = self.lines[self.row][:self.column]
                else:
                    assert kind == "m", "no other sequences: " + repr(piece)
                    self.colours.add(piece)
            else:
                line = self.lines[self.row]
                self.lines[self.row] = line[:self.column] + piece
                self.column += len(piece)
                self.most = max(self.most, len(self.lines[self.row]))


class Bars(LockstepCase):
    def on_terminal(self, *arguments, columns=100, rows=20, shows=None, **variables):
        """Runs with stderr on a terminal; what it showed, and the screens on which `shows` stood."""
        master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        environment.update({"TERM": "xterm"}, **variables)
        process = subprocess.Popen([LOCKSTEP, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
                                   env=environment, text=True)
        os.close(slave)
        screen, seen, rest = Screen(), [], b""
        end = time.time() + 120
        while time.time() < end:
            ready, _, _ = select.select([master], [], [], 1)
            try:
                data = os.read(master, 65536) if ready else b""
            except OSError:  # everybody has closed it
                break
            rest += data
            whole = rest.rfind(b"\n") + 1
            screen.feed(rest[:whole].decode().replace("\r\n", "\n"))
            rest = rest[whole:]
            if shows and any(re.search(shows, line) for line in screen.lines):
                seen.append(list(screen.lines))
        screen.feed(rest.decode())
        out = process.communicate(timeout=60)[0]
        os.close(master)
        return process.returncode, out, screen, seen

    def prepare(self):
        self.write("machine.asl.json", MACHINE)
        self.write("jobs.json", {"jobs": JOBS})
        self.write("input.json", list(range(150)))
        return ["run", "machine.asl.json", "--input", "input.json", "--slots", "2", "--fresh", "--dir", self.path("run")]

    def test_a_terminal_shows_bars_and_is_left_tidy(self):
        command = self.prepare()
        for extra in ([], ["--ranks", "2"]):
            status, _, screen, seen = self.on_terminal(*command, *extra, shows=r"^Survey +\[#+x*\.+\] \d+/150 \d+ %")
            self.assertEqual(status, 1)
            self.assertTrue(seen, screen.lines)
            self.assertTrue(any(re.match(r"\+00:00:\d\d tasks ok \d+ failed \d+ running \d+", line) for line in seen[-1]), seen[-1])
            self.assertTrue(any(re.match("  Measure +[0-9]+ running.* since", line) for lines in seen for line in lines), seen)
            text = "\n".join(screen.lines)
            self.assertNotRegex(text, r"Survey +\[", "the bars are gone")
            self.assertRegex(text, PREFIX + r"FAILED Survey/Measure\[7\] Odd")
            self.assertRegex(text, "\nlockstep: go on with: lockstep redrive --dir ")
            self.assertIn("\x1b[32m", screen.colours)

    def test_no_color_and_a_narrow_terminal(self):
        _, _, screen, seen = self.on_terminal(*self.prepare(), columns=50, rows=5, shows="Survey +.* [0-9]+/150", NO_COLOR="1")
        self.assertTrue(seen)
        self.assertEqual(screen.colours, set())
        for lines in seen:
            bars = [line for line in lines if re.match(r"(\+|Survey |  )", line)]
            self.assertLessEqual(len(bars), 4)
            for line in bars:
                self.assertLess(len(line), 50)

    def test_dumb_terminals_and_quiet_runs_get_no_bars(self):
        command = self.prepare()
        for variables, extra in (({"TERM": "dumb"}, []), ({}, ["--quiet"])):
            status, _, screen, _ = self.on_terminal(*command, *extra, **variables)
            self.assertEqual((status, screen.frames, screen.colours), (1, 0, set()))

    def test_tasks_do_not_see_the_terminal(self):
        self.write("machine.asl.json", self.task("job:t"))
        self.write("jobs.json", {"jobs": [{"resource": "job:t", "exec": ["sh", "-c", "env | grep -c LOCKSTEP_TERMINAL || true"]}]})
        for extra in ([], ["--ranks", "2"]):
            status, out, _, _ = self.on_terminal("run", "machine.asl.json", "--dir", "run", "--fresh", *extra)
            self.assertEqual((status, out), (0, "0\n"))


class DryRun(LockstepCase):
    def prepare(self, machine):
        self.write("machine.asl.json", machine)
        self.write("jobs.json", {"jobs": JOBS})
        return ["run", "machine.asl.json", "--dry-run", "--input", json.dumps(list(range(7)))]

    def test_it_says_what_would_run_and_touches_nothing(self):
        survey = {"StartAt": "Survey", "States": {"Survey": dict(MACHINE["States"]["Survey"], Next="Done"), "Done": {"Type": "Succeed"}}}
        for extra in ([], ["--ranks", "3"]):
            command = self.prepare(survey)
            before = sorted(os.listdir(self.folder))
            result = self.lockstep(*command, *extra)
            self.assertEqual((result.status, result.err), (0, ""))
            self.assertEqual(sorted(os.listdir(self.folder)), before)
            said = [line.split(None, 1) for line in result.out.splitlines()]
            self.assertEqual(dict(line for line in said if line[0] != "first")["map"], "Survey: 7 items")
            first = [text for label, text in said if label == "first"]
            self.assertEqual([text.split(":")[0] for text in first], ["Measure[0]", "Measure[1]", "Measure[2]"])
            self.assertTrue(first[1].startswith("Measure[1]: cd %s && sh -c 'read x" % os.path.realpath(self.folder)), first[1])
            self.assertTrue(first[1].endswith(" <<< 1"))
            self.assertIn("… and 4 more tasks", result.out)
            self.assertIn("resource    job:measure: exec sh -c ", result.out)
            self.assertNotIn("job:report", result.out)

    def test_what_cannot_be_told_before_is_not(self):
        result = self.lockstep(*self.prepare(MACHINE), "--dir", "somewhere")
        self.assertEqual((result.status, result.err), (0, ""))
        self.assertIn("run folder  somewhere (new)\n", result.out)
        self.assertIn("map         Survey: its items are made while the run goes on\n", result.out)
        self.assertRegex(result.out, "first       Prepare: cd .* && sleep 0.5 <<< ")
        self.assertFalse(os.path.exists(self.path("somewhere")))

    def test_without_tasks_it_tells_the_result(self):
        result = self.lockstep(*self.prepare({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 7, "End": True}}}))
        self.assertEqual(result.out.splitlines()[-1], "result      7")
        endless = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "C"}, "E": {"Type": "Succeed"},
                                              "C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "E"}], "Default": "P"}}}
        self.assertEqual(self.lockstep(*self.prepare(endless)).status, 0)

    def test_what_the_run_would_refuse_it_refuses(self):
        for machine, more in ((self.task("job:unknown"), []), (MACHINE, ["--jobs", self.write("bad.json", "{}}")])):
            arguments = [*self.prepare(machine), *more]
            result = self.lockstep(*arguments)
            self.assertEqual((result.status, result.out), (65, ""), arguments)
            self.assert_one_line(result.err)

    def test_it_says_what_would_become_of_a_run_that_is_there(self):
        machine = self.task("job:t")
        self.assertEqual(self.run_machine(machine, [{"resource": "job:t", "builtin": "echo"}], [1]).status, 0)
        command = ["run", "machine.asl.json", "--dry-run", "--dir", "run-1", "--input"]
        self.assertIn("its run has ended", self.lockstep(*command, "[1]").out)
        self.assertIn("would be removed", self.lockstep(*command, "[2]", "--fresh").out)
        refused = self.lockstep(*command, "[2]")
        self.assertEqual((refused.status, refused.out), (73, ""))


if __name__ == "__main__":
    unittest.main()
