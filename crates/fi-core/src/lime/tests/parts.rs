//! Drawing, selecting and comparing, each on its own.

use ndarray::{Array2, array};

use super::super::columns::{Around, Column, Discretizer, MISSING};
use super::super::explanation::{coefficients_index, variables_index};
use super::super::local::{Centred, LocalFit, Moments, Ridge};
use super::super::select::Selection;
use crate::{Dataset, Rng, Target};

fn one_column(values: Vec<f64>) -> Dataset {
    let n_rows = values.len();
    let rows = Array2::from_shape_vec((n_rows, 1), values).unwrap();
    let data = Dataset::new(rows, Target::Values(vec![0.0; n_rows])).unwrap();
    data.with_feature_names(["x"]).unwrap()
}

fn draws(column: &Column, n: usize) -> Vec<(f64, f64)> {
    let mut rng = Rng::new(1, 0);
    let one = |_| {
        let draw = column.draw(Around::Mean, &mut rng);
        (draw.value, draw.state)
    };
    (0..n).map(one).collect()
}

#[test]
fn a_bin_is_drawn_as_a_normal_cut_off_at_its_ends() {
    // Narrow bins, and a wide one at the end.
    let values = [0.0, 0.2, 0.9, 1.0, 1.1, 1.2, 1.8, 2.0, 2.5, 3.0, 4.0, 6.0, 6.0, 6.5, 7.0, 30.0];
    let column = Column::new(&one_column(values.to_vec()), 0, Discretizer::Quartiles);
    let Column::Bins { bins, borders, shares, .. } = &column else { unreachable!("quartiles") };
    let n = 40_000;
    let drawn = draws(&column, n);
    for (place, bin) in bins.iter().enumerate() {
        let inside: Vec<f64> =
            drawn.iter().filter(|(_, state)| *state == place as f64).map(|(x, _)| *x).collect();
        assert!(inside.iter().all(|&x| column.state(x) == place as f64 || x == borders[0]));
        // The mean and the share by a sum over a grid.
        let (low, high) = (bin.mean + bin.std * bin.low, bin.mean + bin.std * bin.high);
        let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
        for step in 0..20_000 {
            let x = low + (high - low) * (f64::from(step) + 0.5) / 20_000.0;
            let density = (-0.5 * ((x - bin.mean) / bin.std).powi(2)).exp();
            total += density;
            first += density * x;
            second += density * x * x;
        }
        let (mean, count) = (first / total, inside.len() as f64);
        let std = (second / total - mean * mean).sqrt();
        let found = inside.iter().sum::<f64>() / count;
        assert!(
            (found - mean).abs() < 4.5 * std / count.sqrt(),
            "bin {place}: {found}, not {mean}"
        );
        let squares: f64 = inside.iter().map(|x| (x - found).powi(2)).sum();
        assert!(((squares / count).sqrt() / std - 1.0).abs() < 0.04, "bin {place}");
        let (share, expected) = (count / n as f64, shares.each()[place]);
        assert!((share - expected).abs() < 0.01, "bin {place} is drawn {share}, not {expected}");
    }
}

