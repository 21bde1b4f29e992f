//! Parquet files of pyarrow and polars, ours, and hostile ones.
//!
//! `xtask/golden/parquet_files.py` wrote the files of `golden`.

#![expect(clippy::lossy_float_literal, reason = "what float64 rounds is read as it rounds it")]
#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use std::path::{Path, PathBuf};

use fi_core::Target;
use fi_io::{
    Cell, CsvOptions, DataOptions, Table, TargetSource, Task, names_by_place, read_csv, read_data,
    read_rows, write_npy, write_table_csv, write_table_parquet,
};
use ndarray::Array1;
use proptest::prelude::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn drop(columns: &[&str]) -> DataOptions {
    let drop = columns.iter().map(|&column| column.to_owned()).collect();
    DataOptions { drop, ..DataOptions::default() }
}

fn complaint(path: &Path, options: &DataOptions) -> String {
    let text = read_data(path, options).unwrap_err().to_string();
    text.replace(&format!("{}/", path.parent().unwrap().display()), "")
}

#[test]
fn a_model_without_names_takes_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let mut table = Table::new(["age", "dose", "room", "ill"].map(str::to_owned).to_vec());
    table.push([1.0, 2.0, 3.0, 4.0].map(Cell::from));
    write_table_parquet(&path, &table).unwrap();
    let target = Some(TargetSource::Column("ill".to_owned()));
    let options = DataOptions { target: target.clone(), ..drop(&["room"]) };
    let model = ["x0".to_owned(), "x1".to_owned()];
    let names = names_by_place(&path, &options, &model).unwrap();
    assert_eq!(names.unwrap(), ["age", "dose"]);
    let named = ["dose".to_owned(), "age".to_owned()];
    assert_eq!(names_by_place(&path, &options, &named).unwrap(), None);
    assert_eq!(names_by_place("none.npy", &options, &model).unwrap(), None);
    let options = DataOptions { target, ..DataOptions::default() };
    let problem = names_by_place(&path, &options, &model).unwrap_err().to_string();
    let sentence = "there are 3 feature columns, but the model, whose features have no names, takes \
                    2: leave the others out with `drop`, the target with `target`";
    assert!(problem.ends_with(sentence), "{problem}");
}

#[test]
fn every_kind_of_column_is_read() {
    let data = read_data(golden("every_kind.parquet"), &DataOptions::default()).unwrap();
    let column = |name: &str| {
        let place = data.feature_names().iter().position(|feature| feature == name).unwrap();
        data.rows().column(place).to_vec()
    };
    for width in [8, 16, 32, 64] {
        for name in [format!("int{width}"), format!("uint{width}")] {
            let values = column(&name);
            assert!(values[0] == 1.0 && values[1].is_nan() && values[2] == 100.0, "{name}");
        }
    }
    let first: Vec<(&str, f64, f64)> = vec![
        ("most_uint32", 4_294_967_295.0, 0.0),
        ("most_uint64", 9_223_372_036_854_775_808.0, 0.0),
        ("least_int64", -4_611_686_018_427_387_904.0, 0.0),
        ("float16", 0.5, -65504.0),
        ("float32", f64::from(0.1_f32), -1.5),
        ("bool", 1.0, 0.0),
        ("decimal", 0.1, -12.34),
        ("wide_decimal", 12_345_678_901_234_567_890.123_456, -1.0),
        ("string", 1.0, 0.0),
        ("large_string", 1.0, 0.0),
        ("dictionary", 1.0, 0.0),
    ];
    for (name, first, last) in first {
        let values = column(name);
        assert!(
            values[0] == first && values[1].is_nan() && values[2] == last,
            "{name}: {values:?}"
        );
    }
    assert!(column("null").iter().all(|value| value.is_nan()));
    let doubles = column("float64");
    assert!(doubles[0] == 0.1 && doubles[1].is_nan() && doubles[2].is_nan());
    let categorical: Vec<&str> =
        data.categorical().iter().map(|&i| data.feature_names()[i].as_str()).collect();
    assert_eq!(categorical, ["string", "large_string", "dictionary"]);
    let names = vec!["no".to_owned(), "yes".to_owned()];
    assert_eq!(*data.target(), Target::Classes { labels: vec![1, 0, 1], names });
}

