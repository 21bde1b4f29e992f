"""Time lime on a table of 12 columns with a fixed network and a fixed logistic regression.

Both models have 12 inputs and two probabilities; their weights are written to a JSON, so that
another program can compute the same. For each model the script prints CPU seconds of explaining
100 rows with 5000 samples each, and how many of them the model itself takes.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benches/peers/lime_tabular.py weights.json
(versions: xtask/golden/requirements-lime.txt)
"""

import json
import sys
import time

import numpy as np
from lime.lime_tabular import LimeTabularExplainer

N_ROWS = 100
N_SAMPLES = 5000
N_COLUMNS = 12
HIDDEN = 64


def softmax(scores):
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def network(layers):
    def predict(rows):
        for weights, bias in layers[:-1]:
            rows = np.maximum(rows @ weights + bias, 0.0)
        weights, bias = layers[-1]
        return softmax(rows @ weights + bias)

    return predict


class Timed:
    """A model that counts its own CPU time."""

    def __init__(self, predict):
        self.predict, self.seconds = predict, 0.0

    def __call__(self, rows):
        start = time.process_time()
        answer = self.predict(rows)
        self.seconds += time.process_time() - start
        return answer


def main():
    rng = np.random.default_rng(12)
    training = rng.normal(size=(1000, N_COLUMNS))
    layer = lambda n, m: (rng.normal(size=(n, m)) / np.sqrt(n), 0.1 * rng.normal(size=m))
    models = {
        "network": [layer(N_COLUMNS, HIDDEN), layer(HIDDEN, HIDDEN), layer(HIDDEN, 2)],
        "logistic": [layer(N_COLUMNS, 2)],
    }
    with open(sys.argv[1], "w") as file:
        json.dump({
            "training": training.tolist(),
            "models": {
                name: [[w.tolist(), b.tolist()] for w, b in layers]
                for name, layers in models.items()
            },
        }, file)
    for name, layers in models.items():
        model = Timed(network(layers))
        start = time.process_time()
        explainer = LimeTabularExplainer(training, random_state=0)
        for row in training[:N_ROWS]:
            explainer.explain_instance(row, model, labels=(0, 1), num_samples=N_SAMPLES)
        seconds = time.process_time() - start
        print(f"lime {name}: {seconds:.3f} s CPU, {model.seconds:.3f} s of them in the model")


if __name__ == "__main__":
    main()
