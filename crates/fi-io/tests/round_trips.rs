//! What is written is read back with the same bits, and no damage to a file makes us panic.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use fi_core::{Estimand, Importance, Interval, Replicate, Target, Warning};
use fi_io::{
    Cell, CsvOptions, Provenance, Table, importance_rows, read_csv, read_importance,
    read_importance_json, read_npy_1d, read_npy_2d, read_npy_3d, read_table_csv,
    write_importance_csv, write_importance_json, write_npy, write_table_csv,
};
use ndarray::{Array1, Array2, Array3, array};
use proptest::prelude::*;

/// Every finite number, and those that are not; one NaN, because text has only one.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => any::<u64>().prop_map(f64::from_bits).prop_filter("one NaN", |v| !v.is_nan()),
        2 => -1.0..1.0_f64,
        1 => Just(f64::NAN),
        1 => Just(-0.0),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "[ -~äΔж\\n\"',;]{1,12}"]
}

prop_compose! {
    fn importance()(n in 1..6_usize, n_repeats in 0..4_usize)(
        features in proptest::collection::btree_set(name(), n),
        values in proptest::collection::vec(number(), n),
        repeats in proptest::collection::vec(number(), n * n_repeats),
        ends in proptest::collection::vec((number(), number()), n),
        score in proptest::option::of(number()),
        seed in any::<Option<u64>>(),
        n_repeats in Just(n_repeats),
        with_interval in any::<bool>(),
        with_p in any::<bool>()
    ) -> Importance {
        let features: Vec<String> = features.into_iter().collect();
        let n = features.len();
        let mut importance = Importance::new("permutation", &features, values.clone()).unwrap();
        importance.metric = Some("log loss".to_owned());
        importance.replicates = Array2::from_shape_vec((n, n_repeats), repeats).unwrap();
        if n_repeats > 0 {
            importance.std = Some(values.iter().rev().copied().collect());
            importance.replicate_kind = Some(Replicate::Repeat);
        }
        if with_interval {
            importance.interval = Some(Interval {
                estimand: Estimand::ModelOnPopulation,
                confidence: 0.9,
                low: ends.iter().map(|end| end.0).collect(),
                high: ends.iter().map(|end| end.1).collect(),
            });
        }
        importance.p_values = with_p.then(|| vec![0.25; n]);
        importance.score = score;
        importance.constant_score = score.map(|score| -score);
        importance.seed = seed;
        importance.n_evaluations = 77;
        importance.warnings = vec![
            Warning::Note("careful".to_owned()),
            Warning::MetricDidNotMove { metric: "accuracy".to_owned() },
            Warning::NoBetterThanConstant {
                metric: "MSE".to_owned(),
                score: score.unwrap_or(1.0),
                constant: f64::INFINITY,
            },
            Warning::SeenRows { n_seen: 3, n_rows: 10 },
            Warning::GroupsAcrossFolds { n_groups: 2, n_folds: 5 },
            Warning::Correlated {
                clusters: vec![vec!["a".to_owned(), "b".to_owned()]],
                threshold: 0.7,
                strongest: 0.1 + 0.2,
            },
            Warning::FewUnits { n_units: 30, enough: 100 },
            Warning::NoHigherThanProbe {
                probe: -0.5,
                features: vec!["a".to_owned()],
                n_features: 2,
            },
            Warning::MetricTooCoarse { metric: "accuracy".to_owned(), score: 1.0, n_scores: 60 },
        ];
        importance
    }
}

