"""The handwritten digits that come with scikit-learn, and the models that a point of the grid may name."""
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

SEED = 1


def split():
    """Pictures and digits to learn from, and those kept back for the end: x, x_kept, y, y_kept."""
    pictures, digits = load_digits(return_X_y=True)
    return train_test_split(pictures, digits, test_size=0.25, random_state=SEED, stratify=digits)


def model(point):
    if point["family"] == "svm":
        return SVC(C=point["c"], gamma=point["gamma"])
    return RandomForestClassifier(n_estimators=int(point["trees"]), max_depth=int(point["depth"]), random_state=SEED)
