//! From tables to models, scores and pictures, and what wrong calls are told.

use std::fmt::Write as _;

use ndarray::{Array1, Array2, Axis};

use crate::desk::Desk;

fn desk() -> Desk {
    Desk::with(&["iris.csv", "diabetes.csv"])
}

const TRAIN: &str = "train forest --data iris.csv --target target --n-estimators 20 --output m.fi";

#[test]
fn the_road_from_a_table_to_scores() {
    let desk = desk();
    let scores = desk.done(TRAIN);
    assert!(scores.contains("30 rows set aside") && scores.contains("out-of-bag rows"), "{scores}");
    let what = desk.done("inspect m.fi");
    for line in ["ensemble of trees", "3: one probability per class", "setosa, versicolor"] {
        assert!(what.contains(line), "{what}");
    }
    desk.done("predict --model m.fi --data iris.csv --output p.npy");
    let p = desk.array("p.npy");
    assert_eq!(p.dim(), (150, 3));
    assert!(p.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));

    let call = "importance permutation --model m.fi --data iris.csv --target target --repeats 5";
    desk.done(&format!("{call} --metric log_loss,accuracy --output i.csv --plot i.svg"));
    let csv = desk.text("i.csv");
    let header = "metric,feature,importance,std,ci_low,ci_high,p_value,rank,rank_low,rank_high,\
                  repeat_0,repeat_1,repeat_2,repeat_3,repeat_4";
    assert_eq!(csv.lines().next().unwrap(), header);
    assert!(csv.lines().nth(1).unwrap().starts_with("log loss,petal"), "{csv}");
    assert!(desk.text("i.svg").contains("petal width"));
    desk.done(&format!("{call} --output i.json"));
    let json = desk.text("i.json");
    assert!(json.contains("\"sha256\"") && json.contains("\"seed\": 0"), "{json}");
    desk.done(&format!("{call} --output i.npy"));
    assert_eq!(fi_io::read_npy_1d(desk.path("i.npy")).unwrap().len(), 4);
    let table = desk.done(call);
    assert!(table.contains("ci_low") && table.contains("petal length"), "{table}");

    for method in ["impurity", "split-count", "oob-permutation", "shap"] {
        let data = if matches!(method, "oob-permutation" | "shap") {
            "--data iris.csv --target target"
        } else {
            ""
        };
        let table = desk.done(&format!("importance {method} --model m.fi {data}"));
        let first = table.lines().find(|line| line.contains("| 1 ")).unwrap_or_default().to_owned();
        assert!(first.contains("petal") || first.is_empty(), "{method}: {table}");
        assert!(table.contains("petal width"), "{method}: {table}");
    }
}

#[test]
fn shap_values_and_interactions_add_up_to_the_prediction() {
    let desk = desk();
    desk.done("train boosting --data diabetes.csv --target target --n-estimators 30 --output m.fi");
    desk.done("predict --model m.fi --data diabetes.csv --raw --output raw.npy");
    let raw = desk.array("raw.npy").remove_axis(Axis(1));
    let close = |sums: Array1<f64>, bound: f64| {
        let worst = (&sums - &raw).iter().fold(0.0, |worst: f64, gap| worst.max(gap.abs()));
        assert!(worst < bound, "{worst}");
    };
    desk.done("explain shap --model m.fi --data diabetes.csv --output s.npy");
    let shap = desk.array("s.npy");
    assert_eq!(shap.ncols(), 11);
    close(shap.sum_axis(Axis(1)), 1e-9);
    let background = "--background diabetes.csv";
    desk.done(&format!(
        "explain shap --model m.fi --data diabetes.csv {background} --output b.npy"
    ));
    close(desk.array("b.npy").sum_axis(Axis(1)), 1e-9);
    desk.done("explain shap --precision f32 --model m.fi --data diabetes.csv --output f.npy");
    close(desk.array("f.npy").sum_axis(Axis(1)), 1e-2);
    desk.done("explain shap --model m.fi --data diabetes.csv --output s.csv");
    assert!(desk.text("s.csv").starts_with("age,sex,bmi"));

    desk.done("interactions shap --model m.fi --data diabetes.csv --output pairs.npy");
    let pairs = fi_io::read_npy_3d(desk.path("pairs.npy")).unwrap();
    assert_eq!(pairs.dim(), (442, 11, 11));
    let by_feature = pairs.sum_axis(Axis(2));
    let gap = (&by_feature - &shap).iter().fold(0.0, |worst: f64, gap| worst.max(gap.abs()));
    assert!(gap < 1e-9, "{gap}");
    desk.done("interactions shap --model m.fi --data diabetes.csv --output pairs.csv");
    assert_eq!(desk.text("pairs.csv").lines().count(), 46);
    desk.done("plot heatmap pairs.csv --title Pairs --output pairs.svg");
    assert!(desk.text("pairs.svg").contains("Pairs"));
}