#[test]
fn every_codec_encoding_and_row_group_gives_the_same_table() {
    let read = |name: &str| read_data(golden(name), &DataOptions::default()).unwrap();
    let data = read("polars_uncompressed.parquet");
    assert_eq!(
        (data.n_rows(), data.feature_names().len(), data.categorical()),
        (1000, 3, &[2][..])
    );
    for row in 0..1000 {
        let expected = [row as f64, row as f64 / 2.0, (row % 3) as f64];
        let found = data.rows().row(row).to_vec();
        assert_eq!((found[0], found[2]), (expected[0], expected[2]));
        assert!(if row % 7 == 0 { found[1].is_nan() } else { found[1] == expected[1] }, "{row}");
        assert_eq!(data.target().values().unwrap()[row], (row % 5) as f64 / 4.0);
    }
    let bits = |data: &fi_core::Dataset| data.rows().mapv(f64::to_bits);
    for name in ["zstd", "snappy", "gzip", "lz4"].map(|codec| format!("polars_{codec}.parquet")) {
        let other = read(&name);
        assert_eq!((bits(&other), other.target()), (bits(&data), data.target()), "{name}");
    }
    let pages = read("pages.parquet");
    assert_eq!((bits(&pages), pages.target()), (bits(&data), data.target()));
}

#[test]
fn columns_are_used_as_the_options_say() {
    let file = golden("polars_zstd.parquet");
    let options = DataOptions {
        target: Some(TargetSource::Column("half".to_owned())),
        ..DataOptions::default()
    };
    let text = complaint(&file, &options);
    let missing = "`polars_zstd.parquet`, column `half`: row 0: the target is missing, remove the \
                   row or fill it in";
    assert_eq!(text, missing);
    let options = DataOptions {
        target: Some(TargetSource::Column("target".to_owned())),
        task: Some(Task::Classification),
        weights: Some("whole".to_owned()),
        groups: Some("kind".to_owned()),
        ..DataOptions::default()
    };
    let data = read_data(&file, &options).unwrap();
    assert_eq!(data.feature_names(), ["half"]);
    assert_eq!((data.weights().unwrap()[9], data.groups().unwrap()[5]), (9.0, 2));
    assert_eq!(data.target().n_classes(), Some(5));
    let model = DataOptions {
        features: Some(vec!["half".to_owned(), "whole".to_owned()]),
        ..DataOptions::default()
    };
    let (names, rows) = read_rows(&file, &model).unwrap();
    assert_eq!((names, rows[[5, 0]], rows[[5, 1]]), (model.features.clone().unwrap(), 2.5, 5.0));
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("y.npy");
    write_npy(&target, &Array1::from_shape_fn(1000, |i| i as f64 + 0.5)).unwrap();
    let own = DataOptions { target: Some(TargetSource::File(target)), ..DataOptions::default() };
    let data = read_data(&file, &own).unwrap();
    assert_eq!((data.n_features(), data.target().values().unwrap()[2]), (4, 2.5));
}