#[test]
fn a_bin_of_one_value_gives_that_value() {
    // lime gives 0 there.
    let constant = Column::new(&one_column(vec![7.5; 9]), 0, Discretizer::Quartiles);
    assert!(draws(&constant, 50).iter().all(|draw| *draw == (7.5, 0.0)));
    assert_eq!(constant.condition("x", 7.5), "x ≤ 7.5");
    let normal = Discretizer::Continuous(Around::Mean);
    let constant = Column::new(&one_column(vec![7.5; 9]), 0, normal);
    assert!(draws(&constant, 50).iter().all(|draw| *draw == (7.5, 0.0)));
    assert_eq!(constant.state(8.5), 1.0);
    // Half of the rows are 1, so that the first bin is `x ≤ 1`.
    let counts = vec![1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let column = Column::new(&one_column(counts), 0, Discretizer::Quartiles);
    assert!(draws(&column, 200).iter().all(|(value, state)| *state != 0.0 || *value == 1.0));
}

#[test]
fn missing_is_a_state_drawn_by_its_share() {
    let mut values: Vec<f64> = (0..30).map(f64::from).collect();
    values.extend([f64::NAN; 10]);
    let share = |column: &Column| {
        let missing = draws(column, 20_000).iter().filter(|(value, _)| value.is_nan()).count();
        missing as f64 / 20_000.0
    };
    for discretizer in [Discretizer::Deciles, Discretizer::Continuous(Around::Mean)] {
        let column = Column::new(&one_column(values.clone()), 0, discretizer);
        assert!((share(&column) - 0.25).abs() < 0.015);
        assert_eq!(column.condition("x", f64::NAN), "x is missing");
    }
    let bins = Column::new(&one_column(values), 0, Discretizer::Deciles);
    assert_eq!(bins.state(f64::NAN), MISSING);
    // A category that is missing, and a column that always is.
    let data = one_column(vec![2.0, f64::NAN, 2.0, f64::NAN]).with_categorical([0]).unwrap();
    let column = Column::new(&data, 0, Discretizer::Quartiles);
    assert!((share(&column) - 0.5).abs() < 0.02);
    assert_eq!(column.condition("x", 2.0), "x = 2");
    for discretizer in [Discretizer::Quartiles, Discretizer::Continuous(Around::Mean)] {
        let column = Column::new(&one_column(vec![f64::NAN; 3]), 0, discretizer);
        assert_eq!(share(&column), 1.0);
    }
    let never = Column::new(&one_column(vec![f64::NAN; 3]), 0, Discretizer::Quartiles);
    assert_ne!(never.state(1.0), never.state(f64::NAN));
    assert_eq!(never.condition("x", 1.0), "x is not missing");
}

#[test]
fn weights_are_how_often_a_row_counts() {
    let weighted = one_column(vec![0.0, 5.0, 1.0, 2.0]);
    let weighted = weighted.with_weights(vec![2.0, 1.0, 2.0, 1.0]).unwrap();
    let repeated = one_column(vec![0.0, 0.0, 5.0, 1.0, 1.0, 2.0]);
    let normal = Discretizer::Continuous(Around::Mean);
    let (a, b) = (Column::new(&weighted, 0, normal), Column::new(&repeated, 0, normal));
    let (Column::Normal { mean: m, std: s, .. }, Column::Normal { mean, std, .. }) = (a, b) else {
        unreachable!("both are normals")
    };
    assert!((m - mean).abs() < 1e-14 && (s - std).abs() < 1e-14);
    let categories = |data: Dataset| {
        let column = Column::new(&data.with_categorical([0]).unwrap(), 0, normal);
        let Column::Categories { shares, .. } = column else { unreachable!("categories") };
        shares.each()
    };
    let (a, b) = (categories(weighted.clone()), categories(repeated));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-14), "{a:?} {b:?}");
    let Column::Bins { borders, shares, .. } = Column::new(&weighted, 0, Discretizer::Quartiles)
    else {
        unreachable!("quartiles")
    };
    // Of weights with the mean 1 the values take 4/3, 4/3, 2/3 and 2/3 places.
    assert_eq!(borders, [0.0, 0.5, 1.25]);
    assert!((shares.each()[0] - 2.0 / 6.0).abs() < 1e-14);
}

#[test]
fn borders_read_short_and_differ() {
    let column =
        |values: [f64; 5]| Column::new(&one_column(values.to_vec()), 0, Discretizer::Quartiles);
    let plain = column([0.0, 1.0 / 3.0, 4.35, 6.0, 9.0]);
    assert_eq!(plain.condition("x", -1.0), "x ≤ 0.3333");
    assert_eq!(plain.condition("x", 1.0 / 3.0), "x ≤ 0.3333");
    assert_eq!(plain.condition("x", 2.0), "0.3333 < x ≤ 4.35");
    assert_eq!(plain.condition("x", 7.0), "x > 6");
    let near = column([0.0, 100.123_41, 100.123_42, 1_234_567.0, 2e6]);
    assert_eq!(near.condition("x", 100.123_42), "100.12341 < x ≤ 100.12342");
    assert_eq!(near.condition("x", 2e6), "x > 1234567");
}

/// Correlated samples of three or more players and one output.
fn moments(seed: u64, n_players: usize, width: f64) -> Moments {
    let mut rng = Rng::new(seed, 0);
    let mixing = Array2::from_shape_fn((n_players, n_players), |(i, j)| {
        f64::from(u8::from(i == j)) + 0.7 * rng.normal()
    });
    let players = Array2::from_shape_fn((40, n_players), |_| rng.normal()).dot(&mixing);
    let mut samples = Array2::ones((40, n_players + 2));
    for (i, mut sample) in samples.outer_iter_mut().enumerate() {
        for j in 0..n_players {
            sample[1 + j] = players[[i, j]];
        }
        sample[1 + n_players] =
            players.row(i).sum() + players[[i, 0]] * players[[i, 1]] + rng.normal();
    }
    let mut moments = Moments::new(n_players, 1, width);
    moments.add(&mut samples);
    moments
}

