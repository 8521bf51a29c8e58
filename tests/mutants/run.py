#!/usr/bin/env python3
"""Plants faults in a copy of the source, one at a time, and runs the tests that must find them out. A fault that no test
finds is a test that is missing; one that no longer fits the source or does not compile is an error, too.

  run.py [--fast | NAME…] [--flags CXXFLAGS]

The copy stands in .build/mutants and is kept, so that a second run compiles only what changed. --fast: those that take
seconds. Exit status 0: all were found out."""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import time

from planted import MUTANTS

SOURCE = pathlib.Path(__file__).resolve().parents[2]
COPY = SOURCE / ".build/mutants"
BUILD = COPY / ".build/dev"
NOT_COPIED = {".git", ".build", "__pycache__"}
TIMEOUT = 600  # seconds; a mutant that hangs is found out


class Mistake(Exception):
    """The mutant, not the source, is wrong."""


def mirror(source, copy):
    """By content: what a mutant has changed is put back, and what has not changed is not compiled again."""
    if not source.is_dir():
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.copy(source, copy)
        return
    copy.mkdir(exist_ok=True)
    for name in {entry.name for folder in (source, copy) for entry in folder.iterdir()} - NOT_COPIED:
        if (source / name).exists():
            mirror(source / name, copy / name)
        elif (copy / name).is_dir():
            shutil.rmtree(copy / name)
        else:
            (copy / name).unlink()


def make_copy(flags, strict):
    """`strict`: as .build/dev has it, so that ccache has nearly all; a mutant must not earn a warning, then."""
    COPY.mkdir(parents=True, exist_ok=True)
    mirror(SOURCE, COPY)
    subprocess.run(["cmake", "--preset", "dev", "-DCMAKE_CXX_FLAGS_DEBUG=" + flags, "-DLOCKSTEP_WERROR=" + ("ON" if strict else "OFF")], cwd=COPY, check=True, stdout=subprocess.DEVNULL)


def build(target):
    done = subprocess.run(["cmake", "--build", str(BUILD), "--target", target], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout[-2000:] + done.stderr[-500:]


def run_tests(mutant):
    """(whether they passed, the first that did not)."""
    program = BUILD / mutant.room / (mutant.target)
    try:
        done = subprocess.run([str(program), "--gtest_brief=1", "--gtest_filter=" + mutant.tests], cwd=BUILD, capture_output=True, text=True,
                              errors="replace", timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return False, "a test that it made hang"
    failed = re.search(r"^\[  FAILED  \] ([\w/.]+)", done.stdout, re.M)
    return done.returncode == 0, failed[1] if failed else "a crash (exit status %d)" % done.returncode


def plant(mutant):
    """Changes the copy; returns what undoes that."""
    path = COPY / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise Mistake("%s has what it replaces %d times, not once" % (mutant.file, text.count(mutant.old)))
    path.write_text(text.replace(mutant.old, mutant.new))
    return lambda: path.write_text(text)


def try_out(mutant):
    """The test that found it out; "" if none did."""
    undo = plant(mutant)
    try:
        problem = build(mutant.target)
        if problem:
            raise Mistake("it does not compile: " + problem)
        passed, test = run_tests(mutant)
        return "" if passed else test
    finally:
        undo()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--flags", default="-g", help="of the compiler; with those of .build/dev, ccache has most of it")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if (mutant.fast if options.fast else not options.names or mutant.name in options.names)]
    unknown = set(options.names) - {mutant.name for mutant in MUTANTS}
    if unknown or not chosen:
        parser.error("no such mutants: %s" % " ".join(sorted(unknown)))
    make_copy(options.flags, options.fast)
    # Without a mutant the tests must pass: else they find out nothing.
    for target in sorted({mutant.target for mutant in chosen}):
        if problem := build(target):
            sys.exit("the source itself does not compile: " + problem)
    for target, room, tests in sorted({(mutant.target, mutant.room, mutant.tests) for mutant in chosen}):
        passed, test = run_tests(next(mutant for mutant in chosen if (mutant.target, mutant.room, mutant.tests) == (target, room, tests)))
        if not passed:
            sys.exit("without any mutant, %s fails" % test)
    bad = 0
    for mutant in chosen:
        began = time.monotonic()
        try:
            test = try_out(mutant)
            verdict = "caught by " + test if test else "NOT CAUGHT: " + mutant.old.strip().splitlines()[0]
        except Mistake as mistake:
            test, verdict = "", "ERROR: %s" % mistake
        bad += not test
        print("%-28s %s (%.0f s)" % (mutant.name, verdict, time.monotonic() - began), flush=True)
    print("%d mutants, %d caught" % (len(chosen), len(chosen) - bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
