"""How far estimates of Shapley values are from the truth, by what they ask of the model.

    python curves.py FOLDER games                   writes games and their exact values
    python curves.py FOLDER estimates SEEDS [PEER]  a line of JSON per game, peer, budget and seed
        (Python 3.12, requirements-black-box.txt)

Games of predictions are of ten rows, and of as many players as their name says. Up to 16 players
they are a table of the worth of all coalitions, `(rows, 2^n)`, player `i` being bit `i`, and the
truth is the definition: a row's prediction where absent features are averaged over background rows.
Beyond they are played by the model, whose absent features take one value: boosting's truth is that
of shap's TreeExplainer, which is exact, and networks' that of a long run of antithetic permutations.
A game of losses (`sage`) is a model, rows with targets and a background; its truth is the
definition, too. Errors are root mean squares over rows and players, in units of the values' own.
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
BUDGETS = [128, 512, 2048]
GAMES = ["network-14", "forest-14", "network-30"]  # the ones that fi was tuned on
GAMES += ["diabetes-10", "wine-13", "digits-16", "boosting-20", "boosting-40", "network-60"]
SAGE_GAMES = ["sage-network-10", "sage-forest-10", "sage-wine-12", "sage-diabetes-10"]
N_ROWS = 10
SAGE_PERMUTATIONS = [64, 256, 1024]
SAGE_SEEDS = 2  # for each seed of the other games


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
    """The probability of the second of two classes."""
    return probabilities(layers, x)[:, 1]


def probabilities(layers, x):
    for weights, bias in layers[:-1]:
        x = np.maximum(x @ weights + bias, 0)
    weights, bias = layers[-1]
    x = x @ weights + bias
    if x.shape[1] == 1:
        x = np.concatenate([np.zeros_like(x), x], axis=1)
    x = np.exp(x - x.max(1, keepdims=True))
    return x / x.sum(1, keepdims=True)


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


def standardised(loader, seed):
    from sklearn.preprocessing import StandardScaler

    x, y = loader(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    return StandardScaler().fit_transform(x)[order], y[order]


def done(name):
    """Whether a run that was interrupted had come so far."""
    return (FOLDER / f"{name}-truth.npy").exists()


def save(name, **arrays):
    for part, array in arrays.items():
        np.save(FOLDER / f"{name}-{part}.npy", np.asarray(array, dtype=np.float64))


def save_layers(name, layers):
    for i, (weights, bias) in enumerate(layers):
        save(name, **{f"weights-{i}": weights, f"bias-{i}": bias})


def table(name, predict, rows, background):
    """The worth of all coalitions, and their exact values."""
    if done(name):
        return
    n = rows.shape[1]
    there, worth = all_coalitions(n), np.zeros((len(rows), 2**n))
    for k, row in enumerate(rows):
        for start in range(0, 2**n, 1024):
            part = there[start : start + 1024]
            answers = predict(np.where(part[:, None], row, background[None]).reshape(-1, n))
            worth[k, start : start + 1024] = answers.reshape(len(part), -1).mean(1)
    np.save(FOLDER / f"{name}.npy", worth)
    save(name, truth=exact(worth))


def network_game(name, layers, rows):
    if done(name):
        return
    play = lambda there, row: forward(layers, there * row)
    save_layers(name, layers)
    save(name, rows=rows, truth=[long_run(play, row, 20_000) for row in rows])


def boosting_game(name, x, y, settings):
    import lightgbm
    import shap

    if done(name):
        return

    model = lightgbm.LGBMRegressor(n_jobs=1, verbose=-1, **settings).fit(x[N_ROWS:], y[N_ROWS:])
    model.booster_.save_model(FOLDER / f"{name}.txt")
    rows, baseline = x[:N_ROWS], x[N_ROWS:].mean(0)
    settings = {"feature_perturbation": "interventional"}
    explainer = shap.TreeExplainer(model, baseline[None], **settings)
    save(name, rows=rows, baseline=baseline, truth=explainer.shap_values(rows))


def games():
    from sklearn.datasets import load_diabetes, load_digits, load_wine
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.neural_network import MLPClassifier

    FOLDER.mkdir(parents=True, exist_ok=True)
    x, predict, _ = models(14)
    for name in ["network-14", "forest-14"]:
        table(name, predict[name], x[400 : 400 + N_ROWS], x[:50])
    x, predict, layers = models(30)
    network_game("network-30", layers, x[400 : 400 + N_ROWS])

    x, y = standardised(load_diabetes, 1)
    model = GradientBoostingRegressor(random_state=1).fit(x[50:], y[50:])
    table("diabetes-10", model.predict, x[:N_ROWS], x[50:100])
    x, y = standardised(load_wine, 2)
    model = KernelRidge(alpha=0.1, kernel="rbf", gamma=0.1).fit(x[30:], y[30:])
    table("wine-13", model.predict, x[:N_ROWS], x[30:60])
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(3).permutation(len(x))
    pixels = np.argsort(-x.var(0), kind="stable")
    x, y = x[order], y[order].astype(float)
    columns = pixels[:16]
    model = RandomForestRegressor(30, max_depth=8, random_state=3, n_jobs=1).fit(x[50:, columns], y[50:])
    table("digits-16", model.predict, x[:N_ROWS, columns], x[50:60, columns])

    rng = np.random.default_rng(4)
    wide = rng.standard_normal((3_000, 20))
    target = 3 * np.sin(wide[:, 0] * wide[:, 1]) + wide[:, 2] ** 2 + wide[:, 3:12] @ rng.normal(size=9)
    settings = {"n_estimators": 200, "num_leaves": 31, "random_state": 4}
    boosting_game("boosting-20", wide, target, settings)
    settings = {"n_estimators": 150, "num_leaves": 15, "random_state": 5}
    boosting_game("boosting-40", x[:, pixels[:40]], y, settings)
    rng = np.random.default_rng(6)
    wide = rng.standard_normal((2_000, 60)) + 0.7 * rng.standard_normal((2_000, 1))
    target = wide[:, :30] @ rng.normal(size=30) / 5 + wide[:, 30] * wide[:, 31] - wide[:, 32] ** 2 > 0
    model = MLPClassifier((32, 32), max_iter=60, random_state=6).fit(wide[N_ROWS:], target[N_ROWS:])
    network_game("network-60", layers_of(model), wide[:N_ROWS])
    sage_games()


def sage_games():
    from sklearn.datasets import load_diabetes, load_wine
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.neural_network import MLPClassifier

    from export import export

    def game(name, model, x, y, n_background):
        """Trained on the first rows, scored on the others."""
        if done(name):
            return
        n = len(x) // 2
        model.fit(x[:n], y[:n])
        background, rows, target = x[:n_background], x[n : n + 128], y[n : n + 128]
        save(name, background=background, x=rows, y=target)
        if isinstance(model, MLPClassifier):
            save_layers(name, layers_of(model))
        else:
            export(model, FOLDER / f"{name}.json")
            import joblib

            joblib.dump(model, FOLDER / f"{name}.joblib")
        predict, loss = sage_model(name)
        there = all_coalitions(x.shape[1])
        worth = np.zeros((1, len(there)))
        for k, coalition in enumerate(there):
            mixed = np.where(coalition, rows[:, None], background[None])
            answers = predict(mixed.reshape(-1, x.shape[1]))
            means = answers.reshape(len(rows), n_background, -1).mean(1)
            # Below, peers clip a probability, each at a threshold of its own.
            assert loss == "mse" or means.min() > 1e-11, name
            worth[0, k] = -sage_losses(means, target, loss).mean()
        save(name, truth=exact(worth))

    x, y = breast_cancer()
    network = MLPClassifier((64, 64), max_iter=60, random_state=7)
    game("sage-network-10", network, x[:, :10], y, 50)
    # Of values: a forest's probabilities can be 0, whose log loss is the clipping's.
    forest = RandomForestRegressor(30, min_samples_leaf=3, random_state=8, n_jobs=1)
    game("sage-forest-10", forest, x[:, 10:20], y, 20)
    x, y = standardised(load_wine, 9)
    network = MLPClassifier((32, 32), max_iter=100, random_state=9)
    game("sage-wine-12", network, x[:, :12], y, 40)
    x, y = standardised(load_diabetes, 10)
    forest = RandomForestRegressor(30, min_samples_leaf=3, random_state=10, n_jobs=1)
    game("sage-diabetes-10", forest, x, (y - y.mean()) / y.std(), 20)


def sage_model(name):
    """What predicts, `(rows, outputs)`, and sage-importance's name of the loss."""
    if (FOLDER / f"{name}-weights-0.npy").exists():
        layers = load_layers(name)
        return lambda rows: probabilities(layers, rows), "cross entropy"
    import joblib

    model = joblib.load(FOLDER / f"{name}.joblib")
    return lambda rows: model.predict(rows)[:, None], "mse"


