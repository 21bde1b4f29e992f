"""How far estimates of Shapley values are from the truth, by the number of coalitions.

    python curves.py FOLDER games [ROWS]            writes games and their exact values
    python curves.py FOLDER estimates SEEDS [PEER]  a line of JSON per game, peer, budget and seed
        (Python 3.12, requirements-black-box.txt)

A game of 14 players is a table of the worth of all coalitions, `(rows, 2^14)`, player `i` being bit
`i`: a row's prediction where absent features are averaged over 50 background rows. The game of 30
players is a network whose absent features are 0, the mean; its truth is a long run of antithetic
permutations. Errors are root mean squares over rows and players, in units of the values' own.
"""

import json
import os
import sys
import warnings
from pathlib import Path

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[variable] = "1"
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402  (the threads are set before)

FOLDER = Path(sys.argv[1])
BUDGETS = [128, 256, 512, 1024, 2048, 4096]
TABLES = ["network-14", "forest-14"]


def breast_cancer():
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return StandardScaler().fit_transform(x)[order], y[order]


def layers_of(model):
    """A classifier of two classes as NumPy arrays, for a forward pass without its checks."""
    return list(zip(model.coefs_, model.intercepts_))


def forward(layers, x):
    for weights, bias in layers[:-1]:
        x = np.maximum(x @ weights + bias, 0)
    weights, bias = layers[-1]
    return 1 / (1 + np.exp(-(x @ weights + bias)[:, 0]))


def models(n_features):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neural_network import MLPClassifier

    x, y = breast_cancer()
    columns = np.arange(30) if n_features == 30 else np.arange(0, 28, 2)
    x = x[:, columns]
    network = MLPClassifier((64, 64), max_iter=300, random_state=0).fit(x[:400], y[:400])
    forest = RandomForestClassifier(50, random_state=0).fit(x[:400], y[:400])
    layers = layers_of(network)
    return x, {
        f"network-{n_features}": lambda rows: forward(layers, rows),
        f"forest-{n_features}": lambda rows: forest.predict_proba(rows)[:, 1],
    }, layers


