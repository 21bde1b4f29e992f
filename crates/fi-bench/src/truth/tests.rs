//! The problems against closed forms and brute force, and the study against its own files.

use std::fs;
use std::path::Path;

use fi_core::{Dataset, Rng, Run};

use super::problem::Problem;
use super::worth::Quantity;
use super::*;

fn named(name: &str) -> Problem {
    problems().into_iter().find(|problem| problem.name == name).unwrap()
}

/// Columns of drawn rows.
fn drawn(problem: &Problem, n: usize) -> Dataset {
    problem.draw(&mut Rng::new(7, 0), n).unwrap()
}

fn correlation(data: &Dataset, a: usize, b: usize) -> f64 {
    crate::compare::correlation(data.rows().column(a), data.rows().column(b))
}

/// The total effects by what they say: draw a row, draw one of its inputs again, given the others,
/// and take half the mean square of the change (Jansen 1999).
fn by_monte_carlo(problem: &Problem, n: usize, again: impl Fn(&mut Rng, &mut [f64], usize)) {
    let effects = problem.effects.clone().unwrap();
    let mut rng = Rng::new(1, 0);
    let rows: Vec<Vec<f64>> = (0..n).map(|_| (problem.inputs)(&mut rng)).collect();
    let signal: Vec<f64> = rows.iter().map(|row| (problem.signal)(row)).collect();
    let mean = signal.iter().sum::<f64>() / n as f64;
    let variance = signal.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n as f64;
    for (column, effect) in effects.iter().enumerate() {
        let mut half = Vec::with_capacity(n);
        for (row, y) in rows.iter().zip(&signal) {
            let mut other = row.clone();
            again(&mut rng, &mut other, column);
            half.push((y - (problem.signal)(&other)).powi(2) / 2.0 / variance);
        }
        let found = half.iter().sum::<f64>() / n as f64;
        let spread = half.iter().map(|h| (h - found).powi(2)).sum::<f64>() / n as f64;
        // The variance is estimated too: half a per cent on top.
        let bound = 4.5 * (spread / n as f64).sqrt() + 0.02 * effect;
        assert!((found - effect).abs() <= bound, "{}, {column}: {found} {effect}", problem.name);
    }
}

/// Independent inputs are drawn again as they were drawn.
fn independent(problem: &Problem) -> impl Fn(&mut Rng, &mut [f64], usize) + use<> {
    let inputs = problem.inputs;
    move |rng, row, column| {
        // What is padded stays padded; what is there is drawn until it is there again.
        while !row[column].is_nan() {
            let value = inputs(rng)[column];
            if !value.is_nan() {
                row[column] = value;
                break;
            }
        }
    }
}

#[test]
fn true_effects_are_those_of_brute_force() {
    for problem in problems() {
        match problem.name {
            // The square of Student's t has no variance that a mean could be judged by.
            "correlated" | "blocks" | "copies" | "missing" | "heavy-tails" => {}
            "sparse" => by_monte_carlo(&problem, 2_000, independent(&problem)),
            _ => by_monte_carlo(&problem, 10_000, independent(&problem)),
        }
    }
}

#[test]
fn shuffled_inputs_are_worth_what_shuffling_does() {
    let mut n_known = 0;
    for problem in problems() {
        let Some(worth) = &problem.worth else { continue };
        n_known += 1;
        let n = 10_000;
        let mut rng = Rng::new(5, 0);
        for (column, expected) in worth.of(Quantity::Shuffled).into_iter().enumerate() {
            let mut squares = Vec::with_capacity(n);
            for _ in 0..n {
                let row = (problem.inputs)(&mut rng);
                let mut other = row.clone();
                other[column] = (problem.inputs)(&mut rng)[column];
                squares.push(((problem.signal)(&row) - (problem.signal)(&other)).powi(2));
            }
            let found = squares.iter().sum::<f64>() / n as f64;
            let spread = squares.iter().map(|s| (s - found).powi(2)).sum::<f64>() / n as f64;
            let bound = 4.5 * (spread / n as f64).sqrt();
            assert!((found - expected).abs() <= bound, "{} {column} {found}", problem.name);
        }
    }
    assert_eq!(n_known, 7);
}

