"""The figures of scripts/bench, with their floors and peers, as medians of three rounds and ratios."""
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time


def jsonata(work):
    def medians(who):
        rounds = []
        for n in (1, 2, 3):
            with open("%s/%s-%d.jsonl" % (work, who, n)) as file:
                rounds.append({row["name"]: row["us"] for row in map(json.loads, file)})
        return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}

    ours, peer = medians("ours"), medians("peer")
    print("%-22s %12s %12s %8s" % ("case", "ours µs", "jsonata µs", "ratio"))
    for name, us in ours.items():
        print("%-22s %12.2f %12.2f %7.1fx" % (name, us, peer[name], peer[name] / us))
    ratios = [peer[name] / ours[name] for name in ours]
    print("%-22s %12s %12s %7.1fx" % ("geometric mean", "", "", math.exp(statistics.mean(map(math.log, ratios)))))


def run(work, definition, jobs, text, *arguments):
    folder = work + "/run"
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in (("machine.asl.json", definition), ("jobs.json", {"jobs": jobs})):
        with open(work + "/" + name, "w") as file:
            json.dump(content, file)
    with open(work + "/input.json", "w") as file:
        file.write(text)
    began = time.monotonic()
    subprocess.run([os.environ["LOCKSTEP"], "run", work + "/machine.asl.json", "--input", work + "/input.json", "--dir", folder, "--quiet",
                    *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def floor(*arguments):
    launcher = ["mpirun", "--oversubscribe", "-n", "2"] if arguments[0] == "ping" else []
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return float(subprocess.run([*launcher, os.environ["FLOOR"], *arguments], check=True, capture_output=True, text=True, env=environment).stdout)


def dispatch(work):
    loop = {"StartAt": "P", "States": {
        "P": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 500000, "Next": "P"}], "Default": "E"},
        "E": {"Type": "Succeed"}}}

    def each(resource):
        return {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True}}}}}}

    jobs = [{"resource": "job:noop", "builtin": "noop"}, {"resource": "job:true", "exec": ["/bin/true"]}]
    numbers = "[" + ",".join(map(str, range(100000))) + "]"
    few = "[" + ",".join(map(str, range(3000))) + "]"
    figures = {
        "Choice and Pass, turns/s": lambda: 500000 / run(work, loop, [], '{"n":0}'),
        "no-op tasks, one process, /s": lambda: 100000 / run(work, each("job:noop"), jobs, numbers),
        "no-op tasks, 3 ranks, /s": lambda: 100000 / run(work, each("job:noop"), jobs, numbers, "--ranks", "3"),
        "/bin/true, 2 slots, /s": lambda: 3000 / run(work, each("job:true"), jobs, few, "--slots", "2"),
        "/bin/true, 3 ranks, /s": lambda: 3000 / run(work, each("job:true"), jobs, few, "--ranks", "3", "--slots", "1"),
        "floor: posix_spawn + pipes, 2 threads, /s": lambda: floor("spawn", "3000"),
        "floor: MPI round trips, one outstanding, /s": lambda: floor("ping", "200000"),
        "floor: pwrite + fdatasync, /s": lambda: floor("sync", work + "/sync", "1000"),
    }
    rounds = [{name: measure() for name, measure in figures.items()} for _ in range(3)]
    medians = {name: statistics.median(r[name] for r in rounds) for name in figures}
    beside = {"no-op tasks, 3 ranks, /s": "floor: MPI round trips, one outstanding, /s",
              "/bin/true, 2 slots, /s": "floor: posix_spawn + pipes, 2 threads, /s",
              "/bin/true, 3 ranks, /s": "floor: posix_spawn + pipes, 2 threads, /s"}
    for name, value in medians.items():
        ratio = "%.2f of its floor" % (value / medians[beside[name]]) if name in beside else ""
        print("%-46s %12.0f  %s" % (name, value, ratio))


if __name__ == "__main__":
    {"jsonata": jsonata, "dispatch": dispatch}[sys.argv[1]](sys.argv[2])
