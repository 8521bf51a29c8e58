"""Scores points of the grid, a line each, with one start of Python and scikit-learn for all: {"point", "folds"} in, the point
with its cross-validated accuracy out; a point that no model can have is the error InvalidPoint."""
import json
import sys

from sklearn.model_selection import StratifiedKFold, cross_val_score

import digits

pictures, _, truth, _ = digits.split()
for line in sys.stdin:
    task = json.loads(line)
    try:
        folds = StratifiedKFold(int(task["folds"]), shuffle=True, random_state=digits.SEED)
        scores = cross_val_score(digits.model(task["point"]), pictures, truth, cv=folds, error_score="raise")
        answer = dict(task["point"], accuracy=scores.mean())
    except ValueError as problem:
        answer = {"errorType": "InvalidPoint", "errorMessage": str(problem)}
    print(json.dumps(answer), flush=True)
