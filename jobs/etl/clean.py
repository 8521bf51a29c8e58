"""Cleans batches of readings, a line each: {"Items": [rows], "BatchInput": {"folder"}} in; out what came of the batch:
{"part", "rows", "kept", "repaired", "dropped": {reason: rows}, "stations": {name: [readings, sum, least, most]}}. What is
kept is written to the folder's parts/, under the id of the batch's first row: a batch that runs again replaces its own."""
import json
import os
import sys

import h5py
import numpy

ROW = numpy.dtype([("id", "i8"), ("station", "S32"), ("time", "i8"), ("temperature", "f4"), ("humidity", "f4")])


def temperature_of(text):
    """(degrees, whether that had to be mended), or why there are none."""
    if not text:
        return "blank"
    mended = text.replace(",", ".").removesuffix("C").strip()
    try:
        degrees = float(mended)
    except ValueError:
        return "no number"
    return (degrees, mended != text) if -90 <= degrees <= 60 else "impossible"


def clean(batch):
    kept, dropped, stations, repaired = [], {}, {}, 0
    for row in batch["Items"]:
        temperature = temperature_of(row["temperature"])
        if isinstance(temperature, str):
            dropped[temperature] = dropped.get(temperature, 0) + 1
            continue
        degrees, was_mended = temperature
        repaired += was_mended
        kept.append((int(row["id"]), row["station"].encode(), int(row["time"]), degrees, float(row["humidity"])))
        sums = stations.setdefault(row["station"], [0, 0.0, degrees, degrees])
        sums[:] = [sums[0] + 1, sums[1] + degrees, min(sums[2], degrees), max(sums[3], degrees)]
    name = "part-%012d.h5" % int(batch["Items"][0]["id"])
    folder = os.path.join(batch["BatchInput"]["folder"], "parts")
    os.makedirs(folder, exist_ok=True)
    unfinished = os.path.join(folder, "%s.%d" % (name, os.getpid()))
    with h5py.File(unfinished, "w") as file:
        file["readings"] = numpy.array(kept, dtype=ROW)
    os.replace(unfinished, os.path.join(folder, name))
    return {"part": name, "rows": len(batch["Items"]), "kept": len(kept), "repaired": repaired, "dropped": dropped, "stations": stations}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(clean(json.loads(line))), flush=True)
