#!/usr/bin/env python3
"""Records samples for checker_test.py: small runs of the real binary, some of them killed on the way.

  record.py FOLDER    LOCKSTEP names the binary"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crash"))
import pipelines
from effects import read_log


def keep(site, target):
    events = site.history()
    rows = [json.loads(line) for line in site.call("export", "--jsonl", "--dir", "run").stdout.splitlines()]
    sample = {"definition": json.loads(pathlib.Path(site.run_folder, "definition.json").read_text()), "events": events, "rows": rows,
              "effects": read_log(site.log_path)}
    target.write_text(json.dumps(sample, separators=(",", ":")) + "\n")


def main():
    target = pathlib.Path(sys.argv[1])
    target.mkdir(exist_ok=True)
    for name in pipelines.PIPELINES:
        site = pipelines.Site(tempfile.mkdtemp(), name)
        process = subprocess.Popen(site.run_command(), cwd=site.folder, stdout=subprocess.DEVNULL)
        if name in ("fan_out", "mixed"):
            time.sleep(0.35)
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(0.5)
            subprocess.run(site.resume_command(), cwd=site.folder, check=True, stdout=subprocess.DEVNULL)
        else:
            process.wait()
        keep(site, target / (name + ".json"))
    site = pipelines.Site(tempfile.mkdtemp(), "redriven")
    subprocess.run(site.run_command(), cwd=site.folder, stdout=subprocess.DEVNULL)
    pathlib.Path(site.folder, "mended").touch()
    subprocess.run([pipelines.LOCKSTEP, "redrive", "--dir", "run", "--quiet"], cwd=site.folder, check=True, stdout=subprocess.DEVNULL)
    keep(site, target / "redriven.json")


if __name__ == "__main__":
    main()