/// `Debug` shows every bit but tells NaN equal to NaN.
fn same<T: std::fmt::Debug>(a: &T, b: &T) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn importance_csv(results in proptest::collection::vec(importance(), 1..3)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.csv");
        write_importance_csv(&path, &results).unwrap();
        let mut expected: Vec<_> = results.iter().flat_map(importance_rows).collect();
        if results.len() == 1 {
            for row in &mut expected {
                row.metric = None;
            }
        }
        let back = read_importance(&path).unwrap();
        prop_assert!(same(&back, &expected), "{back:#?}\n{expected:#?}");
    }

    #[test]
    fn importance_json(results in proptest::collection::vec(importance(), 1..3)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.json");
        write_importance_json(&path, &results, &Provenance::default()).unwrap();
        let back = read_importance_json(&path).unwrap();
        prop_assert!(same(&back, &results), "{back:#?}\n{results:#?}");
    }

    #[test]
    fn npy(values in proptest::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..30)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        let n = values.len();
        let expected = bits(values.clone());
        write_npy(&path, &Array1::from(values.clone())).unwrap();
        prop_assert_eq!(bits(read_npy_1d(&path).unwrap().to_vec()), expected.clone());
        let plane = Array2::from_shape_vec((1, n), values.clone()).unwrap();
        write_npy(&path, &plane.t()).unwrap();
        let back = read_npy_2d(&path).unwrap();
        prop_assert_eq!(back.shape(), [n, 1]);
        prop_assert_eq!(bits(back.into_raw_vec_and_offset().0), expected.clone());
        write_npy(&path, &Array3::from_shape_vec((n, 1, 1), values).unwrap()).unwrap();
        let back = read_npy_3d(&path).unwrap();
        prop_assert_eq!(bits(back.into_raw_vec_and_offset().0), expected);
    }

    #[test]
    fn table(cells in proptest::collection::vec((number(), any::<i64>(), "[a-z ,\"\n]{2,9}"), 1..9)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let mut table = Table::new(["number", "whole", "text", "none"]);
        for (number, whole, text) in cells {
            // Whole numbers, `nan` and `inf` would come back as numbers.
            let text = format!("_{text}");
            table.push([number.into(), Cell::Integer(whole), text.into(), Cell::Empty]);
        }
        write_table_csv(&path, &table).unwrap();
        let back = read_table_csv(&path).unwrap();
        let texts = |table: &Table| {
            table.rows.iter().flatten().map(Cell::text).collect::<Vec<_>>()
        };
        prop_assert_eq!(texts(&back), texts(&table));
        for (back, row) in back.rows.iter().zip(&table.rows) {
            let bits = |cell: &Cell| match cell {
                Cell::Number(value) => value.to_bits(),
                Cell::Integer(value) => (*value as f64).to_bits(),
                other => panic!("{other:?}"),
            };
            // −0 is written `-0`, which is no i64 text, so even its sign comes back.
            prop_assert_eq!(bits(&back[0]), bits(&row[0]));
            prop_assert_eq!(&back[1..], &row[1..]);
        }
    }

    #[test]
    fn data(rows in proptest::collection::vec((number(), -1e300..1e300_f64), 1..9)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        let mut table = Table::new(["x", "y"]);
        for (x, y) in &rows {
            let x = if x.is_infinite() { f64::NAN } else { *x };
            table.push([x.into(), (*y).into()]);
        }
        write_table_csv(&path, &table).unwrap();
        let options = CsvOptions {
            task: Some(fi_io::Task::Regression),
            ..CsvOptions::default()
        };
        let back = read_csv(&path, &options).unwrap();
        for (i, (x, y)) in rows.iter().enumerate() {
            let read = back.rows()[[i, 0]];
            prop_assert!(read.to_bits() == x.to_bits() || (read.is_nan() && !x.is_finite()));
            prop_assert_eq!(back.target().values().unwrap()[i].to_bits(), y.to_bits());
        }
    }
}

fn sample() -> Importance {
    let names = ["a", "b \"c\", d", "Δ"].map(String::from);
    let replicates = array![[0.5, 0.25], [1e-9, f64::NAN], [0.5, 0.25]];
    let kind = Replicate::Repeat;
    let mut importance = Importance::from_replicates("m", &names, replicates, kind).unwrap();
    importance.interval = Some(Interval {
        estimand: Estimand::ModelOnPopulation,
        confidence: 0.95,
        low: vec![0.0; 3],
        high: vec![1.0; 3],
    });
    importance
}

#[test]
fn the_columns_are_those_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.csv");
    let names = ["a", "b", "c"].map(String::from);
    let replicates = array![[0.5, 0.25], [2.0, 0.0], [0.5, 0.25]];
    let mut one = Importance::from_replicates("m", &names, replicates, Replicate::Repeat).unwrap();
    one.metric = Some("accuracy".to_owned());
    write_importance_csv(&path, std::slice::from_ref(&one)).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "feature,importance,std,ci_low,ci_high,p_value,rank,rank_low,rank_high,repeat_0,repeat_1\n\
         b,1,1.4142135623730951,,,,1,1,3,2,0\n\
         a,0.375,0.1767766952966369,,,,2,1,2,0.5,0.25\n\
         c,0.375,0.1767766952966369,,,,3,2,3,0.5,0.25\n"
    );
    let two = Importance::new("m", &names[..1], vec![0.1]).unwrap();
    write_importance_csv(&path, &[one, two]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("metric,feature,importance,"), "{text}");
    assert!(text.ends_with("\n,a,0.1,,,,,1,,,,\n"), "{text}");
}