#[test]
fn values_are_lost_where_they_are_large_and_categories_are_whole_numbers() {
    let data = drawn(&named("missing"), 4_000);
    let lost = |column: usize| {
        data.rows().column(column).iter().filter(|x| x.is_nan()).count() as f64 / 4_000.0
    };
    // Half of the mass is above ½ − a bit: E of 1 / (1 + exp(1 − 2 z)) is .35.
    for (column, share) in [(0, 0.35), (1, 0.3), (2, 0.0), (3, 0.35), (7, 0.0)] {
        assert!((lost(column) - share).abs() < 0.03, "{column} {}", lost(column));
    }
    let kept: Vec<f64> = data.rows().column(3).iter().copied().filter(|x| !x.is_nan()).collect();
    assert!(kept.iter().sum::<f64>() / (kept.len() as f64) < -0.3);
    let data = drawn(&named("categories"), 500);
    assert_eq!(data.categorical(), [0, 3]);
    assert!(data.rows().column(3).iter().any(|x| *x > 40.0));
}

#[test]
fn correlated_inputs_have_the_effect_of_what_only_they_know() {
    // Given its neighbours, a column of an autoregressive row is normal around
    // ρ (left + right) / (1 + ρ²), at the ends around ρ times the neighbour.
    let again = |rng: &mut Rng, row: &mut [f64], i: usize| {
        let rho: f64 = 0.7;
        let neighbours = [i.checked_sub(1).map(|j| row[j]), row.get(i + 1).copied()];
        let (mean, variance) = match neighbours {
            [Some(left), Some(right)] => {
                let scale = 1.0 + rho * rho;
                (rho * (left + right) / scale, (1.0 - rho * rho) / scale)
            }
            [a, b] => (rho * a.or(b).unwrap(), 1.0 - rho * rho),
        };
        row[i] = mean + variance.sqrt() * rng.normal();
    };
    by_monte_carlo(&named("correlated"), 10_000, again);
}

#[test]
fn drawn_rows_have_the_moments_of_their_closed_forms() {
    let n = 20_000;
    let data = drawn(&named("correlated"), n);
    for (a, b, expected) in [(0, 1, 0.7), (2, 4, 0.49), (0, 9, 0.7_f64.powi(9))] {
        // The standard error of a correlation is below 1/√n.
        let found = correlation(&data, a, b);
        assert!((found - expected).abs() < 4.0 / (n as f64).sqrt(), "{a} {b} {found}");
    }
    let data = drawn(&named("copies"), n);
    let expected = 1.0 / 1.01_f64.sqrt();
    assert!((correlation(&data, 0, 1) - expected).abs() < 1e-3);
    assert!((correlation(&data, 1, 2) - 1.0 / 1.01).abs() < 1e-3);
    assert!(correlation(&data, 0, 3).abs() < 0.03);

    // Var of the target: 4 + 1 + 1 of the copies, 55 + 4 of the sparse, 1.25 + 0.09 of the moments.
    for (name, expected) in [("copies", 6.0), ("sparse", 59.0), ("moment-values", 1.34)] {
        let data = drawn(&named(name), n);
        let target = ndarray::ArrayView1::from(data.target().values().unwrap()).var(1.0);
        // A variance of normals has the relative standard error √(2/n).
        assert!((target / expected - 1.0).abs() < 4.5 * (2.0 / n as f64).sqrt(), "{name} {target}");
    }
    // Friedman's problem has the mean 10 E[sin] + 20/12 + 7.5 and uniform columns.
    let data = drawn(&named("friedman-1"), n);
    assert!((data.rows().column(9).mean().unwrap() - 0.5).abs() < 0.01);
    assert!((data.rows().column(9).var(1.0) * 12.0 - 1.0).abs() < 0.03);
}

#[test]
fn classes_follow_their_probabilities_and_no_single_sign_tells() {
    let n = 20_000;
    for (name, n_used) in [("xor", 2), ("parity-3", 3)] {
        let data = drawn(&named(name), n);
        let labels = data.target().labels().unwrap();
        let share = |keep: &dyn Fn(&[f64]) -> bool| {
            let rows = data.rows();
            let chosen: Vec<usize> =
                (0..n).filter(|&i| keep(&rows.row(i).to_vec())).map(|i| labels[i]).collect();
            chosen.iter().sum::<usize>() as f64 / chosen.len() as f64
        };
        let of_product = share(&|row| row[..n_used].iter().product::<f64>() > 0.0);
        assert!((of_product - 0.95).abs() < 0.01, "{name} {of_product}");
        assert!((share(&|row| row[0] > 0.0) - 0.5).abs() < 0.02);
    }
}

