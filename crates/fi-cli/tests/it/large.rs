//! `.parquet` in and out, and `--memory`: the same answers from rows on disk.

use fi_io::{DataOptions, read_rows, read_table_csv, write_table_parquet};

use crate::desk::Desk;

/// A folder with diabetes as CSV and Parquet, and a forest of it.
fn desk() -> Desk {
    let desk = Desk::with(&["diabetes.csv"]);
    let table = read_table_csv(desk.path("diabetes.csv")).unwrap();
    write_table_parquet(desk.path("d.parquet"), &table).unwrap();
    desk.done("train forest --data d.parquet --target target --output m.fi --seed 3");
    desk
}

#[test]
fn answers_from_rows_on_disk_are_those_from_memory() {
    let desk = desk();
    for (call, output) in [
        ("importance permutation --target target --repeats 3", "csv"),
        ("importance permutation --target target --repeats 2 --metric r2", "csv"),
        ("importance shap", "csv"),
        ("explain shap", "npy"),
        ("explain shap", "csv"),
        ("predict", "npy"),
        ("predict", "csv"),
    ] {
        let (whole, blocks) = (format!("whole.{output}"), format!("blocks.{output}"));
        for data in ["d.parquet", "diabetes.csv"] {
            let call = format!("{call} --model m.fi --data {data} --output");
            desk.done(&format!("{call} {whole}"));
            desk.done(&format!("{call} {blocks} --memory 100MiB"));
            assert_eq!(desk.bytes(&whole), desk.bytes(&blocks), "{call}");
        }
    }
    // A table of Parquet is that of CSV, and so is what is written.
    desk.done("importance shap --model m.fi --data diabetes.csv --output whole.parquet");
    desk.done("importance shap --model m.fi --data d.parquet --output other.parquet");
    assert_eq!(desk.bytes("whole.parquet"), desk.bytes("other.parquet"));
    desk.done("predict --model m.fi --data d.parquet --output p.parquet --memory 100MiB");
    let (names, rows) = read_rows(desk.path("p.parquet"), &DataOptions::default()).unwrap();
    assert_eq!(names, ["prediction"]);
    let predictions = desk.array("whole.npy");
    assert_eq!(rows, predictions);
}

/// Several blocks of rows, several outputs, classes, and an array in place of a table.
#[test]
fn classes_in_several_blocks_are_those_from_memory() {
    let desk = Desk::with(&["iris.csv"]);
    desk.done("train forest --data iris.csv --target target --n-estimators 3 --output m.fi");
    let table = read_table_csv(desk.path("iris.csv")).unwrap();
    let mut many = table.clone();
    many.rows = (0..8500).map(|i| table.rows[i % table.rows.len()].clone()).collect();
    write_table_parquet(desk.path("d.parquet"), &many).unwrap();
    let number = |(i, j): (usize, usize)| many.rows[i][j].text().parse::<f64>().unwrap();
    let x = ndarray::Array2::from_shape_fn((8500, 4), number);
    fi_io::write_npy(desk.path("x.npy"), &x).unwrap();
    for data in ["d.parquet", "x.npy"] {
        for (call, output) in [
            ("explain shap", "npy"),
            ("explain shap", "csv"),
            ("explain shap", "parquet"),
            ("predict", "csv"),
            ("predict", "npy"),
        ] {
            let call = format!("{call} --model m.fi --data {data} --output");
            let (whole, blocks) = (format!("whole.{output}"), format!("blocks.{output}"));
            desk.done(&format!("{call} {whole}"));
            desk.done(&format!("{call} {blocks} --memory 100MiB"));
            if output == "parquet" {
                // In other groups of rows.
                let read = |name: &str| read_rows(desk.path(name), &DataOptions::default());
                assert_eq!(read(&whole).unwrap(), read(&blocks).unwrap(), "{call}");
            } else {
                assert!(desk.bytes(&whole) == desk.bytes(&blocks), "{call} {output}");
            }
        }
    }
    let call = "importance permutation --model m.fi --data d.parquet --target target --repeats 2";
    desk.done(&format!("{call} --output whole.csv"));
    desk.done(&format!("{call} --output blocks.csv --memory 100MiB"));
    assert_eq!(desk.text("whole.csv"), desk.text("blocks.csv"));
}

#[test]
fn each_wrong_call_gets_one_sentence() {
    let desk = desk();
    let model = "--model m.fi --data d.parquet";
    let little = desk
        .fails(&format!("importance permutation {model} --target target --memory 1MiB --quiet"))
        .1;
    assert!(little.starts_with("fi: shuffling 442 rows takes at least 66 MiB"), "{little}");
    let impurity = desk.fails(&format!("importance impurity {model} --memory 1GiB")).1;
    assert_eq!(impurity, "fi: --memory has no meaning for this method");
    let shown = desk.fails(&format!("explain shap {model} --memory 1GiB")).1;
    assert_eq!(shown, "fi: --memory is for `fi explain shap` to a file: give --output");
    std::fs::write(desk.path("text.csv"), "age,sex\n1,2\n3,old\n").unwrap();
    let text = desk.fails("predict --model m.fi --data text.csv --memory 1GiB --output p.npy").1;
    let missing = "fi: `text.csv`: of the model's 10 features 8 have no column here: ";
    assert!(text.starts_with(missing), "{text}");
    let size = desk.fails(&format!("predict {model} --memory much --output p.npy")).1;
    assert!(size.contains("write a size such as 1GiB or 500MB"), "{size}");
    assert!(!desk.path("p.npy").exists());
}