#[test]
fn a_models_categories_number_the_text() {
    let file = golden("polars_zstd.parquet");
    let features = Some(vec!["kind".to_owned()]);
    let known = |names: &[&str]| DataOptions {
        features: features.clone(),
        categories: vec![("kind".to_owned(), names.iter().map(|&n| n.to_owned()).collect())],
        ..DataOptions::default()
    };
    let (_, rows) = read_rows(&file, &known(&["c", "d", "b", "a"])).unwrap();
    assert_eq!(rows.column(0).to_vec()[..3], [3.0, 2.0, 0.0]);
    let sentence = |options: &DataOptions| {
        let text = read_rows(&file, options).unwrap_err().to_string();
        text.split_once("column ").unwrap().1.to_owned()
    };
    let unknown = "`kind`: row 2: the model does not know the category `c`, only `a`, `b`; leave the \
                   cell empty (null) where it is missing";
    assert_eq!(sentence(&known(&["a", "b"])), unknown);
    let none = DataOptions { features: features.clone(), ..DataOptions::default() };
    let undefined = "`kind`: the column holds text, but the model does not say which number each \
                     category has: write the numbers that it was trained on";
    assert_eq!(sentence(&none), undefined);
    let numbers = DataOptions {
        features: Some(vec!["whole".to_owned()]),
        categories: vec![("whole".to_owned(), vec!["a".to_owned()])],
        ..DataOptions::default()
    };
    let text = "`whole`: the column holds numbers, but the model was trained on text in it: write \
                the categories by their names";
    assert_eq!(sentence(&numbers), text);
}

