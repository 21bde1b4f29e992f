//! What must hold of LIME, bad inputs, and lime's own numbers.

mod golden;
mod parts;
mod properties;

use ndarray::{Array2, ArrayView2, Axis, array};

use super::{Around, Discretizer, Explanation, Lime, Selection};
use crate::{Dataset, Function, Model, Output, Players, Rng, Run, Target};

const SELECTIONS: [Selection; 5] = [
    Selection::All,
    Selection::ForwardSelection,
    Selection::HighestWeights,
    Selection::LassoPath,
    Selection::Auto,
];

/// Three numeric columns and one of three categories.
fn table(n_rows: usize) -> Dataset {
    let mut rng = Rng::new(5, 0);
    let rows = Array2::from_shape_fn((n_rows, 4), |(_, feature)| match feature {
        0 => 3.0 + 2.0 * rng.normal(),
        1 => -rng.uniform().ln(),
        2 => rng.normal(),
        _ => rng.below(3) as f64,
    });
    let target = Target::Values(vec![0.0; n_rows]);
    let data = Dataset::new(rows, target).unwrap().with_categorical([3]).unwrap();
    data.with_feature_names(["a", "b", "c", "colour"]).unwrap()
}

fn singles(data: &Dataset) -> Players {
    Players::features(data.feature_names().iter().cloned()).unwrap()
}

fn quick() -> Lime {
    Lime { n_samples: 400, n_repeats: 2, ..Default::default() }
}

fn explained(
    lime: &Lime,
    model: &dyn Model,
    data: &Dataset,
    rows: ArrayView2<'_, f64>,
) -> Explanation {
    let explainer = lime.fit(data).unwrap();
    explainer.explain(&Run::new(3), model, rows, &singles(data)).unwrap()
}

/// `a + 2 b c`, and whether the colour is 1.
fn two_outputs() -> impl Model {
    Function::new(4, 2, |rows: ArrayView2<'_, f64>| {
        let answer = |i: usize, output: usize| {
            let x = rows.row(i);
            if output == 0 { x[0] + 2.0 * x[1] * x[2] } else { f64::from(x[3] == 1.0) }
        };
        Array2::from_shape_fn((rows.nrows(), 2), |(i, output)| answer(i, output))
    })
}

#[test]
fn each_bad_setting_gets_its_own_sentence() {
    let data = table(20);
    let text = |lime: Lime| lime.fit(&data).unwrap_err().to_string();
    assert_eq!(text(Lime { n_samples: 1, ..quick() }), "`n_samples` is `1`, it must be at least 2");
    assert_eq!(
        text(Lime { n_features: 0, ..quick() }),
        "`n_features` is `0`, it must be at least 1"
    );
    assert_eq!(text(Lime { n_repeats: 0, ..quick() }), "`n_repeats` is `0`, it must be at least 1");
    assert_eq!(
        text(Lime { discretizer: Discretizer::Entropy, ..quick() }),
        "bins by entropy tell classes apart and the target is of numbers: give classes, or take \
         quartiles"
    );
    assert_eq!(
        text(Lime { penalty: f64::NAN, ..quick() }),
        "`penalty` is `NaN`, it must be a number from 0"
    );
    assert_eq!(
        text(Lime { kernel_width: Some(0.0), ..quick() }),
        "`kernel_width` is `0`, it must be a number above 0"
    );
}

#[test]
fn each_bad_question_gets_its_own_sentence() {
    let (data, model) = (table(20), two_outputs());
    let ask = |lime: Lime, model: &dyn Model, rows: ArrayView2<'_, f64>, players: &Players| {
        let explainer = lime.fit(&data).unwrap();
        explainer.explain(&Run::new(0), model, rows, players).unwrap_err().to_string()
    };
    let (players, rows) = (singles(&data), data.rows());
    let rows = rows.slice(ndarray::s![..2, ..]);
    assert_eq!(
        ask(quick(), &model, rows.slice(ndarray::s![..0, ..]), &players),
        "an explanation needs at least 1 rows, got 0"
    );
    assert_eq!(
        ask(quick(), &model, rows.slice(ndarray::s![.., ..3]), &players),
        "the table has shape [2, 3], expected [2, 4]"
    );
    let three = Players::features(["a", "b", "c"]).unwrap();
    assert_eq!(
        ask(quick(), &model, rows, &three),
        "the players' list of features has shape [3], expected [4]"
    );
    let narrow = Function::new(3, 1, |rows: ArrayView2<'_, f64>| rows.to_owned());
    assert_eq!(
        ask(quick(), &narrow, rows, &players),
        "the model's list of features has shape [3], expected [4]"
    );
    let infinite = array![[0.0, 1.0, f64::NEG_INFINITY, 0.0]];
    assert_eq!(
        ask(quick(), &model, infinite.view(), &players),
        "the table is `-inf` in row 0, column `c`, only finite numbers have a meaning there"
    );
    let labels = Function::new(4, 1, |rows: ArrayView2<'_, f64>| Array2::zeros((rows.nrows(), 1)))
        .with_output(Output::Labels);
    assert_eq!(
        ask(quick(), &labels, rows, &players),
        "a line cannot be fitted to class labels, give a model that predicts probabilities, \
         margins or values"
    );
    let groups = Players::groups(4, [("ab", vec![0, 1]), ("rest", vec![2])]).unwrap();
    let continuous = Discretizer::Continuous(Around::Mean);
    assert_eq!(
        ask(Lime { discretizer: continuous, ..quick() }, &model, rows, &groups),
        "group `ab` has the continuous column `a`, which has no state to be in with others: take \
         bins, or single features"
    );
    let many = Lime { n_samples: usize::MAX, n_repeats: usize::MAX, ..quick() };
    assert_eq!(
        ask(many, &model, rows, &players),
        format!(
            "`n_samples` is `{}`, it must be at most 0 for 4 features and {} repeats",
            usize::MAX,
            usize::MAX
        )
    );
    let twice = Players::groups(4, [("a", vec![0]), ("again", vec![0]), ("c", vec![2])]).unwrap();
    let exact = Lime { penalty: 0.0, selection: Selection::All, ..quick() };
    assert_eq!(
        ask(exact, &model, rows, &twice),
        "row 0: `again` is a combination of other players in the neighbourhood, so that many fits \
         are equally good: take a `penalty` above 0"
    );
    let broken = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |x| if x[0] > 4.0 { f64::NAN } else { 0.0 }).insert_axis(Axis(1))
    });
    let below = array![[0.0, 1.0, 1.0, 0.0]];
    let found = ask(quick(), &broken, below.view(), &players);
    assert!(found.starts_with("the model's prediction is `NaN` in row "), "{found}");
}
