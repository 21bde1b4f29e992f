//! What is compared of the methods that only predict, and with whom.

use crate::peers::works::{Environment, Peer, Work};

const fn peer(name: &'static str, title: &'static str) -> Peer {
    Peer { name, title, environment: Environment::BlackBox }
}

const SKLEARN: Peer = peer("sklearn", "scikit-learn 1.9.1");
const SHAP: Peer = peer("shap", "shap 0.54.1");
const SAGE: Peer = peer("sage", "sage-importance 0.0.6");
const LIME: Peer = peer("lime", "lime 0.2.0.1");
const HIDIMSTAT: Peer = peer("hidimstat", "HiDimStat 0.4.0 CFI");
const FIPPY: Peer = peer("fippy", "fippy 0.2.0");
const LOFO: Peer = peer("lofo", "lofo-importance 0.3.5 on scikit-learn 1.9.1");

const fn work(
    name: &'static str,
    title: &'static str,
    rows: usize,
    peer: Peer,
    at_least: f64,
) -> Work {
    Work { name, title, rows, peer, peer_rows: rows, repetitions: 5, at_least }
}

const fn times(repetitions: usize, work: Work) -> Work {
    Work { repetitions, ..work }
}

/// Shares are small differences of times that scatter by some per cent: medians of many.
const fn share(name: &'static str, title: &'static str, rows: usize, peer: Peer) -> Work {
    times(25, work(name, title, rows, peer, 1.0))
}

/// How many rows the table of the breast cancer data has.
const TABLE: usize = 569;

/// The pieces of work, in the order of their table. Of `black_box` the share of the time beyond the
/// model is asked for; `first_layer` is the same from inside the network, where the model alone is
/// not timed; `shared` is LIME with the samples of all rows drawn and predicted once.
pub const BLACK_BOX: &[Work] = &[
    share(
        "black_box:permutation-network",
        "permutation importance, 30-64-64 network",
        TABLE,
        SKLEARN,
    ),
    share("black_box:permutation-forest", "permutation importance, forest", TABLE, SKLEARN),
    share("black_box:kernel-network", "KernelSHAP, 2,048 coalitions × 100 rows, network", 10, SHAP),
    share("black_box:kernel-forest", "KernelSHAP, forest", 2, SHAP),
    share("black_box:kernel_equal-network", "KernelSHAP, equal rates, network", 10, SHAP),
    share("black_box:kernel_equal-forest", "KernelSHAP, equal rates, forest", 2, SHAP),
    share(
        "black_box:walks-network",
        "permutation SHAP, 20 permutations × 100 rows, network",
        10,
        SHAP,
    ),
    share("black_box:walks-forest", "permutation SHAP, forest", 2, SHAP),
    times(
        9,
        work(
            "black_box:sage-network",
            "SAGE to a tolerance of 0.025, 100 background rows, network",
            TABLE,
            SAGE,
            1.0,
        ),
    ),
    times(9, work("black_box:sage-forest", "SAGE, forest", TABLE, SAGE, 1.0)),
    work(
        "first_layer:permutation-network",
        "permutation importance, first layer once",
        TABLE,
        SKLEARN,
        1.0,
    ),
    work("first_layer:kernel-network", "KernelSHAP, first layer once", 10, SHAP, 1.0),
    work("first_layer:walks-network", "permutation SHAP, first layer once", 10, SHAP, 1.0),
    work("lime:lime-network", "LIME, 5,000 samples, one row, network", 1, LIME, 3.0),
    work("lime:lime-forest", "LIME, one row, forest", 1, LIME, 3.0),
    times(
        3,
        work("lime_rows:lime-network", "LIME, each row its own samples, network", 100, LIME, 3.0),
    ),
    times(
        3,
        work("lime_rows:lime-forest", "LIME, each row its own samples, forest", 100, LIME, 3.0),
    ),
    times(3, work("lime_shared:lime-network", "LIME, rows share samples, network", 100, LIME, 3.0)),
    times(3, work("lime_shared:lime-forest", "LIME, rows share samples, forest", 100, LIME, 3.0)),
    work(
        "conditional:gaussian-network",
        "conditional permutation, linear-Gaussian, 5 repeats, network",
        TABLE,
        HIDIMSTAT,
        5.0,
    ),
    work("conditional:gaussian-forest", "conditional permutation, forest", TABLE, HIDIMSTAT, 5.0),
    times(
        3,
        work("conditional:gaussian-network", "conditional permutation, network", TABLE, FIPPY, 5.0),
    ),
    times(
        3,
        work("conditional:gaussian-forest", "conditional permutation, forest", TABLE, FIPPY, 5.0),
    ),
    times(
        3,
        work("lofo:forest", "LOFO, forest of 100 trees, 4,000 × 20, 5 folds", 4_000, LOFO, 4.0),
    ),
];