def all_coalitions(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(bool)


def exact(worth):
    """The definition, for a table `(rows, 2^n)`."""
    n = int(np.log2(worth.shape[1]))
    index = np.arange(2**n)
    sizes = all_coalitions(n).sum(1)
    subsets = np.cumprod([1.0, *((n - 1 - s) / (s + 1) for s in range(n - 1))])
    values = np.zeros((len(worth), n))
    for player in range(n):
        without = index[(index >> player) & 1 == 0]
        added = worth[:, without | (1 << player)] - worth[:, without]
        values[:, player] = (added / (n * subsets[sizes[without]])).sum(1)
    return values


def long_run(play, row, n_pairs):
    """Antithetic permutations, many at once: shares of `v(all) − v(none)`."""
    n, rng, total = len(row), np.random.default_rng(1), np.zeros(len(row))
    for _ in range(n_pairs // 100):
        orders = rng.permuted(np.tile(np.arange(n), (100, 1)), axis=1)
        orders = np.concatenate([orders, orders[:, ::-1]])
        place = np.argsort(orders, axis=1)
        # Before step s, the players whose place is below s are there.
        there = place[:, None, :] < np.arange(n + 1)[None, :, None]
        worth = play(there.reshape(-1, n), row).reshape(len(orders), n + 1)
        np.add.at(total, orders, np.diff(worth, axis=1))
    return total / (2 * 100 * (n_pairs // 100))


def games(n_rows):
    FOLDER.mkdir(parents=True, exist_ok=True)
    x, predict, _ = models(14)
    background, there = x[:50], all_coalitions(14)
    for name in TABLES:
        worth = np.zeros((n_rows, 2**14))
        for k, row in enumerate(x[400 : 400 + n_rows]):
            for start in range(0, 2**14, 1024):
                part = there[start : start + 1024]
                rows = np.where(part[:, None], row, background[None])
                answers = predict[name](rows.reshape(-1, 14))
                worth[k, start : start + 1024] = answers.reshape(len(part), -1).mean(1)
        np.save(FOLDER / f"{name}.npy", worth)
        np.save(FOLDER / f"{name}-truth.npy", exact(worth))
    x, predict, layers = models(30)
    rows = x[400 : 400 + n_rows]
    play = lambda there, row: predict["network-30"](there * row)
    np.save(FOLDER / "network-30-rows.npy", rows)
    np.save(FOLDER / "network-30-truth.npy", np.array([long_run(play, row, 20_000) for row in rows]))
    for i, (weights, bias) in enumerate(layers):
        np.save(FOLDER / f"network-30-weights-{i}.npy", weights)
        np.save(FOLDER / f"network-30-bias-{i}.npy", bias)


def load(name):
    """A game of many rows: its players, the worth of coalitions in a row's game, the truth."""
    truth = np.load(FOLDER / f"{name}-truth.npy")
    if name == "network-30":
        rows, layers = np.load(FOLDER / f"{name}-rows.npy"), []
        while (FOLDER / f"{name}-weights-{len(layers)}.npy").exists():
            i = len(layers)
            part = lambda what: np.load(FOLDER / f"{name}-{what}-{i}.npy")
            layers.append((part("weights"), part("bias")))
        return lambda row, there: forward(layers, there * rows[row]), truth
    worth, powers = np.load(FOLDER / f"{name}.npy"), 1 << np.arange(truth.shape[1])
    return lambda row, there: worth[row, np.asarray(there, dtype=bool) @ powers], truth


def shap_kernel(n, budget, seed, play):
    import shap

    np.random.seed(seed)
    explainer = shap.KernelExplainer(lambda there: play(there > 0.5), np.zeros((1, n)))
    # It asks for none and all beside its samples.
    return explainer.shap_values(np.ones((1, n)), nsamples=budget - 2, l1_reg=False, silent=True)[0]


def shap_permutation(n, budget, seed, play):
    import shap

    masker = shap.maskers.Independent(np.zeros((1, n)))
    explainer = shap.PermutationExplainer(lambda there: play(there > 0.5), masker, seed=seed)
    repeats = max(budget // (2 * n), 1)
    return explainer(np.ones((1, n)), max_evals=repeats * 2 * n + 1, silent=True).values[0]


def shapiq(name, **settings):
    def estimate(n, budget, seed, play):
        import shapiq.approximator as approximator

        make = getattr(approximator, name)
        values = make(n, random_state=seed, **settings).approximate(budget, play)
        return np.array([values[(player,)] for player in range(n)])

    return estimate


PEERS = {
    "shap KernelExplainer": shap_kernel,
    "shap PermutationExplainer": shap_permutation,
    "shapiq KernelSHAP": shapiq("KernelSHAP", pairing_trick=True),
    "shapiq LeverageSHAP": shapiq("LeverageSHAP"),
    "shapiq UnbiasedKernelSHAP": shapiq("UnbiasedKernelSHAP", pairing_trick=True),
    "shapiq SVARM": shapiq("SVARM"),
    "shapiq PermutationSamplingSV": shapiq("PermutationSamplingSV"),
    "shapiq PolySHAP": shapiq("PolySHAP"),
    "shapiq OddSHAP": shapiq("OddSHAP"),
    "shapiq RegressionMSR": shapiq("RegressionMSR", index="SV"),
    "shapiq ProxySHAP": shapiq("ProxySHAP"),
}


def estimates(n_seeds, only):
    from importlib.metadata import version

    for name in [*TABLES, "network-30"]:
        play, truth = load(name)
        size = np.sqrt((truth**2).mean())
        for peer, estimate in PEERS.items():
            if only not in peer:
                continue
            library = peer.split()[0]
            for budget in BUDGETS:
                for seed in range(n_seeds):
                    answer = lambda row: lambda there: play(row, np.atleast_2d(there))
                    try:
                        found = [
                            estimate(truth.shape[1], budget, seed, answer(row))
                            for row in range(len(truth))
                        ]
                    except Exception as error:  # A budget that a peer refuses has no line.
                        print(f"{peer}, {name}, {budget}: {error!r}", file=sys.stderr, flush=True)
                        break
                    error = float(np.sqrt(((np.array(found) - truth) ** 2).mean()) / size)
                    line = {"game": name, "estimator": peer, "version": version(library)}
                    line |= {"budget": budget, "seed": seed, "error": error}
                    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    if sys.argv[2] == "games":
        games(int(sys.argv[3]) if len(sys.argv) > 3 else 10)
    else:
        estimates(int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
