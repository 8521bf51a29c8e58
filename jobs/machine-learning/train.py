"""Trains the best point on all pictures to learn from and tries it on those kept back: {"folder", "best", "scores"} in; what
it gets right and wrong out. Leaves model.joblib, and grid.svg, which shows the accuracy of all points."""
import json
import os
import sys

import joblib

import digits

CELL, LEFT, TOP = 46, 90, 60


def colour(accuracy):
    share = max(0, (accuracy - 0.5) * 2) ** 4  # most of the range is in what is good
    return "rgb(%d,%d,%d)" % (250 - 220 * share, 245 - 120 * share, 215 - 65 * share)


def heat_map(title, rows, columns, scores, left):
    """A cell for each point; `rows` and `columns` name the point's fields."""
    ys, xs = (sorted({score[field] for score in scores}) for field in (rows, columns))
    drawing = ['<text x="%d" y="20">%s</text>' % (left, title)]
    drawing += ['<text x="%d" y="%d" text-anchor="end">%.3g</text>' % (left - 6, TOP + CELL * row + 28, y) for row, y in enumerate(ys)]
    drawing += ['<text x="%d" y="%d" text-anchor="middle" font-size="9">%.2g</text>' % (left + CELL * column + 22, TOP - 8, x)
                for column, x in enumerate(xs)]
    for score in scores:
        x, y = left + CELL * xs.index(score[columns]), TOP + CELL * ys.index(score[rows])
        drawing.append('<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>' % (x, y, CELL - 1, CELL - 1, colour(score["accuracy"])))
        drawing.append('<text x="%d" y="%d" text-anchor="middle">%.1f</text>' % (x + 22, y + 27, 100 * score["accuracy"]))
    return drawing, left + CELL * len(xs), TOP + CELL * len(ys)


def draw(scores, path):
    drawing, width, height = [], 0, 0
    for title, family, rows, columns in (("SVM: accuracy (%) by C and gamma", "svm", "c", "gamma"),
                                         ("Forest: by trees and depth", "forest", "trees", "depth")):
        part, width, bottom = heat_map(title, rows, columns, [score for score in scores if score["family"] == family], width + LEFT)
        drawing += part
        height = max(height, bottom)
    head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
            '<rect width="100%%" height="100%%" fill="white"/>' % (max(width + 60, 560), height + 20))
    with open(path, "w") as file:
        file.write("\n".join([head] + drawing + ["</svg>\n"]))


task = json.load(sys.stdin)
pictures, kept, truth, kept_truth = digits.split()
model = digits.model(task["best"]).fit(pictures, truth)
answers = model.predict(kept)
model_path, drawing_path = (os.path.join(task["folder"], name) for name in ("model.joblib", "grid.svg"))
joblib.dump(model, model_path)
draw(task["scores"], drawing_path)
wrong = [{"is": int(right), "taken_for": int(answer)} for right, answer in zip(kept_truth, answers) if right != answer]
print(json.dumps({"model": model_path, "grid": drawing_path, "kept_back": len(kept_truth), "wrong": wrong,
                  "accuracy": 1 - len(wrong) / len(kept_truth)}))
