"""etl: each row of the table is kept, repaired or dropped as its reading says, whatever ends the run on the way."""
import csv
import glob
import json
import subprocess
import time

import pipeline_case

# By Debian's Python, which has h5py.
READ = """
import h5py, json, sys
with h5py.File(sys.argv[1]) as file:
    print(json.dumps([[[int(row["id"]), row["station"].decode(), float(row["temperature"])] for row in file["readings"][:]],
                      [[row["name"].decode(), int(row["readings"])] for row in file["stations"][:]]]))
"""


class Etl(pipeline_case.PipelineCase):
    name = "etl"

    def expected(self):
        """By the same table, read another way: (id, station, degrees) of the rows to keep, and how many of them were repaired."""
        kept, repaired, dropped = [], 0, 0
        with open(self.path("results", "readings.csv"), newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                text = row["temperature"].replace(",", ".").replace("C", "").strip()
                number = text.lstrip("-").replace(".", "", 1)
                if not number.isdigit() or abs(float(text)) > 900:
                    dropped += 1
                    continue
                kept.append((int(row["id"]), row["station"], float(text)))
                repaired += text != row["temperature"]
        return kept, repaired, dropped

    def check(self, result):
        kept, repaired, dropped = self.expected()
        self.assertEqual((result["rows"], result["kept"], result["repaired"]), (20000, len(kept), repaired))
        self.assertGreater(repaired, 0)
        self.assertEqual(sum(result["dropped"].values()), dropped)
        read = subprocess.run(["/usr/bin/python3", "-c", READ, self.path("results", "readings.h5")], capture_output=True, text=True, check=True)
        rows, stations = json.loads(read.stdout)
        self.assertEqual([tuple(row[:2]) for row in rows], [row[:2] for row in kept])
        for row, (_, _, degrees) in zip(rows, kept):
            self.assertAlmostEqual(row[2], degrees, places=3)
        self.assertEqual(sum(count for _, count in stations), len(kept))
        self.assertIn('Bern "Nord"', [name for name, _ in stations])

    def test_each_row_comes_once(self):
        self.check(self.run_pipeline())

    def test_each_row_comes_once_though_everything_is_killed(self):
        process = self.start(*self.run_arguments("results"))
        deadline = time.monotonic() + pipeline_case.TIMEOUT
        while not self.parts() and process.poll() is None:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.kill_session(process)
        self.check(self.finish(self.start("resume", "--ranks", "3", "--dir", self.path("results.lockstep")), 0))

    def parts(self):
        return glob.glob(self.path("results", "parts", "*.h5"))


if __name__ == "__main__":
    pipeline_case.main(Etl.name)
