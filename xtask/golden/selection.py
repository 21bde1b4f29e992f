"""Write crates/fi-core/tests/golden/selection.json: selection and multiple testing to compare with.

Adjusted p-values come from statsmodels; RFE, RFECV and SelectFromModel from scikit-learn with ridge
regression, whose coefficients both sides know to rounding, on fixed folds; Boruta's decisions from
boruta_py, with the importances of every round, so that the rounds can be played again. Fitted null
distributions are scipy's; the stability measure is its published formula in numpy.

Run: python xtask/golden/selection.py   (versions: xtask/golden/requirements.txt)
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from boruta import BorutaPy
from scipy import stats
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from statsmodels.stats.multitest import multipletests

SEED = 31
ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "crates" / "fi-core" / "tests" / "golden" / "selection.json"


def multiple_testing(rng):
    cases = []
    lists = [rng.uniform(0, 1, n) ** 2 for n in (1, 7, 25)]
    lists += [np.repeat(rng.uniform(0, 0.2, 4), 3), np.array([0.0, 1.0, 0.05, 0.0, 0.05])]
    lists += [np.round(rng.uniform(0, 0.1, 12), 2)]
    for p in lists:
        case = {"p": p.tolist()}
        for method in ["bonferroni", "holm", "fdr_bh", "fdr_by"]:
            case[method] = multipletests(p, method=method)[1].tolist()
        cases.append(case)
    return cases


def ridge_table(rng):
    rows = np.round(rng.normal(size=(40, 7)), 3)
    rows[:, 5] = np.round(rows[:, 0] + 0.5 * rng.normal(size=40), 3)
    beta = np.array([2.0, -1.0, 0.5, 0.0, 0.1, 0.0, -0.2])
    return rows, np.round(rows @ beta + rng.normal(size=40), 3)


def elimination(rng):
    rows, target = ridge_table(rng)
    model, folds = Ridge(alpha=1.5), KFold(4)
    cases = []
    for step, n_features in [(1, 3), (3, 2), (0.3, 1), (0.05, 7)]:
        rfe = RFE(model, n_features_to_select=n_features, step=step).fit(rows, target)
        cases.append({"step": step, "n_features": n_features, "ranking": rfe.ranking_.tolist()})
    found = []
    for step, least in [(1, 1), (2, 2), (0.3, 3)]:
        rfecv = RFECV(
            model, step=step, min_features_to_select=least, cv=folds,
            scoring="neg_mean_squared_error",
        ).fit(rows, target)
        results = rfecv.cv_results_
        found.append({
            "step": step,
            "least": least,
            "n_features": results["n_features"].tolist(),
            "folds": [(-results[f"split{k}_test_score"]).tolist() for k in range(4)],
            "chosen": int(rfecv.n_features_),
            "ranking": rfecv.ranking_.tolist(),
        })
    thresholds = []
    for threshold, most in [
        ("mean", None), ("median", None), ("1.25*median", None), ("0.1*mean", 3), (0.4, None),
    ]:
        selector = SelectFromModel(model, threshold=threshold, max_features=most)
        selector.fit(rows, target)
        thresholds.append({
            "threshold": threshold,
            "max": most,
            "value": float(selector.threshold_),
            "chosen": np.flatnonzero(selector.get_support()).tolist(),
        })
    return {
        "rows": rows.tolist(),
        "target": target.tolist(),
        "alpha": 1.5,
        "rfe": cases,
        "rfecv": found,
        "select_from_model": thresholds,
    }


class Recorded(BorutaPy):
    """boruta_py that keeps, and works with, each round's importances in six digits."""

    def _add_shadows_get_imps(self, X, y, dec_reg):
        real, shadows = super()._add_shadows_get_imps(X, y, dec_reg)
        real, shadows = np.round(real, 6), np.round(shadows, 6)
        alive = ~np.isnan(real)
        self.rounds.append({"players": np.flatnonzero(alive).tolist(),
                            "importances": real[alive].tolist(), "shadows": shadows.tolist()})
        return real, shadows

    def _do_tests(self, dec_reg, hit_reg, _iter):
        dec_reg = super()._do_tests(dec_reg, hit_reg, _iter)
        self.rounds[-1]["decisions"] = dec_reg.tolist()
        self.rounds[-1]["hits"] = hit_reg.tolist()
        return dec_reg


