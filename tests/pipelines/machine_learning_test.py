"""machine-learning: the best point is the one that scikit-learn's own grid search finds, with the same accuracy."""
import json
import os
import subprocess

import pipeline_case

GRID_SEARCH = """
import json
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.svm import SVC
x, kept, y, kept_y = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=1, stratify=load_digits().target)
search = GridSearchCV(SVC(), {"C": [0.1, 1], "gamma": [0.0001, 0.001]}, cv=StratifiedKFold(3, shuffle=True, random_state=1))
search.fit(x, y)
print(json.dumps([search.best_params_, search.best_score_, search.score(kept, kept_y)]))
"""


class MachineLearning(pipeline_case.PipelineCase):
    name = "machine-learning"

    def test_it_finds_what_grid_search_finds(self):
        result = self.run_pipeline()
        search = subprocess.run(["/usr/bin/python3", "-c", GRID_SEARCH], capture_output=True, text=True, check=True)
        point, accuracy, kept_accuracy = json.loads(search.stdout)
        best, trained = result["best"], result["trained"]
        self.assertEqual((best["family"], best["c"], best["gamma"]), ("svm", point["C"], point["gamma"]))
        self.assertEqual(best["accuracy"], accuracy)
        self.assertGreaterEqual(accuracy, 0.97)
        self.assertAlmostEqual(trained["accuracy"], kept_accuracy, 12)
        self.assertEqual(len(trained["wrong"]), round((1 - kept_accuracy) * trained["kept_back"]))
        self.assertEqual((result["points"], result["invalid"]), (6, []))
        with open(trained["grid"]) as drawing:
            self.assertEqual(drawing.read().count("<rect x="), 6)
        self.assertTrue(os.path.getsize(trained["model"]) > 10000)

    def test_a_point_that_cannot_be_does_not_fail_the_others_and_the_search_looks_closer(self):
        result = self.run_pipeline(c=[-1, 1], gamma=[0.001], depth=[4], rounds=2)
        self.assertEqual(result["points"], 1 + 1 + 16)
        self.assertEqual([(point["c"], point["gamma"]) for point in result["invalid"]], [(-1, 0.001)])
        self.assertIn("C", result["invalid"][0]["invalid"])

    def test_what_is_not_good_enough_fails(self):
        result = self.run_pipeline(c=[0.1], gamma=[0.0001], least=0.99, status=1)
        self.assertEqual(result["error"], "NotGoodEnough")
        self.assertRegex(result["cause"], "the best accuracy is 0[.][0-9]+, 0.99 is needed")


if __name__ == "__main__":
    pipeline_case.main(MachineLearning.name)
