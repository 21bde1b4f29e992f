//! Black boxes from files, and what the command says of itself.

use std::fmt::Write as _;
use std::path::Path;

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::with(&[]);
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fi-models/tests/golden/onnx_graphs");
    for name in ["scaler_logistic_zipmap", "linear", "torch_fixed", "refused_unknown"] {
        let file = format!("{name}.onnx");
        std::fs::copy(golden.join(&file), desk.path(&file)).unwrap();
    }
    let mut rng = fi_core::Rng::new(5, 0);
    let mut text = "a,b,c,d,kind\n".to_owned();
    for row in 0..40 {
        (0..4).for_each(|_| write!(text, "{},", rng.normal()).unwrap());
        writeln!(text, "{}", ["high", "low", "mid"][row % 3]).unwrap();
    }
    desk.write("d.csv", &text);
    desk
}

/// The exit code of a call that must fail, and its sentence, which is one line.
fn sentence(desk: &Desk, words: &str) -> (i32, String) {
    let (code, text) = desk.fails(words);
    assert_eq!(text.lines().count(), 1, "fi {words}: {text}");
    (code, text)
}

#[test]
fn a_graph_is_inspected_predicted_and_explained() {
    let desk = desk();
    let what = desk.done("inspect scaler_logistic_zipmap.onnx");
    for line in [
        "kind        black box: a graph of ONNX\n",
        "features    4: x0, x1, x2, x3\n",
        "outputs     3: one probability per class\n",
        "classes     high, low, mid\n",
        "input       `x`, single precision, any number of rows\n",
        "output      `output_probability`\n",
        "operators   4: LinearClassifier, Normalizer, Scaler, ZipMap\n",
        "written by  skl2onnx\n",
    ] {
        assert!(what.contains(line), "{line}: {what}");
    }
    let what = desk.done("inspect torch_fixed.onnx");
    assert!(what.contains("exported for 3 rows, which are computed at once"), "{what}");

    let on = "--model scaler_logistic_zipmap.onnx --data d.csv";
    desk.done(&format!("predict {on} --drop kind --output p.csv"));
    let table = std::fs::read_to_string(desk.path("p.csv")).unwrap();
    assert!(table.starts_with("high,low,mid\n") && table.lines().count() == 41, "{table}");
    let scores =
        desk.done(&format!("importance permutation {on} --target kind --repeats 3 --quiet"));
    assert!(scores.starts_with("log loss") && scores.contains("| d "), "{scores}");
    desk.done(&format!("explain shap {on} --drop kind --background d.csv --output s.npy"));
    let (code, text) = sentence(&desk, "importance impurity --model linear.onnx");
    assert!(code == 2 && text.contains("`linear.onnx` is no model of trees"), "{text}");
    let (code, text) = sentence(&desk, "inspect refused_unknown.onnx");
    let sentence = "fi: `refused_unknown.onnx` cannot be used as a model of ONNX: it has the \
                    operator `Bogus` of org.example, which fi does not know";
    assert_eq!((code, text.as_str()), (1, sentence));
}

#[test]
fn trees_without_covers_are_explained_with_a_background() {
    let desk = desk();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fi-models/tests/golden/onnx");
    std::fs::copy(folder.join("forest_regressor.onnx"), desk.path("f.onnx")).unwrap();
    let call = "explain shap --model f.onnx --data d.csv --drop kind --output s.npy";
    let said = "fi: the model's file does not say how many rows took each branch, which SHAP \
                weighs them with if it has no background: give rows with --background";
    assert_eq!(sentence(&desk, call), (2, said.to_owned()));
    desk.done(&format!("{call} --background d.csv"));
}

#[test]
fn a_pickle_is_answered_with_the_line_that_exports_it() {
    let desk = desk();
    let pickle = b"\x80\x04\x95\x10\x8c\x0flightgbm.sklearn\x8c\x0eLGBMClassifier\x94";
    std::fs::write(desk.path("model.pkl"), pickle).unwrap();
    let (code, text) = sentence(&desk, "inspect model.pkl");
    assert_eq!(code, 1);
    let line = "load it in Python and write `model.booster_.save_model(\"model.txt\")`";
    assert!(text.contains("`model.pkl` is a Python pickle, which fi never loads"), "{text}");
    assert!(text.contains(line), "{text}");
}

#[test]
fn shells_and_man_are_told_every_command() {
    let desk = desk();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = desk.done(&format!("completions {shell}"));
        for word in ["importance", "interactions", "completions"] {
            assert!(text.contains(word), "{shell} lacks {word}");
        }
    }
    let (code, text) = sentence(&desk, "man nowhere");
    assert_eq!(code, 2);
    assert_eq!(text, "fi: there is no folder `nowhere` to write manual pages to: make it first");
    std::fs::create_dir(desk.path("man1")).unwrap();
    desk.done("man man1");
    for page in ["fi.1", "fi-train.1", "fi-importance.1", "fi-explain.1", "fi-completions.1"] {
        let text = std::fs::read_to_string(desk.path("man1").join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}: {text}");
    }
}

#[test]
fn help_stays_on_one_screen() {
    let desk = desk();
    for words in ["--help", "-h"] {
        let text = desk.done(words);
        assert!(
            text.lines().count() <= 24 && text.contains("\\fi importance permutation"),
            "{text}"
        );
    }
    assert_eq!(desk.done("--version").split(' ').next(), Some("fi"));
}
