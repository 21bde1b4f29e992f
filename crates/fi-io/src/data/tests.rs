//! Arrays and CSV files as data of a model.

use super::*;
use crate::npy::write_npy;
use ndarray::array;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        write_npy(folder.path("X.npy"), &array![[1.0, 2.0, 0.0], [3.0, f64::NAN, 1.0]]).unwrap();
        write_npy(folder.path("y.npy"), &array![0.5, 1.5]).unwrap();
        write_npy(folder.path("long.npy"), &array![0.5, 1.5, 2.5]).unwrap();
        std::fs::write(folder.path("names.txt"), "width\nheight\nkind\n").unwrap();
        std::fs::write(folder.path("d.csv"), "height,width,kind\n2,1,a\n,3,b\n").unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn complaint(&self, file: &str, options: &DataOptions) -> String {
        let text = read_data(self.path(file), options).unwrap_err().to_string();
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_models_features_are_found_by_name_or_by_place() {
    let folder = Folder::new();
    let by_name = DataOptions {
        names: Some(folder.path("names.txt")),
        features: Some(names(&["height", "width"])),
        ..DataOptions::default()
    };
    let (_, rows) = read_rows(folder.path("X.npy"), &by_name).unwrap();
    assert_eq!(rows.column(1).to_vec(), [1.0, 3.0]);
    assert!(rows[[1, 0]].is_nan());
    let by_place =
        DataOptions { features: Some(names(&["a", "b", "c"])), ..DataOptions::default() };
    let (found, _) = read_rows(folder.path("X.npy"), &by_place).unwrap();
    assert_eq!(found, ["a", "b", "c"]);
    let csv = DataOptions { features: by_name.features.clone(), ..DataOptions::default() };
    let (found, rows) = read_rows(folder.path("d.csv"), &csv).unwrap();
    assert_eq!((found, rows.column(1).to_vec()), (names(&["height", "width"]), vec![1.0, 3.0]));
    let csv = DataOptions {
        features: Some(names(&["width", "height"])),
        target: Some(TargetSource::Column("kind".to_owned())),
        ..DataOptions::default()
    };
    let data = read_data(folder.path("d.csv"), &csv).unwrap();
    assert_eq!(data.feature_names(), ["width", "height"]);
    assert_eq!(data.target().labels(), Some(&[0, 1][..]));
}

#[test]
fn columns_that_are_called_as_places_are_found_by_name() {
    let folder = Folder::new();
    std::fs::write(folder.path("x.csv"), "x1,y,x0\n1,5,2\n3,6,4\n").unwrap();
    std::fs::write(folder.path("x.txt"), "x1\ny\nx0\n").unwrap();
    let mut table = crate::Table::new(["x1", "y", "x0"]);
    for row in [[1.0, 5.0, 2.0], [3.0, 6.0, 4.0]] {
        table.push(row.map(crate::Cell::from));
    }
    crate::write_table_parquet(folder.path("x.parquet"), &table).unwrap();
    write_npy(folder.path("x.npy"), &array![[1.0, 5.0, 2.0], [3.0, 6.0, 4.0]]).unwrap();
    let features = Some(names(&["x0", "x1"]));
    for file in ["x.csv", "x.parquet", "x.npy"] {
        let own = (file == "x.npy").then(|| folder.path("x.txt"));
        let options =
            DataOptions { features: features.clone(), names: own, ..DataOptions::default() };
        let expected = array![[2.0, 1.0], [4.0, 3.0]];
        assert_eq!(read_rows(folder.path(file), &options).unwrap().1, expected, "{file}");
        let spooled = crate::spool_data(folder.path(file), &options, false).unwrap().rows;
        assert_eq!(fi_core::RowBlocks::rows(&spooled, 0..2).unwrap(), expected, "{file}");
        let model = features.as_deref().unwrap();
        let none = DataOptions::default();
        assert_eq!(names_by_place(folder.path(file), &none, model).unwrap(), None, "{file}");
    }
    // An array without names is taken by places.
    let plain = DataOptions { features, ..DataOptions::default() };
    assert!(read_rows(folder.path("x.npy"), &plain).is_err());
}

#[test]
fn a_target_may_be_a_column_or_a_file() {
    let folder = Folder::new();
    let file = DataOptions {
        target: Some(TargetSource::File(folder.path("y.npy"))),
        ..DataOptions::default()
    };
    let data = read_data(folder.path("X.npy"), &file).unwrap();
    assert_eq!((data.n_features(), data.target().values()), (3, Some(&[0.5, 1.5][..])));
    let column = DataOptions {
        target: Some(TargetSource::Column("kind".to_owned())),
        names: Some(folder.path("names.txt")),
        task: Some(Task::Classification),
        weights: Some("width".to_owned()),
        ..DataOptions::default()
    };
    let data = read_data(folder.path("X.npy"), &column).unwrap();
    assert_eq!(data.feature_names(), ["height"]);
    assert_eq!(data.target().labels(), Some(&[0, 1][..]));
    assert_eq!(data.weights(), Some(&[1.0, 3.0][..]));
}

#[test]
fn what_does_not_fit_is_said_with_both_sides() {
    let folder = Folder::new();
    let plain = DataOptions::default;
    assert_eq!(
        folder.complaint("X.npy", &plain()),
        "`X.npy`: an array does not say which column is the target: name one, or give a .npy file \
         of its own"
    );
    let target = Some(TargetSource::File(folder.path("long.npy")));
    assert_eq!(
        folder.complaint("X.npy", &DataOptions { target: target.clone(), ..plain() }),
        "`X.npy`: there are 2 rows, but `long.npy` has 3 targets"
    );
    let target = Some(TargetSource::File(folder.path("y.npy")));
    let features = Some(names(&["a", "b"]));
    assert_eq!(
        folder.complaint("X.npy", &DataOptions { target: target.clone(), features, ..plain() }),
        "`X.npy`: there are 3 feature columns, but the model has 2: `a` to `b`"
    );
    let features = Some(names(&["width", "depth"]));
    let both = "of the model's 2 features 1 has no column here: `depth`; columns that are no \
                feature of it:";
    let named = DataOptions {
        target,
        features: features.clone(),
        names: Some(folder.path("names.txt")),
        ..plain()
    };
    assert_eq!(folder.complaint("X.npy", &named), format!("`X.npy`: {both} `height`, `kind`"));
    assert_eq!(
        folder.complaint("d.csv", &DataOptions { features, ..plain() }),
        format!("`d.csv`: {both} `height`, `kind`")
    );
    std::fs::write(folder.path("names.txt"), "a\nb\na\n").unwrap();
    assert_eq!(
        folder.complaint("X.npy", &named),
        "`names.txt`: line 3 holds `a`, every column needs a name of its own"
    );
    std::fs::write(folder.path("names.txt"), "a\n").unwrap();
    assert_eq!(
        folder.complaint("X.npy", &named),
        "`names.txt`: there are 1 names, but `X.npy` has 3 columns"
    );
}

#[test]
fn sequences_become_columns_and_are_padded_to_the_models_steps() {
    let folder = Folder::new();
    let x = array![[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [f64::NAN, f64::NAN]]];
    write_npy(folder.path("S.npy"), &x).unwrap();
    std::fs::write(folder.path("channels.txt"), "acc\ngyro\n").unwrap();
    let target = Some(TargetSource::File(folder.path("y.npy")));
    let options = DataOptions { target, ..DataOptions::default() };
    let data = read_data(folder.path("S.npy"), &options).unwrap();
    assert_eq!(data.feature_names(), ["x0[0]", "x1[0]", "x0[1]", "x1[1]"]);
    assert_eq!(data.rows().row(0).to_vec(), [1.0, 2.0, 3.0, 4.0]);

    let model = Sequence::new(3, ["acc", "gyro"]).unwrap();
    let options = DataOptions { features: Some(model.column_names()), ..options };
    let named = DataOptions { names: Some(folder.path("channels.txt")), ..options.clone() };
    for options in [&options, &named] {
        let (names, rows) = read_rows(folder.path("S.npy"), options).unwrap();
        assert_eq!(names, model.column_names());
        assert_eq!(rows.row(1).to_vec()[..2], [5.0, 6.0]);
        assert!(rows.row(0).to_vec()[4..].iter().all(|value| value.is_nan()));
    }
    // In another order, the channels are found by their names.
    let swapped = Sequence::new(2, ["gyro", "acc"]).unwrap();
    let by_name = DataOptions { features: Some(swapped.column_names()), ..named };
    let (_, rows) = read_rows(folder.path("S.npy"), &by_name).unwrap();
    assert_eq!(rows.row(0).to_vec(), [2.0, 1.0, 4.0, 3.0]);

    let wrong = |channels: &[&str], n_steps| {
        let model = Sequence::new(n_steps, channels.iter().copied()).unwrap();
        let features = Some(model.column_names());
        folder.complaint("S.npy", &DataOptions { features, ..options.clone() })
    };
    assert_eq!(wrong(&["acc"], 2), "`S.npy`: the sequences have 2 channels, but the model has 1");
    assert_eq!(
        wrong(&["acc", "gyro"], 1),
        "`S.npy`: the sequences have 2 steps, but the model takes at most 1"
    );
    write_npy(folder.path("none.npy"), &ndarray::Array3::zeros((0, 1 << 40, 1))).unwrap();
    assert_eq!(
        folder.complaint("none.npy", &options),
        "`none.npy`: the array of shape [0, 1099511627776, 1] holds no number"
    );
    write_npy(folder.path("flat.npy"), &array![1.0]).unwrap();
    assert_eq!(
        folder.complaint("flat.npy", &options),
        "`flat.npy`: the array has shape [1], expected (rows, columns), or (rows, steps, channels) \
         for sequences"
    );
}
