//! Pictures of files: every kind, from what the command and others write.

use std::process::Output;

use ndarray::Array2;

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::with(&["iris.csv"]);
    desk.done("train forest --data iris.csv --target target --n-estimators 5 --output m.fi");
    desk.done("explain shap --model m.fi --data iris.csv --output shap.csv");
    desk.done("explain shap --model m.fi --data iris.csv --output shap.npy");
    desk
}

/// Words, and more that may hold spaces.
fn plot(desk: &Desk, words: &str, more: &[&str]) -> Output {
    desk.command(&format!("plot {words} --output p.svg")).args(more).output().unwrap()
}

/// The picture of a call, which must say these texts.
fn draws(desk: &Desk, words: &str, more: &[&str], texts: &[&str]) -> String {
    let output = plot(desk, words, more);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "fi plot {words}: {errors}");
    let svg = desk.text("p.svg");
    for text in texts {
        assert!(svg.contains(text), "fi plot {words}: {text} is not in {svg}");
    }
    assert!(svg.contains("role=\"img\""));
    std::fs::remove_file(desk.path("p.svg")).unwrap();
    svg
}

/// The sentence of a call that must fail, and its exit code; nothing is left behind.
fn fails(desk: &Desk, words: &str, more: &[&str]) -> (i32, String) {
    let output = plot(desk, words, more);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!desk.path("p.svg").exists(), "fi plot {words}");
    (output.status.code().unwrap(), text.trim_end().to_owned())
}

const DATA: &str = "--data iris.csv --target target";
const WIDTH: [&str; 2] = ["--feature", "petal width"];

#[test]
fn contributions_and_models_become_pictures() {
    let desk = desk();
    let light = draws(
        &desk,
        &format!("beeswarm shap.csv {DATA} --output-index 2"),
        &["--title", "Who is a virginica?"],
        &["<title>Who is a virginica?</title>", "petal width", "<desc>", "#E67E00"],
    );
    // The same of an array, whose names are those of the table.
    let array = draws(
        &desk,
        &format!("beeswarm shap.npy {DATA} --output-index 2"),
        &["--title", "Who is a virginica?"],
        &[],
    );
    assert_eq!(light, array);
    let dark = draws(
        &desk,
        &format!("beeswarm shap.npy {DATA} --output-index 2 --theme dark"),
        &["--title", "Who is a virginica?"],
        &["#16181D"],
    );
    assert_eq!(light.matches("<circle").count(), dark.matches("<circle").count());
    // Without the rows there are no values to colour by, and without names places.
    let plain = draws(&desk, "beeswarm shap.npy", &[], &["x3"]);
    assert!(!plain.contains("#E67E00"));
    desk.write("names.txt", "a\nb\nc\nd\n");
    draws(&desk, "beeswarm shap.npy --names names.txt", &[], &[">\nd</text>"]);

    draws(
        &desk,
        &format!("waterfall shap.csv {DATA} --row 149"),
        &[],
        &["contributions, row 149, output 0", "petal width = 1.80", "base value"],
    );
    draws(&desk, "waterfall shap.npy --row 0", &[], &["row 0"]);
    draws(&desk, &format!("dependence shap.csv {DATA}"), &WIDTH, &["petal width"]);
    let more = [WIDTH[0], WIDTH[1], "--color", "sepal width"];
    draws(&desk, &format!("dependence shap.csv {DATA}"), &more, &["sepal width"]);
    draws(
        &desk,
        &format!("partial-dependence m.fi {DATA} --lines 3"),
        &WIDTH,
        &["partial dependence", "virginica", "Thin lines: single rows."],
    );
    draws(&desk, &format!("ale m.fi {DATA}"), &WIDTH, &["change of the prediction"]);
}