#[test]
fn forward_selection_takes_what_refitting_would() {
    for seed in 0..20 {
        let centred = moments(seed, 6, 5.0).centred();
        let (products, gram) = (centred.with_output(0), centred.gram());
        // What a set explains: β · products.
        let explained = |set: &[usize]| {
            let ridge = Ridge::new(gram, set, 0.0).unwrap();
            let fitted = ridge.coefficients(&products);
            fitted.iter().zip(&products).map(|(a, b)| a * b).sum::<f64>()
        };
        let mut slow: Vec<usize> = Vec::new();
        for n_features in 1..=4 {
            let others = (0..6).filter(|player| !slow.contains(player));
            let with = |player: usize| {
                let mut set = [slow.as_slice(), &[player]].concat();
                set.sort_unstable();
                set
            };
            let best = others.max_by(|&a, &b| explained(&with(a)).total_cmp(&explained(&with(b))));
            slow = with(best.unwrap());
            let chosen = Selection::ForwardSelection.choose(&centred, 0, n_features, &[1.0; 6]);
            assert_eq!(chosen.unwrap(), slow, "seed {seed}");
        }
    }
}

/// The penalties at which the lasso uses exactly the players with a sign, from the conditions of
/// Karush, Kuhn and Tucker: `β = u − penalty · v` on them, and no other product above the penalty.
fn penalties(centred: &Centred, signs: &[f64]) -> (f64, f64) {
    let (gram, products) = (centred.gram(), centred.with_output(0));
    let set: Vec<usize> = (0..signs.len()).filter(|&j| signs[j] != 0.0).collect();
    let ridge = Ridge::new(gram, &set, 0.0).unwrap();
    let (u, v) = (ridge.coefficients(&products), ridge.coefficients(signs));
    let (mut low, mut high) = (0.0_f64, f64::INFINITY);
    let mut at_least_0 = |constant: f64, slope: f64| {
        let root = -constant / slope;
        if slope > 0.0 { low = low.max(root) } else { high = high.min(root) }
    };
    for j in 0..signs.len() {
        if signs[j] == 0.0 {
            let row = gram.row(j);
            let along = |x: &[f64]| row.iter().zip(x).map(|(g, x)| g * x).sum::<f64>();
            let (rest, slope) = (products[j] - along(&u), along(&v));
            at_least_0(-rest, 1.0 - slope);
            at_least_0(rest, 1.0 + slope);
        } else {
            at_least_0(signs[j] * u[j], -signs[j] * v[j]);
        }
    }
    (low, high)
}

#[test]
fn the_lasso_s_path_is_that_of_its_optimality_conditions() {
    let mut turned_back = 0;
    for seed in 0..40 {
        let centred = moments(seed, 5, 6.0).centred();
        // Every set of players with signs that is a piece of the path.
        let mut pieces: Vec<(f64, Vec<usize>)> = Vec::new();
        for code in 0..3_usize.pow(5) {
            let sign = |j: u32| (code / 3_usize.pow(j) % 3) as f64 - 1.0;
            let signs: Vec<f64> = (0..5).map(sign).collect();
            let (low, high) = penalties(&centred, &signs);
            if low < high {
                pieces.push((low, (0..5).filter(|&j| signs[j] != 0.0).collect()));
            }
        }
        pieces.sort_by(|a, b| b.0.total_cmp(&a.0));
        turned_back += usize::from(pieces.len() > 6);
        for n_features in 1..=5 {
            let last = pieces.iter().rfind(|(_, set)| set.len() <= n_features).unwrap();
            let chosen = Selection::LassoPath.choose(&centred, 0, n_features, &[1.0; 5]).unwrap();
            assert_eq!(chosen, last.1, "seed {seed}, {n_features}: {pieces:?}");
        }
    }
    assert!(turned_back > 3, "{turned_back}");
}

fn fit(chosen: &[usize], coefficients: &[f64], std_error: &[f64]) -> LocalFit {
    LocalFit {
        chosen: chosen.to_vec(),
        coefficients: coefficients.to_vec(),
        std_error: std_error.to_vec(),
        at_instance: 0.0,
        r2: 1.0,
    }
}