def sage_losses(means, target, loss):
    if loss == "mse":
        return (means[:, 0] - target) ** 2
    return -np.log(means[np.arange(len(means)), target.astype(int)])


def load_layers(name):
    layers = []
    while (FOLDER / f"{name}-weights-{len(layers)}.npy").exists():
        part = lambda what: np.load(FOLDER / f"{name}-{what}-{len(layers)}.npy")
        layers.append((part("weights"), part("bias")))
    return layers


def load(name):
    """A game of many rows: the worth of coalitions in a row's game, and the truth."""
    truth = np.load(FOLDER / f"{name}-truth.npy")
    if (FOLDER / f"{name}.npy").exists():
        worth, powers = np.load(FOLDER / f"{name}.npy"), 1 << np.arange(truth.shape[1])
        return lambda row, there: worth[row, np.asarray(there, dtype=bool) @ powers], truth
    rows = np.load(FOLDER / f"{name}-rows.npy")
    if (FOLDER / f"{name}.txt").exists():
        import lightgbm

        model = lightgbm.Booster(model_file=FOLDER / f"{name}.txt")
        baseline = np.load(FOLDER / f"{name}-baseline.npy")
        mixed = lambda row, there: np.where(np.asarray(there, dtype=bool), rows[row], baseline)
        return lambda row, there: model.predict(mixed(row, there), num_threads=1), truth
    layers = load_layers(name)
    return lambda row, there: forward(layers, there * rows[row]), truth


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
    "shapiq ProxySHAP": shapiq("ProxySHAP", index="SV", max_order=1),
}