#[test]
fn no_file_cut_off_anywhere_or_with_one_wrong_byte_makes_us_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let results = [sample(), sample()];
    write_importance_csv(path("i.csv"), &results).unwrap();
    write_importance_json(path("i.json"), &results[..1], &Provenance::default()).unwrap();
    write_npy(path("a.npy"), &array![[1.0, 2.0], [3.0, 4.0]]).unwrap();
    std::fs::write(path("d.csv"), "\u{feff}a,\"b\",y\n1,,x\n\"2\",3e5,\"Ж\"\n").unwrap();
    for name in ["i.csv", "i.json", "a.npy", "d.csv"] {
        let whole = std::fs::read(path(name)).unwrap();
        let damaged = (0..whole.len()).flat_map(|i| {
            let flipped = |bits: u8| {
                let mut bytes = whole.clone();
                bytes[i] ^= bits;
                bytes
            };
            [whole[..i].to_vec(), flipped(0x80), flipped(0x01), flipped(0x10)]
        });
        for bytes in damaged {
            std::fs::write(path("damaged"), &bytes).unwrap();
            let damaged = path("damaged");
            match name {
                "i.csv" => drop(read_importance(&damaged)),
                "i.json" => drop(read_importance_json(&damaged)),
                "a.npy" => {
                    let read = read_npy_2d(&damaged);
                    assert!(read.is_err() || bytes.len() == whole.len());
                }
                _ => drop(read_csv(&damaged, &CsvOptions::default())),
            }
        }
    }
}

#[test]
fn each_bad_result_gets_its_own_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    let json = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let message = read_importance_json(&path).unwrap_err().to_string();
        message.split_once("`: ").unwrap().1.to_owned()
    };
    assert_eq!(
        json(r#"{"format": "other", "schema_version": 1}"#),
        "the format is `other`, expected `fi-importance`"
    );
    assert_eq!(
        json(r#"{"format": "fi-importance", "schema_version": 2}"#),
        "the file has schema version 2, this program reads version 1; use the version of fi that \
         wrote it"
    );
    assert!(json("[").starts_with("this is no JSON result of importance: EOF"));
    write_importance_json(&path, &[sample()], &Provenance::default()).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        json(&whole.replacen("\"ci_low\": 0.0", "\"ci_low\": null", 1)),
        "`ci_low` is there for some features only"
    );
    assert_eq!(
        json(&whole.replacen("\"estimand\": \"model-on-population\"", "\"estimand\": null", 1)),
        "there are intervals, but no `estimand` or no `confidence`"
    );
    let csv = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let message = read_importance(&path).unwrap_err().to_string();
        message.split_once("`, ").unwrap().1.to_owned()
    };
    assert_eq!(
        csv("feature,rank\n"),
        "line 1: there is no column `importance`, this is no result of importance"
    );
    assert_eq!(
        csv("feature,importance\na,high\n"),
        "line 2, column `importance`: `high` is not a number"
    );
    assert_eq!(
        csv("feature,importance,rank\na,1,-3\n"),
        "line 2, column `rank`: `-3` is not a rank, a whole number from 1"
    );
    let nothing = write_importance_csv("x.csv", &[]).unwrap_err().to_string();
    assert_eq!(nothing, "`x.csv` was not written: there is no result, give at least one");
}

#[test]
fn each_bad_table_gets_its_own_sentence() {
    let problem = |table: &Table| table.to_csv("t.csv").unwrap_err().to_string();
    assert_eq!(
        problem(&Table::default()),
        "`t.csv` was not written: the table has no columns, give at least one"
    );
    assert_eq!(
        problem(&Table::new(["a", "a"])),
        "`t.csv` was not written: column 2 is called `a`, give every column its own name"
    );
    let mut table = Table::new(["a", "b"]);
    table.push([Cell::Empty]);
    assert_eq!(problem(&table), "`t.csv` was not written: row 0 has 1 cells, there are 2 columns");
}

#[test]
fn a_data_set_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.csv");
    std::fs::write(&path, "a,b,kind\n1,2,x\n3,,y\n").unwrap();
    let data = read_csv(&path, &CsvOptions::default()).unwrap();
    assert_eq!(data.n_rows(), 2);
    assert!(matches!(data.target(), Target::Classes { names, .. } if names == &["x", "y"]));
}

#[test]
fn a_result_names_the_files_it_was_computed_from() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("rows.csv");
    std::fs::write(&input, "abc").unwrap();
    let path = folder.path().join("i.json");
    let provenance = Provenance::of(&[&input]).unwrap();
    write_importance_json(&path, &[sample()], &provenance).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    // The SHA-256 of `abc`, from FIPS 180-2.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert!(text.contains(hash) && text.contains("rows.csv"), "{text}");
    assert_eq!(read_importance_json(&path).unwrap()[0].features, sample().features);
    let missing = Provenance::of(&[folder.path().join("none")]).unwrap_err().to_string();
    assert!(missing.contains("none` could not be read"), "{missing}");
}