#[test]
fn the_indices_of_stability_by_hand() {
    let fits = [
        fit(&[0, 1], &[1.0, 2.0, 0.0], &[0.1, 0.1, 0.0]),
        fit(&[0, 1], &[1.3, 2.5, 0.0], &[0.1, 0.1, 0.0]),
        fit(&[0, 2], &[2.0, 0.0, 1.0], &[0.1, 0.0, 0.1]),
    ];
    let fits: Vec<&LocalFit> = fits.iter().collect();
    // Shared: 2, 1 and 1 of 2.
    assert!((variables_index(&fits) - 2.0 / 3.0).abs() < 1e-15);
    // Player 0: intervals reach 0.392, so one pair of three overlaps; player 1: its only pair does
    // not; player 2 has no pair.
    assert!((coefficients_index(&fits) - 1.0 / 6.0).abs() < 1e-15);
    // Selections of different sizes share what the larger one shares.
    let (two, one) = (fit(&[0, 1], &[1.0, 1.0], &[0.1, 0.1]), fit(&[0], &[1.0, 0.0], &[0.1, 0.0]));
    assert_eq!(variables_index(&[&two, &one]), 0.5);
    let none = fit(&[], &[0.0], &[0.0]);
    assert_eq!((variables_index(&[&none, &none]), coefficients_index(&[&none, &none])), (1.0, 1.0));
}

#[test]
fn standard_errors_are_those_of_ridge_regression() {
    // By hand, of one player: σ² C / (C + λ)², with σ² = residual sum / (n − 2).
    let mut samples = array![[1.0, 1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 3.0, 7.0]];
    let mut moments = Moments::new(1, 1, 1e9);
    moments.add(&mut samples);
    // x = 0, 1, 2, 3 and y = 0, 2, 3, 7: C = 5, products 11, squares of y 26.
    let fit = &moments.centred().fit(Selection::All, 1, 1.0, &[1.0]).unwrap()[0];
    let slope = 11.0 / 6.0;
    let residual = 26.0 - 2.0 * slope * 11.0 + slope * slope * 5.0;
    assert!((fit.coefficients[0] - slope).abs() < 1e-12);
    assert!((fit.r2 - (1.0 - residual / 26.0)).abs() < 1e-12);
    assert!((fit.at_instance - (3.0 - 1.5 * slope)).abs() < 1e-12);
    assert!((fit.std_error[0] - (residual / 2.0 * 5.0 / 36.0_f64).sqrt()).abs() < 1e-12);
}

#[test]
fn bins_by_entropy_count_weights_and_leave_missing_values_out() {
    let values = vec![1.0, 2.0, f64::NAN, 3.0, 4.0, f64::NAN];
    let labels = vec![0, 0, 1, 1, 0, 0];
    let names = ["no", "yes"].map(String::from).to_vec();
    let data = one_column(values).with_target(Target::Classes { labels, names }).unwrap();
    let borders = |data: &Dataset| match Column::new(data, 0, Discretizer::Entropy) {
        Column::Bins { borders, .. } => borders,
        _ => panic!("no bins"),
    };
    // 3 alone is of the other class.
    assert_eq!(borders(&data), [2.5, 3.5]);
    // Nothing between neighbours.
    let next = f64::from_bits(1.0_f64.to_bits() + 1);
    let rows = Array2::from_shape_vec((2, 1), vec![1.0, next]).unwrap();
    let names = ["no", "yes"].map(String::from).to_vec();
    let two = Dataset::new(rows, Target::Classes { labels: vec![0, 1], names }).unwrap();
    assert_eq!(borders(&two), [1.0]);
    // A row of weight 3 is three rows.
    let (mut once, mut often) = ((vec![], vec![], vec![]), (vec![], vec![]));
    for i in 0..40 {
        let (value, class, weight) = (i as f64, i * i * 7 % 11 % 2, if i < 20 { 3 } else { 1 });
        once.0.push(value);
        once.1.push(class);
        once.2.push(weight as f64);
        often.0.extend(vec![value; weight]);
        often.1.extend(vec![class; weight]);
    }
    let of = |values: &[f64], labels: &[usize]| {
        let (labels, names) = (labels.to_vec(), ["no", "yes"].map(String::from).to_vec());
        one_column(values.to_vec()).with_target(Target::Classes { labels, names }).unwrap()
    };
    let plain = of(&once.0, &once.1);
    let weighted = borders(&plain.clone().with_weights(once.2).unwrap());
    assert_eq!(weighted, borders(&of(&often.0, &often.1)));
    assert_ne!(weighted, borders(&plain));
}
