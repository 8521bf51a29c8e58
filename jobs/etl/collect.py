"""Puts the parts together: readings.h5 with the datasets "readings" and "stations". What the batches came to is read from
the HDF5 files that the Map's ResultWriter has left; {"folder", "manifest"} in, a summary out."""
import json
import os
import sys

import h5py
import numpy

from clean import ROW

STATION = numpy.dtype([("name", "S32"), ("readings", "i8"), ("mean", "f8"), ("least", "f8"), ("most", "f8")])

task = json.load(sys.stdin)
folder = task["folder"]
with open(task["manifest"]) as file:
    shards = json.load(file)["ResultFiles"]["SUCCEEDED"]
batches = []
for shard in shards:
    with h5py.File(os.path.join(folder, shard["Key"])) as file:
        batches += [json.loads(text) for text in file["results"]]
batches.sort(key=lambda batch: batch["part"])

stations, dropped = {}, {}
for batch in batches:
    for reason, rows in batch["dropped"].items():
        dropped[reason] = dropped.get(reason, 0) + rows
    for name, (count, total, least, most) in batch["stations"].items():
        sums = stations.setdefault(name, [0, 0.0, least, most])
        sums[:] = [sums[0] + count, sums[1] + total, min(sums[2], least), max(sums[3], most)]

path = os.path.join(folder, "readings.h5")
with h5py.File(path + ".part", "w") as out:
    kept = sum(batch["kept"] for batch in batches)
    readings = out.create_dataset("readings", (kept,), ROW, chunks=(min(max(kept, 1), 65536),), compression="gzip", compression_opts=1)
    at = 0
    for batch in batches:
        with h5py.File(os.path.join(folder, "parts", batch["part"])) as part:
            readings[at:at + batch["kept"]] = part["readings"][:]
        at += batch["kept"]
    out["stations"] = numpy.array(sorted((name.encode(), count, total / count, least, most)
                                         for name, (count, total, least, most) in stations.items()), dtype=STATION)
os.replace(path + ".part", path)
warmest = max(stations, key=lambda name: stations[name][1] / stations[name][0])
print(json.dumps({"table": path, "rows": sum(batch["rows"] for batch in batches), "kept": kept,
                  "repaired": sum(batch["repaired"] for batch in batches), "dropped": dropped, "stations": len(stations),
                  "warmest": warmest}))