/// The call of LEAP's `analyze_permutation_importance`: a saved model, features and label as
/// arrays, a table of scores and a heatmap of sensor pairs with a title.
#[test]
fn a_model_of_sensor_pairs_gives_a_heatmap_of_sensors() {
    let desk = desk();
    let sensors = ["Left_Ankle", "Right_Ankle", "Sacrum"];
    let mut names = Vec::new();
    for (i, a) in sensors.iter().enumerate() {
        for b in &sensors[i + 1..] {
            for channel in ["x_acc", "z_gyro"] {
                names.push(format!("{a}.{channel}|{b}.{channel}"));
            }
        }
    }
    let mut rng = fi_core::Rng::new(5, 0);
    let x = Array2::from_shape_simple_fn((120, names.len()), || rng.normal());
    // The left ankle and the sacrum move together in one class.
    let y: Array1<f64> = x.column(2).mapv(|phase| f64::from(u8::from(phase > 0.0)));
    fi_io::write_npy(desk.path("X.npy"), &x).unwrap();
    fi_io::write_npy(desk.path("y.npy"), &y).unwrap();
    std::fs::write(desk.path("names.txt"), names.join("\n")).unwrap();
    desk.done("train forest --data X.npy --names names.txt --target y.npy --output m.fi");
    let call = "importance permutation --model m.fi --data X.npy --target y.npy --output \
                importance.csv --plot heatmap.svg --title";
    let output = desk.command(call).arg("Gait: who moves with whom").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let first = desk.text("importance.csv").lines().nth(1).unwrap().to_owned();
    assert!(first.starts_with("Left_Ankle.x_acc|Sacrum.x_acc,"), "{first}");
    let picture = desk.text("heatmap.svg");
    for text in ["Gait: who moves with whom", "Left_Ankle", "Sacrum"] {
        assert!(picture.contains(text), "{text} is not in the picture");
    }
    assert!(!picture.contains("x_acc"), "channels have no place in it");
    desk.done("plot pair-heatmap importance.csv --title Again --output again.png");
    assert!(std::fs::read(desk.path("again.png")).unwrap().starts_with(b"\x89PNG"));
}

/// Sensors in names of any spelling are permuted as one, alone and in pairs.
#[test]
fn features_of_sensor_pairs_are_scored_as_groups_by_any_pattern() {
    let desk = desk();
    let names = ["psi_L_S_x", "psi_L_S_y", "psi_R_L_x", "psi_S_R_x"];
    let mut rng = fi_core::Rng::new(5, 0);
    let x = Array2::from_shape_simple_fn((80, names.len()), || rng.normal());
    let y: Array1<f64> = x.rows().into_iter().map(|x| x[0] + x[1]).collect();
    fi_io::write_npy(desk.path("X.npy"), &x).unwrap();
    fi_io::write_npy(desk.path("y.npy"), &y).unwrap();
    std::fs::write(desk.path("names.txt"), names.join("\n")).unwrap();
    desk.done(
        "train linear --data X.npy --names names.txt --target y.npy --test-size 0 --output m.fi",
    );
    let groups = [
        (
            "sensor-pair",
            "\"L × S\" = [\"psi_L_S_x\", \"psi_L_S_y\"]\n\"R × L\" = [\"psi_R_L_x\"]\n\"S × R\" = [\"psi_S_R_x\"]",
        ),
        (
            "sensor",
            "L = [\"psi_L_S_x\", \"psi_L_S_y\", \"psi_R_L_x\"]\nS = [\"psi_L_S_x\", \"psi_L_S_y\", \"psi_S_R_x\"]\nR = [\"psi_R_L_x\", \"psi_S_R_x\"]",
        ),
    ];
    let on = "importance permutation --model m.fi --data X.npy --target y.npy --repeats 5";
    for (by, toml) in groups {
        std::fs::write(desk.path("g.toml"), toml).unwrap();
        desk.done(&format!("{on} --groups g.toml --output groups.csv"));
        let call = format!("{on} --group-by {by} --output found.csv --pair-pattern psi_(.)_(.)_");
        desk.done(&format!("{call} --plot p.svg"));
        // Pairs are named in the order in which their sensors first occur.
        let lines = |file: &str| {
            let text = desk.text(file).replace("L × R", "R × L");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines("found.csv"), lines("groups.csv"), "{by}");
        let picture = desk.text("p.svg");
        assert_eq!(picture.contains("Each cell"), by == "sensor-pair", "{picture}");
    }
    let call = format!("{on} --group-by sensor --output s.json --pair-pattern");
    let output = desk.command(&call).arg(r"psi_(?<a>\w)_(?<b>\w)_").output().unwrap();
    assert!(output.status.success());
    let json = desk.text("s.json");
    assert!(
        json.contains("\"group_by\": \"sensor\"") && json.contains(r"psi_(?<a>\\w)_(?<b>\\w)_"),
        "{json}"
    );
    // The published sum of the features' own importances, as a picture.
    desk.done(&format!("{on} --plot sums.svg --pair-pattern psi_(.)_(.)_"));
    assert!(desk.text("sums.svg").contains("Each cell"));
    for (words, text) in [
        ("--group-by sensor", "finds no pair in `psi_L_S_x`: give a pattern with two groups"),
        ("--group-by sensor --pair-pattern ((", "the pattern `((` is no regular expression"),
        ("--pair-pattern (.)_(.)", "required arguments"),
        ("--group-by sensor --groups g.toml", "cannot be used with"),
    ] {
        let (code, said) = desk.fails(&format!("{on} {words}"));
        assert!(code == 2 && said.contains(text), "{words}: {said}");
    }
}

