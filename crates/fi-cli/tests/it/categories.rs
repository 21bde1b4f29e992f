//! Columns of text: one feature, whose categories a model keeps by name.

use fi_io::{DataOptions, TargetSource, read_data, write_table_parquet};

use crate::desk::Desk;

/// Price by colour and size; `order` says which colours the lines have.
fn table(colours: &[&str]) -> String {
    let mut text = String::from("colour,size,price\n");
    for i in 0..120 {
        let colour = colours[i * 7 % colours.len()];
        let price = match colour {
            "red" => 9.0,
            "blue" => 1.0,
            _ => 4.0,
        } + f64::from((i % 5) as u8) * 0.1;
        text += &[colour, &(i % 5).to_string(), &price.to_string()].join(",");
        text.push('\n');
    }
    text
}

fn desk() -> Desk {
    let desk = Desk::with(&[]);
    desk.write("train.csv", &table(&["red", "blue", "green"]));
    // Blue is not there, and red no longer the last of the alphabet.
    desk.write("later.csv", &table(&["red", "green"]));
    desk
}

const TRAIN: &str = "--target price --n-estimators 20 --output m.fi";

#[test]
fn another_call_reads_text_by_the_names_that_the_model_keeps() {
    let desk = desk();
    let (_, said) = desk.both(&format!("train forest --data train.csv {TRAIN}"));
    assert!(said.contains("Text is taken as categories: colour (3)."), "{said}");
    assert!(desk.done("inspect m.fi").contains("3 of colour: blue, green, red"));
    desk.done("predict --model m.fi --data later.csv --output p.npy");
    let prices = desk.array("p.npy");
    // Line 0 is red, line 1 green.
    assert!((prices[[0, 0]] - 9.0).abs() < 0.6 && (prices[[1, 0]] - 4.1).abs() < 0.6, "{prices}");
    for call in ["importance permutation", "importance shap", "explain shap", "report"] {
        let target = if call == "explain shap" { "" } else { "--target price" };
        let output = if call == "report" { "--output r.html" } else { "" };
        desk.done(&format!("{call} --model m.fi --data later.csv {target} {output}"));
    }
    // The same rows as Parquet are the same numbers.
    let options = DataOptions {
        target: Some(TargetSource::Column("price".to_owned())),
        ..DataOptions::default()
    };
    let table = fi_io::read_table_csv(desk.path("train.csv")).unwrap();
    write_table_parquet(desk.path("train.parquet"), &table).unwrap();
    let [csv, parquet] =
        ["train.csv", "train.parquet"].map(|name| read_data(desk.path(name), &options).unwrap());
    assert_eq!(csv, parquet);
    desk.done("predict --model m.fi --data train.csv --output a.npy");
    desk.done("predict --model m.fi --data train.parquet --output b.npy");
    assert_eq!(desk.bytes("a.npy"), desk.bytes("b.npy"));
    let model = desk.bytes("m.fi");
    desk.done(&format!("train forest --data train.parquet {TRAIN}"));
    assert_eq!(desk.bytes("m.fi"), model);
}

#[test]
fn a_category_that_the_model_has_not_seen_is_named() {
    let desk = desk();
    desk.done("train tree --data later.csv --target price --output m.fi");
    let (code, sentence) = desk.fails("predict --model m.fi --data train.csv");
    assert_eq!(code, 1);
    assert_eq!(
        sentence,
        "fi: `train.csv`, line 3, column `colour`: the model does not know the category `blue`, \
         only `green`, `red`; leave the cell empty (null) where it is missing"
    );
}

#[test]
fn contributions_of_text_are_drawn() {
    let desk = desk();
    desk.done(&format!("train forest --data train.csv {TRAIN}"));
    desk.done("explain shap --model m.fi --data train.csv --output shap.csv");
    desk.done("plot beeswarm shap.csv --data train.csv --target price --output p.svg");
    assert!(desk.text("p.svg").contains("colour"));
}
