#!/usr/bin/env python3
"""melt.py FOLDER TEMPERATURE TIMESTEP DURATION CELLS SEED: one simulation, in the task's own folder.

Where that holds restart files of a run that was cut off, it goes on from the newest. Prints as JSON where it began each
time, the largest change of energy per atom, and how it ended; leaves the thermodynamic table in FOLDER/melt-TEMPERATURE.txt."""
import glob
import json
import os
import re
import subprocess
import sys

COLUMNS = ["step", "temperature", "pressure", "potential", "energy", "walk"]
SAVES = 50  # restart files per simulation, and lines of its table
folder, temperature = sys.argv[1:3]
timestep, duration = map(float, sys.argv[3:5])
cells, seed = sys.argv[5:7]


def fail(error, message):
    print(json.dumps({"errorType": error, "errorMessage": message}))
    sys.exit(1)


def is_complete(path):
    """LAMMPS ends a restart file with its mark: one that was cut off lacks it."""
    with open(path, "rb") as file:
        return file.read().endswith(b"LammpS RestartT\0")


def numbers(pattern):
    """The steps that stand in the names of files."""
    return sorted(int(path.rsplit(".", 1)[1]) for path in glob.glob(pattern))


def simulate(start, steps):
    settings = {"from": start, "temperature": temperature, "timestep": timestep, "cells": cells, "seed": seed, "steps": steps,
                "save": max(1, steps // SAVES)}
    command = ["lmp", "-in", os.path.join(os.path.dirname(os.path.abspath(__file__)), "in.melt"), "-log", "log.%d" % start,
               "-screen", "none"]
    for name, value in settings.items():
        command += ["-var", name, str(value)]
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        with open("log.%d" % start) as log:
            errors = re.findall("^ERROR.*", log.read(), re.MULTILINE)
        fail("Unstable", "T = %s with a time step of %s: %s" % (temperature, timestep, errors[-1] if errors else "LAMMPS failed"))


def table(starts):
    """The lines of all logs by step. Where two runs went through the same step, they must agree in each digit."""
    rows = {}
    for start in starts:
        with open("log.%d" % start) as log:
            for line in log:
                fields = line.split()
                if line.endswith("\n") and len(fields) == len(COLUMNS) and re.fullmatch("[-+.0-9e ]+", " ".join(fields)):
                    if rows.setdefault(int(fields[0]), fields) != fields:
                        fail("NotReproduced", "step %s after a restart from %d: %s, before: %s"
                             % (fields[0], start, " ".join(fields), " ".join(rows[int(fields[0])])))
    return [rows[step] for step in sorted(rows)]


newest = max([0] + [step for step in numbers("restart.*") if is_complete("restart.%d" % step)])
simulate(newest, round(duration / timestep))
starts = numbers("log.*")
rows = table(starts)
name = os.path.join(folder, "melt-%s.txt" % temperature)
with open(name + ".part", "w") as file:
    file.writelines(" ".join(fields) + "\n" for fields in [COLUMNS] + rows)
os.rename(name + ".part", name)
for step in numbers("restart.*")[:-1]:
    os.remove("restart.%d" % step)
energies = [float(fields[4]) for fields in rows]
last = dict(zip(COLUMNS, map(float, rows[-1])))
print(json.dumps({"started": float(temperature), "timestep": timestep, "starts": starts, "drift": max(energies) - min(energies),
                  "temperature": last["temperature"], "walk": last["walk"]}))
