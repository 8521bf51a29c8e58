"""plot.py FOLDER: draws how far atoms have walked from their places, a line for each temperature: FOLDER/melting.svg."""
import glob
import math
import os
import re
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 400, 60, 350, 40
LEAST, DECADES = 1e-3, 5  # of the squared distance, which is drawn in logarithmic scale
folder = sys.argv[1]


def text(x, y, content, anchor="middle", colour="#333"):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>' % (x, y, anchor, colour, content)


def height(walk):
    return BOTTOM - (BOTTOM - TOP) * math.log10(max(walk, LEAST) / LEAST) / DECADES


drawing = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">' % (WIDTH, HEIGHT),
           '<rect width="100%" height="100%" fill="white"/>',
           text(WIDTH / 2, 20, "Mean squared walk of atoms (σ²), by the temperature the crystal was heated to"),
           text(WIDTH / 2, HEIGHT - 12, "time")]
for decade in range(DECADES + 1):
    y = height(LEAST * 10 ** decade)
    drawing += ['<path d="M%d %.1fH%d" stroke="#ddd"/>' % (LEFT, y, WIDTH - 60), text(LEFT - 8, y + 4, "%g" % (LEAST * 10 ** decade), "end")]
runs = {float(re.search("melt-(.*)[.]txt", path).group(1)): path for path in glob.glob(os.path.join(folder, "melt-*.txt"))}
label = BOTTOM + 20  # the labels of lines that end close to each other stand one above the other
for rank, temperature in enumerate(sorted(runs)):
    with open(runs[temperature]) as table:
        next(table)
        rows = [[float(field) for field in line.split()] for line in table]
    share = rank / max(1, len(runs) - 1)
    colour = "rgb(%d,60,%d)" % (220 * share, 220 * (1 - share))
    points = ["%.1f,%.1f" % (LEFT + (WIDTH - 60 - LEFT) * row[0] / rows[-1][0], height(row[-1])) for row in rows]
    label = min(label - 13, height(rows[-1][-1]) + 4)
    drawing += ['<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>' % (colour, " ".join(points)),
                text(WIDTH - 54, label, "%g" % temperature, "start", colour)]
with open(os.path.join(folder, "melting.part"), "w") as file:
    file.write("\n".join(drawing + ["</svg>\n"]))
os.rename(os.path.join(folder, "melting.part"), os.path.join(folder, "melting.svg"))