def boruta(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(60, 7))
    target = 2 * rows[:, 0] + rows[:, 1] + 0.45 * rows[:, 2] + rng.normal(size=60)
    # One feature of many: after five rounds the false discovery rate holds it back.
    wide = rng.normal(size=(60, 12))
    cases = []
    for two_step, perc, alpha, max_iter, rows, target in [
        (False, 100, 0.01, 31, rows, target),
        (True, 100, 0.05, 31, rows, target),
        (True, 80, 0.05, 14, rows, target),
        (False, 90, 0.2, 8, rows, target),
        (True, 100, 0.2, 8, wide, 2 * wide[:, 0] + rng.normal(size=60)),
    ]:
        forest = RandomForestRegressor(n_estimators=25, max_depth=4)
        selector = Recorded(forest, n_estimators=25, two_step=two_step, perc=perc, alpha=alpha,
                            max_iter=max_iter, random_state=seed)
        selector.rounds = []
        selector.fit(rows, target)
        cases.append({
            "two_step": two_step,
            "perc": perc,
            "alpha": alpha,
            "n_features": rows.shape[1],
            "n_rounds": max_iter - 1,
            "rounds": selector.rounds,
            "confirmed": np.flatnonzero(selector.support_).tolist(),
            "weak": np.flatnonzero(selector.support_weak_).tolist(),
        })
    return cases


def stability(rng):
    cases = []
    for n_sets, n_features, share in [(5, 6, 0.5), (10, 8, 0.2), (2, 3, 0.5)]:
        sets = (rng.uniform(size=(n_sets, n_features)) < share + 0.4 * (np.arange(n_features) % 2))
        z = sets.astype(float)
        m, d = z.shape
        p, k = z.mean(axis=0), z.sum(axis=1)
        size = k.mean()
        chance = size / d * (1 - size / d)
        value = 1 - (m / (m - 1) * p * (1 - p)).mean() / chance
        parts = (z @ p / d - k * size / d**2
                 + value / 2 * (2 * size * k / d**2 - k / d - size / d + 1)) / chance
        variance = 4 / m**2 * ((parts - parts.mean()) ** 2).sum()
        half = stats.norm.ppf(0.975) * np.sqrt(variance)
        cases.append({"sets": sets.tolist(), "value": value, "low": value - half,
                      "high": value + half})
    return cases


def nulls(rng):
    cases = []
    for name, null in [
        ("normal", rng.normal(1.0, 0.5, 40)),
        ("log-normal", rng.lognormal(-1.0, 0.7, 40)),
        ("gamma", rng.gamma(2.5, 0.4, 40)),
        ("gamma", rng.gamma(0.3, 2.0, 40)),
        ("gamma", rng.gamma(400.0, 0.01, 40)),
    ]:
        if name == "normal":
            fitted = stats.norm(null.mean(), null.std(ddof=1))
        elif name == "log-normal":
            logs = np.log(null)
            fitted = stats.lognorm(logs.std(), scale=np.exp(logs.mean()))
        else:
            shape, _, scale = stats.gamma.fit(null, floc=0)
            fitted = stats.gamma(shape, scale=scale)
        value = float(null.max() * 1.3)
        cases.append({
            "null": name,
            "values": null.tolist(),
            "value": value,
            "p": float(fitted.sf(value)),
            "fit": float(stats.kstest(null, fitted.cdf).pvalue),
        })
    return cases


def main():
    rng = np.random.default_rng(SEED)
    packages = ["boruta", "numpy", "scikit-learn", "scipy", "statsmodels"]
    golden = {
        "versions": {name: version(name) for name in packages},
        "multiple_testing": multiple_testing(rng),
        "elimination": elimination(rng),
        "boruta": boruta(4),
        "stability": stability(rng),
        "nulls": nulls(rng),
    }
    OUTPUT.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