#[test]
fn the_answer_does_not_depend_on_the_threads() {
    let desk = desk();
    for threads in [1, 3] {
        let call = |words: &str| desk.done(&format!("{words} --threads {threads} --seed 7"));
        let train = "train forest --data iris.csv --target target --n-estimators 15 --output";
        call(&format!("{train} m{threads}.fi"));
        let on = format!("--model m{threads}.fi --data iris.csv --target target --output");
        call(&format!("importance permutation {on} i{threads}.csv --repeats 4"));
        call(&format!(
            "explain shap --model m{threads}.fi --data iris.csv --output s{threads}.csv"
        ));
    }
    for (one, three) in [("m1.fi", "m3.fi"), ("i1.csv", "i3.csv"), ("s1.csv", "s3.csv")] {
        let read = |name: &str| std::fs::read(desk.path(name)).unwrap();
        assert_eq!(read(one), read(three), "{one}");
    }
}

#[test]
fn groups_are_scored_as_one() {
    let desk = desk();
    desk.done(TRAIN);
    let groups = "petal = ['petal length', 'petal width']\nsepal = ['sepal length']\n";
    std::fs::write(desk.path("g.toml"), groups).unwrap();
    let on = "--model m.fi --data iris.csv --target target --groups g.toml";
    let table = desk.done(&format!("importance permutation {on} --repeats 3"));
    assert!(table.contains("petal") && !table.contains("petal length"), "{table}");
    std::fs::write(desk.path("g.toml"), "petal = ['petal breadth']\n").unwrap();
    let (code, text) = desk.fails(&format!("importance permutation {on}"));
    assert_eq!(
        (code, text.as_str()),
        (
            1,
            "fi: `g.toml`: group `petal` names `petal breadth`, the features are sepal length, \
             sepal width, petal length, petal width"
        )
    );
}

