"""readings.py FOLDER ROWS SEED: readings.csv, what weather stations have sent: id, station, time, temperature, humidity.

One row in fifty has something wrong with it: a unit or a decimal comma, which can be mended; a blank, a word or an
impossible number, which cannot. Names of stations have commas and quotes in them."""
import csv
import os
import random
import sys

STATIONS = ["Zürich, Fluntern", 'Bern "Nord"', "Genève", "Säntis", "Lugano", "Davos"] + ["Station %d" % i for i in range(1, 15)]
WRONG = ["", "n/a", "999.9", "21.3 C", "21,3", "-"]

folder, rows, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dice = random.Random(seed)
usual = [round(dice.gauss(11, 9), 1) for _ in range(10_007)]
os.makedirs(folder, exist_ok=True)
part = os.path.join(folder, "readings.csv.part")
with open(part, "w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["id", "station", "time", "temperature", "humidity"])
    for number in range(rows):
        temperature = WRONG[number // 50 % len(WRONG)] if number % 50 == 49 else usual[number % 10_007]
        table.writerow([number, STATIONS[number * 7 % len(STATIONS)], 1_700_000_000 + number * 10, temperature, 30 + number % 61])
os.replace(part, os.path.join(folder, "readings.csv"))
