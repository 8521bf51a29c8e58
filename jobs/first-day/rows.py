"""Prints the rows of the CSV file that the input names as a JSON array of objects."""
import csv
import json
import sys

with open(json.load(sys.stdin)["table"], newline="") as file:
    rows = list(csv.DictReader(file))
json.dump([{"name": row["name"], "angle": float(row["angle"]), "speed": float(row["speed"])} for row in rows], sys.stdout)