def estimates(n_seeds, only):
    for name in GAMES:
        play, truth = load(name)
        n = truth.shape[1]
        size = np.sqrt((truth**2).mean())
        for peer, estimate in PEERS.items():
            if only not in peer:
                continue
            for budget in BUDGETS:
                if budget >= 2**n:
                    continue
                for seed in range(n_seeds):
                    # Each seed has its share of the rows.
                    rows = range(seed % len(truth), len(truth), n_seeds)
                    answer = lambda row: lambda there: play(row, np.atleast_2d(there))
                    try:
                        found = [estimate(n, budget, seed, answer(row)) for row in rows]
                    except Exception as error:  # A budget that a peer refuses has no line.
                        print(f"{peer}, {name}, {budget}: {error!r}", file=sys.stderr, flush=True)
                        break
                    error = np.sqrt(((np.array(found) - truth[rows]) ** 2).mean()) / size
                    line(name, peer, budget, seed, error)
    for name in SAGE_GAMES:
        for peer in ["sage PermutationEstimator", "sage KernelEstimator"]:
            if only in peer:
                sage_estimates(name, peer, n_seeds)


def line(game, estimator, budget, seed, error):
    from importlib.metadata import version

    library = {"sage": "sage-importance"}.get(estimator.split()[0], estimator.split()[0])
    record = {"game": game, "estimator": estimator, "version": version(library)}
    record |= {"budget": budget, "seed": seed, "error": float(error)}
    print(json.dumps(record), flush=True)


def sage_estimates(name, peer, n_seeds):
    import sage

    predict, loss = sage_model(name)
    part = lambda what: np.load(FOLDER / f"{name}-{what}.npy")
    x, y, background, truth = part("x"), part("y"), part("background"), part("truth")[0]
    n = len(truth)
    for n_permutations in SAGE_PERMUTATIONS:
        for seed in range(SAGE_SEEDS * n_seeds):
            asked = []

            def model(rows):
                asked.append(len(rows))
                return predict(rows)

            imputer = sage.MarginalImputer(model, background)
            settings = {"batch_size": 32, "detect_convergence": False, "bar": False}
            if "Kernel" in peer:
                # A sample is two coalitions, and a permutation n + 1.
                n_samples = n_permutations * (n + 1) // 2
                estimator = sage.KernelEstimator(imputer, loss, random_state=seed)
                found = estimator(x, y, n_samples=n_samples, **settings)
            else:
                estimator = sage.PermutationEstimator(imputer, loss, random_state=seed)
                found = estimator(x, y, n_permutations=n_permutations, **settings)
            error = np.sqrt(((found.values - truth) ** 2).mean() / (truth**2).mean())
            line(name, peer, sum(asked), seed, error)


if __name__ == "__main__":
    if sys.argv[2] == "games":
        games()
    else:
        estimates(int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