#[test]
fn each_bad_file_gets_its_own_sentence() {
    let plain = DataOptions::default();
    let dates = "dates or times, which are no numbers: write what matters of them as numbers, such \
                 as days since a day, or leave the column out with `drop`";
    let others = ["date", "time", "timestamp", "duration", "binary"];
    for name in &others[..3] {
        let left: Vec<&str> = others.iter().copied().filter(|other| other != name).collect();
        let text = complaint(&golden("refused.parquet"), &drop(&left));
        assert_eq!(text, format!("`refused.parquet`, column `{name}`: the column holds {dates}"));
    }
    let text = complaint(&golden("refused.parquet"), &drop(&others[..4]));
    let bytes = "`refused.parquet`, column `binary`: the column holds bytes and not text: write \
                 text or numbers, or leave the column out with `drop`";
    assert_eq!(text, bytes);
    // What is left out may hold anything.
    assert_eq!(read_data(golden("refused.parquet"), &drop(&others)).unwrap().n_features(), 1);
    let text = complaint(&golden("too_large.parquet"), &plain);
    let large = "`too_large.parquet`, column `a`: row 1: 18446744073709551615 is too large a whole \
                 number for float64, leave the column out with `drop`";
    assert_eq!(text, large);
    let cases = [
        ("no_rows.parquet", "`no_rows.parquet`: the table has no rows, there must be one"),
        (
            "no_columns.parquet",
            "`no_columns.parquet`: the table has no columns, write at least one",
        ),
        (
            "double.parquet",
            "`double.parquet`: two columns are called `a`, give every column its own name",
        ),
        (
            "nested.parquet",
            "`nested.parquet`, column `list`: the column is nested (a list or a struct), only flat \
             columns are read: write each part as a column of its own",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(complaint(&golden(file), &plain), expected);
    }
    let text = complaint(&golden("polars_brotli.parquet"), &plain);
    let brotli = "`polars_brotli.parquet`: it has a compression or encoding that is not read here \
                  (Disabled feature at compile time: brotli), write it with zstd, snappy, gzip or \
                  lz4";
    assert_eq!(text, brotli);
    let named = DataOptions { names: Some(PathBuf::from("n.txt")), ..DataOptions::default() };
    let text = complaint(&golden("polars_zstd.parquet"), &named);
    let names = "`polars_zstd.parquet`: a Parquet file names its columns itself, leave `names` out";
    assert_eq!(text, names);
    let unknown = complaint(&golden("nested.parquet").with_file_name("none.parquet"), &plain);
    assert!(unknown.starts_with("`none.parquet` could not be read: "), "{unknown}");
}

#[test]
fn what_is_cut_off_or_something_else_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let say = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        complaint(&path, &DataOptions::default())
    };
    assert_eq!(say(b""), "`a.parquet`: the file is empty, it needs a table in Parquet");
    let something = "`a.parquet`: this is no Parquet file, write one with `to_parquet` of pandas or \
                     `write_parquet` of polars";
    assert_eq!(say(b"a,b\n1,2\n3,4\n"), something);
    let whole = std::fs::read(golden("polars_zstd.parquet")).unwrap();
    for length in [1, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        let text = say(&whole[..length]);
        let cut = text == something || text.contains("the file is damaged or cut off");
        assert!(cut, "{length}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// No damage makes us panic or take the memory that a file only claims to need.
    #[test]
    fn damage_is_an_error_or_a_table(
        file in prop::sample::select(vec!["every_kind", "polars_zstd", "polars_lz4", "pages"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        at_the_end in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let mut bytes = std::fs::read(golden(&format!("{file}.parquet"))).unwrap();
        // Lengths and counts stand in the footer.
        let first = if at_the_end { bytes.len().saturating_sub(1500) } else { 0 };
        for (place, byte) in changes {
            let at = first + place.index(bytes.len() - first);
            bytes[at] = byte;
        }
        std::fs::write(&path, bytes).unwrap();
        if let Err(error) = read_data(&path, &DataOptions::default()) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn tables_come_back_with_their_bits(
        cells in prop::collection::vec(
            (any::<i32>(), any::<f64>().prop_filter("finite", |v| v.is_finite()), any::<bool>(), "[a-cä]{0,3}"),
            1..40,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::new(["whole", "number", "text", "last"]);
        for (whole, number, given, text) in &cells {
            let number = given.then_some(*number);
            table.push([
                Cell::Integer(i64::from(*whole)),
                number.into(),
                text.as_str().into(),
                0.5.into(),
            ]);
        }
        let path = folder.path().join("t.parquet");
        write_table_parquet(&path, &table).unwrap();
        let (_, rows) = read_rows(&path, &drop(&["text"])).unwrap();
        for (row, (whole, number, given, _)) in rows.rows().into_iter().zip(&cells) {
            prop_assert_eq!(row[0], f64::from(*whole));
            if *given {
                prop_assert_eq!(row[1].to_bits(), number.to_bits());
            } else {
                prop_assert!(row[1].is_nan());
            }
        }
        let mut texts: Vec<&String> = cells.iter().map(|cell| &cell.3).collect();
        texts.sort_unstable();
        texts.dedup();
        let data = read_data(&path, &drop(&["whole", "number"])).unwrap();
        for (code, cell) in data.rows().column(0).iter().zip(&cells) {
            prop_assert_eq!(texts[*code as usize], &cell.3);
        }
        // The CSV of the same table is the same data, but for its text.
        let csv = folder.path().join("t.csv");
        write_table_csv(&csv, &table).unwrap();
        let options = CsvOptions { drop: vec!["text".to_owned()], ..CsvOptions::default() };
        let from_csv = read_csv(&csv, &options).unwrap();
        let from_parquet = read_data(&path, &drop(&["text"])).unwrap();
        prop_assert_eq!(from_csv.rows().mapv(f64::to_bits), from_parquet.rows().mapv(f64::to_bits));
        prop_assert_eq!(from_csv.target(), from_parquet.target());
    }
}

#[test]
fn columns_without_cells_and_bad_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let mut table = Table::new(["empty", "one"]);
    table.push([Cell::Empty, 1_usize.into()]);
    write_table_parquet(&path, &table).unwrap();
    let (_, rows) = read_rows(&path, &DataOptions::default()).unwrap();
    assert!(rows[[0, 0]].is_nan() && rows[[0, 1]] == 1.0);
    let before = std::fs::read(&path).unwrap();
    let error = write_table_parquet(&path, &Table::new(["a", "a"])).unwrap_err().to_string();
    let double = "was not written: column 2 is called `a`, give every column its own name";
    assert!(error.ends_with(double), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
