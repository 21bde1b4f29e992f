"""Agreement measures of scipy and plain definitions: crates/fi-core/tests/golden/agreement.json.

Pearson, Spearman, Kendall and the weighted tau are scipy's. Rank-biased overlap and top-k overlap
are written out here with sets and fractions, straight from Webber, Moffat and Zobel (2010).
Run: python xtask/golden/agreement.py
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

SEED = 20260802
ROOT = Path(__file__).resolve().parents[2]
rng = np.random.default_rng(SEED)


def top(values, depth):
    return {i for i, value in enumerate(values) if sum(other > value for other in values) < depth}


def overlap(a, b, depth):
    s, t = top(a, depth), top(b, depth)
    return Fraction(2 * len(s & t), len(s) + len(t))


def rank_biased_overlap(a, b, p):
    p, n = Fraction(p), len(a)
    terms = sum(p**d * overlap(a, b, d) for d in range(1, n + 1))
    return overlap(a, b, n) * p**n + (1 - p) / p * terms


def case(a, b):
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    la, lb = a.tolist(), b.tolist()
    return {
        "a": la,
        "b": lb,
        "pearson": float(stats.pearsonr(a, b).statistic),
        "spearman": float(stats.spearmanr(a, b).statistic),
        "kendall": float(stats.kendalltau(a, b).statistic),
        "weighted_tau": float(stats.weightedtau(a, b).statistic),
        "rank_biased_overlap": {str(p): float(rank_biased_overlap(la, lb, p)) for p in [0.5, 0.9, 0.98]},
        "top_k": [float(overlap(la, lb, k)) for k in range(1, len(la) + 1)],
    }


def main():
    cases = [case([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])]
    cases.append(case([1, 2], [2, 1]))
    cases.append(case([4, 3, 2, 1], [1, 2, 3, 4]))
    for n in [3, 4, 7, 20, 33]:
        a = rng.normal(size=n).round(5)
        cases.append(case(a, (a + rng.normal(size=n)).round(5)))
        cases.append(case(rng.integers(0, 4, n) + np.eye(n)[0] * 9, rng.integers(0, 3, n) + np.eye(n)[1] * 5))
    versions = {"scipy": scipy.__version__, "numpy": np.__version__}
    out = ROOT / "crates/fi-core/tests/golden/agreement.json"
    lines = ",\n".join(json.dumps(entry) for entry in cases)
    head = json.dumps({"versions": versions, "seed": SEED})[:-1]
    out.write_text(f'{head}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