#[test]
fn each_wrong_call_gets_one_sentence_and_leaves_nothing_behind() {
    let desk = desk();
    desk.done(TRAIN);
    std::fs::write(desk.path("other.csv"), "a,b,target\n1,2,0\n").unwrap();
    std::fs::write(desk.path("cut.fi"), &std::fs::read(desk.path("m.fi")).unwrap()[..900]).unwrap();
    std::fs::write(desk.path("model.pkl"), b"\x80\x04\x95\x00").unwrap();
    let before = desk.files();
    let on_iris = "--model m.fi --data iris.csv --target target";
    let work = [
        ("inspect none.fi", "none.fi` cannot be read"),
        ("inspect cut.fi", "cut.fi` is damaged"),
        ("inspect model.pkl", "model.pkl` is a Python pickle"),
        (
            "predict --model m.fi --data other.csv --output p.npy",
            "of the model's 4 features 4 have no column here: `sepal length`",
        ),
        ("train tree --data other.csv --target c --output t.fi", "there is no column `c`"),
    ];
    for (words, sentence) in work {
        let (code, text) = desk.fails(words);
        assert_eq!(code, 1, "fi {words}: {text}");
        assert!(text.contains(sentence) && text.lines().count() == 1, "fi {words}: {text}");
    }
    let calls = [
        (format!("importance permutation {on_iris} --output i.xls"), "no extension"),
        (format!("importance permutation {on_iris} --output no/i.csv"), "there is no folder `no`"),
        ("importance permutation --model m.fi --output i.csv".to_owned(), "give --data"),
        ("importance permutation --model m.fi --data iris.csv".to_owned(), "give --target"),
        (format!("importance permutation {on_iris} --metric speed"), "speed"),
        ("train forest --data iris.csv --output m.txt --target target".to_owned(), ".fi"),
        (
            "train tree --n-estimators 3 --data iris.csv --target target --output t.fi".to_owned(),
            "--n-estimators",
        ),
        (
            "explain shap --model m.fi --data iris.csv --perturbation interventional".to_owned(),
            "give --background",
        ),
        ("frobnicate".to_owned(), "unrecognized"),
    ];
    for (words, sentence) in &calls {
        let (code, text) = desk.fails(words);
        assert_eq!(code, 2, "fi {words}: {text}");
        assert!(text.contains(sentence), "fi {words}: {text}");
    }
    assert_eq!(desk.files(), before);
}

/// What the command says on stderr beside its table.
fn notes(desk: &Desk, words: &str) -> String {
    let output = desk.command(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn misuse_is_said_once_with_its_number_and_good_use_is_not_blamed() {
    let desk = desk();
    // Two copies of one measurement but for noise, and one on its own.
    let mut rng = fi_core::Rng::new(8, 0);
    let mut table = |name: &str| {
        let mut text = "a,b,c,y\n".to_owned();
        for _ in 0..150 {
            let (a, c) = (rng.normal(), rng.normal());
            let (b, y) = (a + 0.1 * rng.normal(), 3.0 * a + c + rng.normal());
            writeln!(text, "{a},{b},{c},{y}").unwrap();
        }
        std::fs::write(desk.path(name), text).unwrap();
    };
    table("train.csv");
    table("test.csv");
    desk.done("train forest --data train.csv --target y --n-estimators 10 --output m.fi");
    let on = "importance permutation --repeats 2 --target y --metric r2,neg_mean_squared_error";
    let seen = "Note: 150 of 150 rows have the values of training rows, where the model scores \
                what it has memorised: take rows that it has not seen.";
    let together = "score `a & b` as groups, or conditionally.";
    let text = notes(&desk, &format!("{on} --model m.fi --data train.csv --output i.json"));
    assert_eq!((text.matches(seen).count(), text.matches(together).count()), (1, 1), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
    for found in fi_io::read_importance_json(desk.path("i.json")).unwrap() {
        assert!(found.warnings.contains(&fi_core::Warning::SeenRows { n_seen: 150, n_rows: 150 }));
    }
    let text = notes(&desk, &format!("{on} --model m.fi --data train.csv --quiet"));
    assert_eq!(text, "");
    // New rows, and what belongs together as a group.
    std::fs::write(desk.path("g.toml"), "ab = ['a', 'b']\nc = ['c']\n").unwrap();
    let text = notes(&desk, &format!("{on} --model m.fi --data test.csv --groups g.toml"));
    assert_eq!(text, "");
    // Without fingerprints it cannot be told.
    desk.done(
        "train forest --data train.csv --target y --n-estimators 10 --output n.fi --no-row-hashes",
    );
    let text = notes(&desk, &format!("{on} --model n.fi --data train.csv --groups g.toml"));
    assert_eq!(text, "");
    let occluded = "importance occlusion --model m.fi --data train.csv --target y";
    assert!(notes(&desk, occluded).contains(seen));
    // By the path of a tree nothing is replaced; with a background it is.
    let shap = "importance shap --model m.fi --data train.csv";
    assert!(!notes(&desk, shap).contains(together));
    assert!(notes(&desk, &format!("{shap} --background train.csv")).contains(together));
    let out_of_bag = "importance oob-permutation --model m.fi --data train.csv --target y";
    let text = notes(&desk, out_of_bag);
    assert!(text.contains(together) && !text.contains("training rows"), "{text}");
}
