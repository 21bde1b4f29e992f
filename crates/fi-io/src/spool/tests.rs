//! What is read back is what was read.

use std::fmt::Write as _;

use super::*;
use crate::data::{read_data, read_rows};
use crate::npy::write_npy;
use crate::table::Table;
use crate::table_parquet::write_table_parquet;

fn table() -> Table {
    let mut table = Table::new(["a", "text", "b", "weight", "group", "y"]);
    for i in 0..2 * BLOCK_ROWS + 77 {
        table.push([
            (i as f64).sqrt().into(),
            ["pear", "apple", "fig"][i * i % 3].into(),
            (i % 5 > 0).then_some((i % 11) as f64).into(),
            (1.0 + (i % 3) as f64).into(),
            (i / 10).into(),
            ((i % 13) as f64 + 0.5).into(),
        ]);
    }
    table
}

fn bits(rows: ArrayView2<'_, f64>) -> Array2<u64> {
    rows.mapv(f64::to_bits)
}

#[test]
fn spooled_parquet_is_the_table_that_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write_table_parquet(&path, &table()).unwrap();
    let options = DataOptions {
        target: Some(TargetSource::Column("y".to_owned())),
        weights: Some("weight".to_owned()),
        groups: Some("group".to_owned()),
        ..DataOptions::default()
    };
    let whole = read_data(&path, &options).unwrap();
    let spooled = spool_data(&path, &options, true).unwrap();
    assert_eq!(spooled.feature_names, whole.feature_names());
    assert_eq!(spooled.target.as_ref(), Some(whole.target()));
    assert_eq!(spooled.weights.as_deref(), whole.weights());
    assert_eq!(spooled.groups.as_deref(), whole.groups());
    let n = whole.n_rows();
    for range in [0..n, 0..1, 8_000..8_500, BLOCK_ROWS - 1..2 * BLOCK_ROWS + 1, n - 1..n, n..n] {
        let rows = spooled.rows.rows(range.clone()).unwrap();
        assert_eq!(bits(rows.view()), bits(whole.rows().slice(s![range.clone(), ..])), "{range:?}");
    }
    for feature in 0..3 {
        let column = spooled.rows.column(feature).unwrap();
        let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<u64>>();
        assert_eq!(bits(column), bits(whole.rows().column(feature).to_vec()), "{feature}");
    }
    assert!(spooled.dataset().unwrap().is_some());
    let rows = spool_data(&path, &options, false).unwrap();
    assert!(rows.target.is_none() && rows.dataset().unwrap().is_none());
}

#[test]
fn spooled_csv_is_the_table_that_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut text = "name,b,y,a,weight,group,class\n".to_owned();
    let n = 2 * BLOCK_ROWS + 77;
    for i in 0..n {
        let missing = ["", "NA", " ?"][i % 3];
        let b = if i % 5 > 0 { format!(" {:e}", i as f64 / 7.0) } else { missing.to_owned() };
        let y = (i % 13) as f64 + 0.1;
        let class = ["pear", "apple", "\"fig, dried\""][i * i % 3];
        let (weight, group) = (1 + i % 3, i / 10);
        writeln!(text, "row {i},{b},{y},{i},{weight},g{group},{class}\r").unwrap();
        if i % 1000 == 0 {
            text += "\n";
        }
    }
    std::fs::write(path("t.csv"), text).unwrap();
    let column = |name: &str| Some(TargetSource::Column(name.to_owned()));
    let plain = DataOptions {
        target: column("y"),
        weights: Some("weight".to_owned()),
        groups: Some("group".to_owned()),
        drop: vec!["name".to_owned(), "class".to_owned()],
        ..DataOptions::default()
    };
    let of_model = DataOptions {
        features: Some(vec!["a".to_owned(), "b".to_owned()]),
        target: column("class"),
        ..DataOptions::default()
    };
    let y: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
    write_npy(path("y.npy"), &ndarray::aview1(&y)).unwrap();
    let target = Some(TargetSource::File(path("y.npy")));
    let own = DataOptions { target, ..plain.clone() };
    let last = DataOptions { target: None, features: of_model.features.clone(), ..plain.clone() };
    let last = DataOptions { drop: Vec::new(), ..last };
    // Text is numbered as it comes, and otherwise in the end.
    let text = DataOptions { drop: vec!["name".to_owned()], ..plain.clone() };
    for options in [plain, of_model.clone(), own, last, text] {
        let whole = read_data(path("t.csv"), &options).unwrap();
        let spooled = spool_data(path("t.csv"), &options, true).unwrap();
        assert_eq!(spooled.feature_names, whole.feature_names());
        assert_eq!(spooled.target.as_ref(), Some(whole.target()));
        assert_eq!(spooled.weights.as_deref(), whole.weights());
        assert_eq!(spooled.groups.as_deref(), whole.groups());
        assert_eq!(whole.weights().is_some(), options.weights.is_some());
        assert_eq!(bits(spooled.rows.rows(0..n).unwrap().view()), bits(whole.rows()));
    }
    // Without a target its cells are not looked at.
    let (names, rows) = read_rows(path("t.csv"), &of_model).unwrap();
    let spooled = spool_data(path("t.csv"), &of_model, false).unwrap();
    assert_eq!((names, spooled.target.is_none()), (spooled.feature_names.clone(), true));
    assert_eq!(bits(spooled.rows.rows(0..n).unwrap().view()), bits(rows.view()));
}