#[test]
fn padding_is_missing_values_at_the_end_and_hides_nothing() {
    let problem = named("padded");
    let data = drawn(&problem, 500);
    let sequence = problem.sequence.as_ref().unwrap();
    let mut lengths = Vec::new();
    for row in data.rows().rows() {
        let steps = row.exact_chunks(sequence.channels().len());
        let there: Vec<bool> =
            steps.into_iter().map(|step| step.iter().all(|x| !x.is_nan())).collect();
        let length = there.iter().take_while(|there| **there).count();
        assert!(there[length..].iter().all(|there| !there));
        assert_eq!(row.iter().filter(|x| x.is_nan()).count(), (10 - length) * 4);
        lengths.push(length);
    }
    assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&6), Some(&10)));
}

#[test]
fn levels_group_columns_and_add_up_effects() {
    let levels = named("moment-values").levels().unwrap();
    let [features, channels, steps] = &levels[..] else { panic!("three levels") };
    assert_eq!(features.players.names()[4 * 3 + 1], "c1[3]");
    assert_eq!(features.relevant.iter().filter(|relevant| **relevant).count(), 5);
    assert_eq!(channels.players.names(), ["c0", "c1", "c2", "c3"]);
    assert_eq!(channels.relevant, [false, true, true, false]);
    let effects = channels.effects.as_ref().unwrap();
    assert!((effects[1] - 0.8).abs() < 1e-12 && (effects[2] - 0.2).abs() < 1e-12);
    assert_eq!(steps.players.members(3), [12, 13, 14, 15]);
    let relevant: Vec<usize> = (0..10).filter(|&step| steps.relevant[step]).collect();
    assert_eq!(relevant, [3, 4, 5, 7, 8]);
    // Probabilities are not additive: channels of classes have no effects.
    assert!(named("moment-classes").levels().unwrap()[1].effects.is_none());
}

#[test]
fn negligible_inputs_of_friedman_count_as_null() {
    let relevant = |name: &str| named(name).relevant;
    assert_eq!(relevant("friedman-2"), [false, true, true, false, false, false, false, false]);
    assert_eq!(relevant("friedman-3"), [true, true, true, false, false, false, false, false]);
}

fn tiny() -> Settings {
    Settings {
        problems: ["copies", "padded"].map(String::from).to_vec(),
        n_seeds: Some(1),
        quick: true,
        ..Settings::default()
    }
}

