"""simulation: a sweep that is killed goes on from its restart files, and ends digit for digit as one that was not."""
import glob
import os
import re
import time

import pipeline_case


class Simulation(pipeline_case.PipelineCase):
    name = "simulation"

    def tables(self, results):
        tables = {}
        for path in glob.glob(self.path(results, "melt-*.txt")):
            with open(path) as file:
                tables[os.path.basename(path)] = file.read()
        return tables

    def is_under_way(self, results, most=600):
        """Whether a simulation of 1000 steps or more has left restart files and has a good part of its way before it."""
        newest = {}
        for path in glob.glob(self.path(results + ".lockstep/tasks/*/restart.[0-9]*")):
            task, step = re.fullmatch(".*/(.*)/restart[.]([0-9]+)", path).groups()
            newest[task] = max(newest.get(task, 0), int(step))
        return any(200 <= step <= most for step in newest.values())

    def kill_under_way(self, results):
        """False: it ended before it could be killed, or all of its simulations did that had begun."""
        process = self.start(*self.run_arguments(results))
        deadline = time.monotonic() + pipeline_case.TIMEOUT
        while process.poll() is None and not self.is_under_way(results):
            self.assertLess(time.monotonic(), deadline, "no simulation leaves restart files")
            time.sleep(0.01)
        self.kill_session(process)
        return self.is_under_way(results, most=900)

    def test_a_killed_sweep_ends_digit_for_digit_as_one_that_was_not(self):
        undisturbed = self.run_pipeline("undisturbed")
        self.assertEqual(undisturbed["melts"], {"above": 1, "below": 2.5})
        self.assertEqual([run["starts"] for run in undisturbed["sweep"]], [[0], [0], [0]])

        results = next(name for name in ("killed-1", "killed-2", "killed-3", "killed-4") if self.kill_under_way(name))
        killed = self.finish(self.start("resume", "--dir", self.path(results + ".lockstep"), "--ranks", "3"), 0)
        starts = [step for run in killed["sweep"] for step in run["starts"]]
        self.assertTrue(any(step >= 180 for step in starts), "all simulations began anew: %s" % starts)

        tables = self.tables("undisturbed")
        self.assertEqual(set(tables), {"melt-0.6.txt", "melt-1.0.txt", "melt-2.5.txt"})
        self.assertEqual(self.tables(results), tables)
        for run in undisturbed["sweep"] + killed["sweep"]:
            del run["starts"]
        self.assertEqual(killed["sweep"], undisturbed["sweep"])

    def test_a_time_step_that_is_too_long_is_halved_until_energy_is_conserved(self):
        sweep = self.run_pipeline(temperatures=[0.6, 5.0], cells=4, duration=6)["sweep"]
        self.assertLess(sweep[1]["timestep"], sweep[0]["timestep"])
        self.assertTrue(all(run["drift"] <= 0.01 for run in sweep), sweep)
        for run in sweep:
            self.assertIn(run["timestep"], [0.02 / 2 ** halvings for halvings in range(5)])

    def test_a_sweep_that_melts_nothing_fails(self):
        result = self.run_pipeline(temperatures=[0.2, 0.3], cells=3, duration=2, status=1)
        self.assertEqual(result, {"status": "FAILED", "error": "NoMelting", "cause": "solid from [0.2,0.3], liquid from []"})


if __name__ == "__main__":
    pipeline_case.main(Simulation.name)
