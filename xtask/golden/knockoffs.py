"""Write crates/fi-core/tests/golden/knockoffs.json: knockoffs to compare with.

`distances` holds correlations and what knockpy's equicorrelated and MVR constructions make of them
(before knockpy scales MVR's by 1 - 2^-10 to be on the safe side), `thresholds` what knockpy's
threshold is of fixed statistics. `shrunk` holds tables with scikit-learn's Ledoit-Wolf estimate of
their standardised columns. `choices` holds statistics of several draws and what the published
formulas of e-values and of e-BH keep of them, in plain Python.

Run: python xtask/golden/knockoffs.py
# requirements: requirements-knockoffs.txt
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from knockpy.knockoff_stats import data_dependent_threshhold
from knockpy.mac import solve_equicorrelated
from knockpy.mrc import _solve_mvr_ungrouped
from sklearn.covariance import ledoit_wolf

SEED = 41
ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "crates" / "fi-core" / "tests" / "golden" / "knockoffs.json"


def correlations(rng):
    yield 0.7 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    yield np.full((5, 5), 0.6) + 0.4 * np.eye(5)
    factors = rng.normal(size=(9, 3))
    covariance = factors @ factors.T + np.diag(rng.uniform(0.05, 2, 9))
    scale = np.sqrt(np.diag(covariance))
    yield covariance / np.outer(scale, scale)
    # Two features that are nearly one, and one beside them.
    yield np.array([[1, 0.99, 0.2], [0.99, 1, 0.2], [0.2, 0.2, 1]])


def distances(rng):
    cases = []
    for correlation in correlations(rng):
        np.random.seed(SEED)
        mvr = _solve_mvr_ungrouped(correlation, num_iter=500, converge_tol=1e-13)
        p = len(correlation)
        equal = solve_equicorrelated(correlation, np.arange(1, p + 1), tol=1e-12, num_iter=50)
        cases.append({
            "correlation": correlation.tolist(),
            "mvr": np.diag(mvr).tolist(),
            "equicorrelated": np.diag(equal).tolist(),
        })
    return cases


def thresholds(rng):
    cases = []
    for p, n_signals in [(8, 0), (30, 12), (30, 25), (200, 40)]:
        w = np.round(rng.normal(size=p), 6)
        w[:n_signals] += 2.5
        w = np.round(w, 6)
        assert len(set(np.abs(w))) == p
        for offset in (0, 1):
            for fdr in (0.05, 0.1, 0.2, 0.5):
                threshold = float(data_dependent_threshhold(w, fdr=fdr, offset=offset))
                cases.append({
                    "w": w.tolist(),
                    "fdr": fdr,
                    "offset": offset,
                    "threshold": None if np.isinf(threshold) else threshold,
                })
    return cases


def shrunk(rng):
    cases = []
    for n, p in [(12, 4), (30, 6), (8, 10)]:
        mixing = rng.normal(size=(p, p))
        rows = np.round(rng.normal(size=(n, p)) @ mixing * np.exp(rng.normal(size=p)) + 3, 4)
        standardised = (rows - rows.mean(axis=0)) / rows.std(axis=0)
        correlation, share = ledoit_wolf(standardised, assume_centered=True)
        cases.append({
            "rows": rows.tolist(),
            "correlation": correlation.tolist(),
            "share": float(share),
        })
    return cases


def choices(rng):
    cases = []
    for n_draws, p, n_signals, fdr in [(1, 20, 8, 0.2), (5, 24, 14, 0.2), (8, 40, 26, 0.1), (3, 9, 3, 0.3)]:
        signals = np.where(np.arange(p) < n_signals, 3.0, 0.0)
        draws = np.round(rng.normal(size=(n_draws, p)) + signals, 6)
        level = fdr if n_draws == 1 else fdr / 2
        e = np.zeros(p)
        for w in draws:
            sizes = sorted(abs(w))
            fine = [t for t in sizes
                    if (1 + sum(w <= -t)) / max(1, sum(w >= t)) <= level]
            if fine:
                e += p * (w >= fine[0]) / (1 + sum(w <= -fine[0])) / n_draws
        largest = sorted(e, reverse=True)
        passing = [k for k in range(1, p + 1) if largest[k - 1] >= p / (fdr * k) - 1e-9]
        bar = p / (fdr * max(passing)) - 1e-9 if passing else np.inf
        cases.append({
            "fdr": fdr,
            "draws": draws.tolist(),
            "e": e.tolist(),
            "chosen": np.flatnonzero(e >= bar).tolist(),
        })
    return cases


def main():
    rng = np.random.default_rng(SEED)
    packages = ["knockpy", "numpy", "scikit-learn", "scipy"]
    golden = {
        "versions": {name: version(name) for name in packages},
        "distances": distances(rng),
        "thresholds": thresholds(rng),
        "shrunk": shrunk(rng),
        "choices": choices(rng),
    }
    OUTPUT.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
