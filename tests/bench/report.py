"""The figures of scripts/bench jsonata beside those of its peer, as medians of three rounds and ratios."""
import json
import math
import statistics
import sys


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


if __name__ == "__main__":
    {"jsonata": jsonata}[sys.argv[1]](sys.argv[2])
