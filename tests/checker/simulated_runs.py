#!/usr/bin/env python3
"""Judges runs of the simulation (orchestrator/service/simulation_test.cpp): their journals are read by the real binary, and
the checker, which shares no code with the engine, decides.

LOCKSTEP names the binary, LOCKSTEP_SERVICE_TEST the program that simulates."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_run

LEAST = 40  # runs; fewer were a mistake


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.environ["LOCKSTEP_SERVICE_TEST"], "--gtest_brief=1", "--gtest_filter=Pipelines/Simulation.Every*"], check=True,
                       env=dict(os.environ, LOCKSTEP_SIM_DUMP=folder))
        runs = sorted(pathlib.Path(folder).iterdir())
        bad = 0
        for run in runs:
            wrong = check_run.check_folder(str(run), str(run / "effects.log"), int((run / "losses").read_text()))
            if wrong:
                print("%s: %s" % (run.name, wrong))
                bad += 1
        print("%d simulated runs judged, %d wrong" % (len(runs), bad))
        return 1 if bad or len(runs) < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