#[test]
fn spooled_arrays_are_those_that_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let array = Array2::from_shape_fn((BLOCK_ROWS + 5, 3), |(i, j)| (i * 3 + j) as f64 / 7.0);
    write_npy(path("X.npy"), &array).unwrap();
    std::fs::write(path("names.txt"), "a\nb\nc\n").unwrap();
    let model = DataOptions {
        names: Some(path("names.txt")),
        features: Some(vec!["c".to_owned(), "a".to_owned()]),
        target: Some(TargetSource::Column("b".to_owned())),
        ..DataOptions::default()
    };
    let whole = read_data(path("X.npy"), &model).unwrap();
    let spooled = spool_data(path("X.npy"), &model, true).unwrap();
    assert_eq!(spooled.target.as_ref(), Some(whole.target()));
    assert_eq!(spooled.rows.rows(0..BLOCK_ROWS + 5).unwrap(), whole.rows());
    let plain = DataOptions::default();
    let (_, rows) = read_rows(path("X.npy"), &plain).unwrap();
    let spooled = spool_data(path("X.npy"), &plain, false).unwrap();
    assert_eq!(spooled.rows.rows(0..BLOCK_ROWS + 5).unwrap(), rows);
}

#[test]
fn each_bad_file_gets_its_own_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let say = |name: &str, options: &DataOptions| {
        let text = spool_data(path(name), options, true).unwrap_err().to_string();
        text.replace(&format!("{}/", folder.path().display()), "")
    };
    let plain = DataOptions::default();
    let lines = "1,2\n".repeat(8998);
    std::fs::write(path("t.csv"), format!("a,b\n{lines}x,2\n")).unwrap();
    let csv = "`t.csv`, line 9000, column `a`: `x` is not a number, but cells above are: write a \
               number, leave the column out with `drop`, or name it as `categorical` to take all \
               its cells as text";
    assert_eq!(say("t.csv", &plain), csv);
    std::fs::write(path("k.csv"), "a,b\n1,2\n2,3\n").unwrap();
    let categorical = DataOptions { categorical: vec!["c".to_owned()], ..plain.clone() };
    let no_feature = "`k.csv`: the categorical column `c` is no feature here";
    assert_eq!(say("k.csv", &categorical), no_feature);
    write_npy(path("v.npy"), &ndarray::array![1.0, 2.0]).unwrap();
    let vector = "`v.npy`: the array has shape [2], only two dimensions are read in blocks";
    assert_eq!(say("v.npy", &plain), vector);
    write_npy(path("e.npy"), &Array2::zeros((0, 3))).unwrap();
    assert_eq!(say("e.npy", &plain), "`e.npy`: the array of shape [0, 3] holds no number");
    write_npy(path("X.npy"), &Array2::zeros((4, 3))).unwrap();
    let bytes = std::fs::read(path("X.npy")).unwrap();
    std::fs::write(path("X.npy"), &bytes[..bytes.len() - 1]).unwrap();
    let cut = "`X.npy`: the header promises shape [4, 3] of 8-byte numbers, but 95 bytes follow; \
               the file is damaged or cut off";
    assert_eq!(say("X.npy", &plain), cut);
    std::fs::write(path("X.npy"), bytes).unwrap();
    assert!(say("X.npy", &plain).contains("an array does not say which column is the target"));
    let model = DataOptions {
        target: Some(TargetSource::Column("x0".to_owned())),
        features: Some((0..5).map(|i| format!("x{i}")).collect()),
        ..DataOptions::default()
    };
    let other = "`X.npy`: there are 2 feature columns, but the model has 5: `x0` to `x4`";
    assert_eq!(say("X.npy", &model), other);
}
