"""Makes crates/fi-models/tests/golden/mlp.json: Iris, a stratified half of it to train on, and
the accuracy on the other half of scikit-learn's MLPClassifier over 20 seeds.

16 ReLU units, Adam with a learning rate of 0.01, batches of 16, 100 epochs, no penalty, features
scaled to the mean and deviation of the training half.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 1936
ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "crates/fi-models/tests/golden/mlp.json"


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows, labels = load_iris(return_X_y=True)
    train, test = train_test_split(
        np.arange(len(rows)), test_size=0.5, stratify=labels, random_state=SEED
    )
    scaled = (rows - rows[train].mean(axis=0)) / rows[train].std(axis=0)
    accuracies, losses = [], []
    for seed in range(20):
        model = MLPClassifier(
            hidden_layer_sizes=(16,), alpha=0.0, learning_rate_init=0.01, batch_size=16,
            max_iter=100, n_iter_no_change=1000, random_state=seed,
        ).fit(scaled[train], labels[train])
        accuracies.append(model.score(scaled[test], labels[test]))
        losses.append(model.loss_)
    golden = {
        "seed": SEED,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "rows": scaled.round(6).tolist(),
        "labels": labels.tolist(),
        "train": train.tolist(),
        "test": test.tolist(),
        "accuracies": accuracies,
        "training_losses": losses,
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