fn written(n_threads: usize, folder: &Path) -> Study {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    let study = pool.install(|| Study::run(&Run::new(0), &tiny(), None, None)).unwrap();
    study.write(folder).unwrap();
    study
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_folder_holds_together_on_any_number_of_threads_and_a_forged_number_does_not_pass() {
    let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let study = written(1, one.path());
    written(3, three.path());
    let files = contents(one.path());
    // AUC, recall and Spearman of all models, as SVG and PNG.
    assert_eq!(files.len(), 8 + 2 * 15);
    for (a, b) in files.iter().zip(contents(three.path())) {
        assert!(*a == b, "{} differs between 1 and 3 threads", a.0);
    }
    let checked = check(one.path()).unwrap();
    assert_eq!((checked.texts, checked.figures), (8, 15));
    assert_eq!(checked.replicates, study.replicates.len());
    // What reads weights has no columns in an LSTM, but channels; what follows paths has neither.
    let scored = |model: &str, method: &str, level: &str| {
        let same = |r: &&Replicate| r.model == model && r.method == method && r.level == level;
        study.replicates.iter().filter(same).count()
    };
    assert_eq!((scored("mlp", "VIANN", "features"), scored("mlp", "VIANN", "channels")), (2, 1));
    assert_eq!((scored("lstm", "VIANN", "features"), scored("lstm", "VIANN", "channels")), (0, 1));
    assert_eq!((scored("mlp", "Garson", "steps"), scored("lstm", "Garson", "channels")), (1, 0));
    assert_eq!(scored("lstm", "LRP-ε", "steps"), 1);
    // What looks into trees or coefficients has found its own, and nothing else.
    assert_eq!(
        (scored("forest", "MDI", "features"), scored("boosting", "MDI", "features")),
        (2, 0)
    );
    assert_eq!(
        (scored("boosting", "total gain", "steps"), scored("mlp", "TreeSHAP", "steps")),
        (1, 0)
    );
    assert_eq!(
        (scored("linear", "coefficients", "channels"), scored("linear", "VIANN", "features")),
        (1, 0)
    );

    for name in ["truth.csv", "spread.csv", "problems.csv", "report.md", "auc-mlp.svg"] {
        let path = one.path().join(name);
        let bytes = fs::read(&path).unwrap();
        let mut forged = bytes.clone();
        let digit = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
        forged[digit] = if forged[digit] == b'7' { b'3' } else { b'7' };
        fs::write(&path, forged).unwrap();
        let error = format!("{:#}", check(one.path()).err().unwrap());
        fs::write(&path, bytes).unwrap();
        assert!(error.starts_with(name), "{name}: {error}");
    }
}

#[test]
fn kept_cells_are_read_again_and_those_of_another_build_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = |build: &str, clock: Option<Clock<'_>>| {
        let cells = Cells { folder: folder.path(), build: build.to_owned() };
        let (problems, models) = (vec!["copies".to_owned()], vec!["mlp".to_owned()]);
        let settings = Settings { models, problems, ..tiny() };
        Study::run(&Run::new(0), &settings, Some(&cells), clock).unwrap()
    };
    let now = || 0.0;
    let timed = run("a", Some(&now));
    assert_eq!(timed.skills[0].seconds, Some(0.0));
    // A study without a clock shows no seconds, whatever was kept.
    let read = run("a", None);
    assert!(read.replicates.iter().all(|replicate| replicate.seconds.is_none()));
    assert_eq!(read.skills[0].score.to_bits(), timed.skills[0].score.to_bits());

    // A mark in the file shows that it was read.
    let files = contents(folder.path());
    assert_eq!(files.len(), 1);
    let path = folder.path().join(&files[0].0);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"copies\"", "\"marked\"")).unwrap();
    let cells = Cells { folder: folder.path(), build: "a".to_owned() };
    let (problems, models) = (vec!["copies".to_owned()], vec!["mlp".to_owned()]);
    let settings = Settings { models, problems, ..tiny() };
    let error = Study::run(&Run::new(0), &settings, Some(&cells), None).err().unwrap();
    assert_eq!(error.to_string(), "there is no `features` of `marked`");
    let other = run("b", None);
    assert_eq!(other.skills[0].problem, "copies");
    assert_eq!(contents(folder.path()).len(), 2);
}

#[test]
fn a_bad_setting_gets_its_own_sentence() {
    let error = |settings: &Settings| {
        Study::run(&Run::new(0), settings, None, None).err().unwrap().to_string()
    };
    let models = vec!["oracle".to_owned()];
    let text = error(&Settings { models, ..tiny() });
    assert!(text.starts_with("there is no model `oracle`, take some of forest"), "{text}");
    let problems = vec!["flowers".to_owned()];
    let text = error(&Settings { problems, ..tiny() });
    assert!(text.starts_with("there is no problem `flowers`, take some of friedman-1, "), "{text}");
    let none = Settings { n_seeds: Some(0), ..tiny() };
    assert_eq!(error(&none), "the number of seeds is 0, it must be at least 1");
}

#[test]
fn the_documents_are_drawn_from_their_tables() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/truth");
    let (report, pictures) = super::check::recorded(&folder).unwrap().drawn().unwrap();
    let again = "run `cargo xtask compare truth --redraw --output docs/truth`";
    for (name, text) in pictures.iter().chain([&("report.md".to_owned(), report.clone())]) {
        let kept = fs::read_to_string(folder.join(name)).unwrap();
        assert!(kept == *text, "{name} is not what its tables say: {again}");
    }
    assert!(
        report.contains("with 10 seeds each at 200 and 2000 training rows and 2 at 20000, the")
    );
    assert!(report.contains("\n| SHAP (lstm) | "), "the LSTM has a table of two sizes");
}