#[test]
fn scores_selections_and_agreement_become_pictures() {
    let desk = desk();
    let score = "importance permutation --model m.fi --data iris.csv --target target --repeats 5";
    desk.done(&format!("{score} --output s.csv --plot ranks.svg --plot-kind stability"));
    desk.done(&format!("{score} --output s.json"));
    let ranks = std::fs::read_to_string(desk.path("ranks.svg")).unwrap();
    let range = "Ranges: smallest and largest rank over";
    assert!(ranks.contains(range));
    for file in ["s.csv", "s.json"] {
        draws(&desk, &format!("stability {file}"), &[], &["sepal width", range]);
        for kind in ["bar", "box", "heatmap"] {
            draws(&desk, &format!("{kind} {file}"), &[], &["sepal width"]);
        }
    }
    draws(&desk, "bar s.json", &[], &["permutation", "95 % intervals"]);

    // The same picture beside the score and later.
    desk.done(&format!("{score} --output s.json --plot box.svg --plot-kind box"));
    desk.done("plot box s.json --output later.svg");
    assert_eq!(desk.text("box.svg"), desk.text("later.svg"));

    let header = "n_features,features,score,ci_low,ci_high,chosen";
    desk.write("path.csv", &format!("{header}\n2,a;b,0.25,0.2,0.3,0\n1,a,0.24,0.2,0.3,1\n"));
    let more = ["--title", "RFE", "--metric", "neg_log_loss"];
    draws(&desk, "selection-path path.csv", &more, &["chosen: 1", "log loss", "RFE"]);
    desk.write("chosen.csv", "feature,chosen,score,n_folds_chosen\na,1,0.5,5\nb,0,0.25,\n");
    draws(&desk, "stability chosen.csv", &[], &["folds that chose it", "Filled: chosen"]);
    desk.write("agreement.csv", "result,SHAP,LOFO\nSHAP,1,0.5\nLOFO,0.5,1\n");
    draws(&desk, "agreement agreement.csv", &[], &["SHAP", "0.50", "Agreement of methods"]);
}

#[test]
fn other_scripts_are_said_of_a_png_and_kept_in_an_svg() {
    let desk = desk();
    desk.write("s.csv", "feature,importance\n温度,1\nпульс,0.5\n");
    let note = desk.both("plot bar s.csv --output p.png").1;
    assert!(note.starts_with("Note: the font of `p.png` lacks 2 characters (度温)"), "{note}");
    assert_eq!(desk.both("plot bar s.csv --output p.svg").1, "");
    assert!(std::fs::read_to_string(desk.path("p.svg")).unwrap().contains("温度"));
}

#[test]
fn each_picture_that_cannot_be_drawn_gets_one_sentence() {
    let desk = desk();
    let fails = |words: &str, more: &[&str], code: i32, sentence: &str| {
        let (found, text) = fails(&desk, words, more);
        assert_eq!((found, text.as_str()), (code, format!("fi: {sentence}").as_str()), "{words}");
    };
    fails(
        "dependence shap.csv --feature x",
        &[],
        2,
        "a dependence plot is over the feature's values: give --data",
    );
    fails(
        &format!("dependence shap.csv {DATA}"),
        &[],
        2,
        "dependence is of one feature: give --feature",
    );
    fails(
        &format!("ale m.fi {DATA} --feature petal"),
        &[],
        2,
        "--feature `petal` is no feature here: they are sepal length, sepal width, petal \
         length, petal width",
    );
    fails(
        "waterfall shap.csv --row 150",
        &[],
        1,
        "the waterfall cannot be drawn: there is no row 150, the result has 150, counted from 0",
    );
    fails(
        "beeswarm shap.csv --output-index 3",
        &[],
        1,
        "the beeswarm cannot be drawn: there is no output 3, the result has 3, counted from 0",
    );
    fi_io::write_npy(desk.path("few.npy"), &Array2::<f64>::zeros((7, 5))).unwrap();
    fails(
        &format!("beeswarm few.npy {DATA}"),
        &[],
        2,
        "`few.npy` explains 7 rows and --data has 150: give the rows that were explained",
    );
    fi_io::write_npy(desk.path("wide.npy"), &Array2::<f64>::zeros((150, 4))).unwrap();
    fails(
        &format!("beeswarm wide.npy {DATA}"),
        &[],
        2,
        "`wide.npy` has contributions of 3 features, but --data has 4 columns: sepal length, sepal \
         width, petal length, petal width; give --model, or name --target and --drop what is no \
         feature",
    );
    fi_io::write_npy(desk.path("nan.npy"), &Array2::from_elem((2, 3), f64::NAN)).unwrap();
    fails(
        "beeswarm nan.npy",
        &[],
        1,
        "the beeswarm cannot be drawn: the contribution to row 0 of `x0` is `NaN`, give finite \
         numbers",
    );
    fails(
        "agreement iris.csv",
        &[],
        1,
        "`iris.csv`: it has no column `result`: this is no matrix of agreement",
    );
    fails(
        "selection-path iris.csv",
        &[],
        1,
        "`iris.csv`: it has no column `n_features`: this is no selection path",
    );
    fails(
        "beeswarm iris.csv",
        &[],
        1,
        "`iris.csv`: it has no column `base_value`: these are no contributions of rows",
    );
}
