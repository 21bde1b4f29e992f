//! Which measurements tell three species of iris apart?
//!
//! A tour from a CSV file to a picture: read, split, train, score, explain, draw.
//!
//! ```sh
//! cargo run --manifest-path examples/outside/Cargo.toml -- FOLDER
//! ```

use std::error::Error;
use std::path::PathBuf;

use fi_core::shapley::{Exact, explain};
use fi_core::{Dataset, Fold, Folds, Importance, Metric, Model, Permutation, Players, Removal, Run};
use fi_io::{CsvOptions, read_csv};
use fi_models::tree::{RandomForest, Trees, impurity};
use fi_viz::BarChart;

/// 150 flowers, four measurements, and the species in the last column.
const IRIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/iris.csv");

fn main() -> Result<(), Box<dyn Error>> {
    // The folder for the picture: the first argument, or the system's temporary folder.
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);

    // Everything random comes from this seed; the number of threads changes nothing.
    let run = Run::new(42);

    // 1. Read. Text in the target makes it a classification.
    let iris = read_csv(IRIS, &CsvOptions::default())?;
    println!("{} flowers, features {:?}", iris.n_rows(), iris.feature_names());

    // 2. Train on four fifths of each species, and keep the rest for what follows.
    let (train, test) = split(&run, &iris)?;
    let forest = RandomForest::default().fit(&run, &train)?;

    // 3. Look inside: how much impurity did the splits on a feature remove?
    let mdi = impurity(forest.ensemble(), train.feature_names())?;
    println!("\nMean decrease in impurity, a share of 1");
    print(&mdi);

    // 4. Ask the model only to predict: what does shuffling a feature cost on the other rows?
    let permutation = permutation(&run, &forest, &test)?;
    println!("\nPermutation importance in log loss, 95 % interval for this forest on new flowers");
    print(&permutation);

    // 5. Explain one flower: the Shapley values of its prediction sum to what sets it apart from
    //    the mean prediction of the training rows.
    let players = Players::features(iris.feature_names().iter().cloned())?;
    let background = Removal::marginal(train.rows().to_owned())?;
    let flower = test.select_rows(&[0])?;
    let shap = explain(&run, &Exact, &forest, flower.rows(), &players, &background)?;
    let class = flower.target().labels().map_or(0, |labels| labels[0]);
    let base = shap.base_values[[0, class]];
    println!("\nSHAP values of the probability of the first test flower's own species");
    println!("{:>14}  {base:6.3}", "on average");
    for (feature, name) in shap.features.iter().enumerate() {
        println!("{name:>14}  {:+6.3}", shap.values[[0, class, feature]]);
    }
    let predicted = forest.predict(flower.rows())?[[0, class]];
    println!("{:>14}  {predicted:6.3}", "this flower");

    // 6. Draw. `png` works as well as `svg`.
    let picture = folder.join("permutation.svg");
    let title = "What a forest needs to tell irises apart".to_owned();
    BarChart { title, ..BarChart::of(&permutation) }.figure()?.save(&picture)?;
    println!("\n{}", picture.display());
    Ok(())
}

/// The first of five stratified folds: training rows and test rows.
fn split(run: &Run<'_>, data: &Dataset) -> fi_core::Result<(Dataset, Dataset)> {
    let folds = Folds::Stratified { n_splits: 5, shuffle: true }.split(run, data)?;
    let Fold { train, test } = &folds[0];
    Ok((data.select_rows(train)?, data.select_rows(test)?))
}

/// The log loss that shuffling each feature causes.
fn permutation(run: &Run<'_>, forest: &Trees, data: &Dataset) -> fi_core::Result<Importance> {
    let players = Players::features(data.feature_names().iter().cloned())?;
    let settings = Permutation { n_repeats: 50, ..Permutation::default() };
    // One result per metric.
    let mut found = settings.importance(run, forest, data, &players, &[Metric::LogLoss])?;
    Ok(found.remove(0))
}

/// The most important feature first, with its interval where the method has one.
fn print(importance: &Importance) {
    for i in importance.order() {
        print!("{:>14}  {:.3}", importance.features[i], importance.values[i]);
        match &importance.interval {
            Some(interval) => println!("  [{:.3}, {:.3}]", interval.low[i], interval.high[i]),
            None => println!(),
        }
    }
    for warning in &importance.warnings {
        println!("{warning}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::PredictionGame;
    use fi_core::invariants::{efficiency, thread_count_invariance};
    use proptest::prelude::*;

    fn forest() -> Result<(Dataset, Dataset, Trees), Box<dyn Error>> {
        let (train, test) = split(&Run::new(0), &read_csv(IRIS, &CsvOptions::default())?)?;
        let forest = RandomForest { n_estimators: 10, ..RandomForest::default() };
        let forest = forest.fit(&Run::new(0), &train)?;
        Ok((train, test, forest))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Shapley values add up: nothing of a prediction is lost or made up.
        #[test]
        fn a_flowers_shapley_values_are_efficient(row in 0_usize..30) {
            let check = || -> Result<_, Box<dyn Error>> {
                let (train, test, forest) = forest()?;
                let players = Players::features(train.feature_names().iter().cloned())?;
                let background = Removal::marginal(train.rows().to_owned())?;
                let row = test.rows().row(row).to_owned();
                let game = PredictionGame::new(&forest, &players, row.view(), &background)?;
                Ok(efficiency(&Run::new(0), &Exact, &game, 1e-12))
            };
            check().map_err(|error| TestCaseError::fail(error.to_string()))??;
        }
    }

    #[test]
    fn threads_change_no_bit() -> Result<(), Box<dyn Error>> {
        let (_, test, forest) = forest()?;
        thread_count_invariance(&Run::new(3), |run| {
            let found = permutation(run, &forest, &test)?;
            Ok(found.replicates.iter().map(|value| value.to_bits()).collect::<Vec<_>>())
        })
        .map_err(|failure| failure.to_string())?;
        Ok(())
    }

    #[test]
    fn petals_tell_irises_apart() -> Result<(), Box<dyn Error>> {
        let (_, test, forest) = forest()?;
        let found = permutation(&Run::new(3), &forest, &test)?;
        assert!(found.features[found.order()[0]].starts_with("petal"), "{found:?}");
        Ok(())
    }
}
