//! Selection on noise: the honest score is chance, the naive one is not.

use fi_core::selection::{HonestScore, RfeCv, Step, Top};
use fi_core::{
    Dataset, Estimand, Folds, Function, Importance, Learner, Metric, Model, Output, Players,
    Result, Rng, Run, Target,
};
use ndarray::{Array2, ArrayView2, Axis};

use crate::{Ridge, features, gaussian, sizes};

/// The class whose training rows have the nearer mean.
struct Centroids;

impl Learner for Centroids {
    fn train(&self, _: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let means = means(data);
        let predict = move |rows: ArrayView2<'_, f64>| {
            Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| {
                let to = |class: usize| (&rows.row(i) - &means[class]).mapv(|d| d * d).sum();
                f64::from(u8::from(to(1) < to(0)))
            })
        };
        let model = Function::new(data.n_features(), 1, predict);
        Ok(Box::new(model.with_output(Output::Labels)))
    }
}

fn means(data: &Dataset) -> Vec<ndarray::Array1<f64>> {
    let labels = data.target().labels().unwrap();
    let mean = |class: usize| {
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        data.rows().select(Axis(0), &rows).mean_axis(Axis(0)).unwrap()
    };
    vec![mean(0), mean(1)]
}

fn difference(
    _: &Run<'_>,
    _: &dyn Learner,
    data: &Dataset,
    players: &Players,
) -> Result<Importance> {
    let means = means(data);
    let values = (&means[0] - &means[1]).mapv(f64::abs).to_vec();
    Importance::new("difference", players.names(), values)
}

#[test]
fn selection_on_noise_is_at_chance_honestly_and_far_above_it_naively() {
    let honest = HonestScore {
        folds: Folds::Stratified { n_splits: 5, shuffle: true },
        metric: Some(Metric::Accuracy),
        ..Default::default()
    };
    let (mut scores, mut naive, mut covered) = (Vec::new(), Vec::new(), 0);
    for seed in 0..6 {
        let mut rng = Rng::new(seed, 0);
        let rows = Array2::from_shape_simple_fn((40, 200), || rng.normal());
        let names = ["tails", "heads"].map(String::from).to_vec();
        let target = Target::Classes { labels: (0..40).map(|i| i % 2).collect(), names };
        let data = Dataset::new(rows, target).unwrap();
        let found = honest
            .score(&Run::new(seed), &Top { k: 10 }, &Centroids, &difference, &data, &features(200))
            .unwrap();
        let interval = found.interval.unwrap();
        assert_eq!(interval.estimand, Estimand::LearnerOverTrainingSets);
        covered += usize::from(interval.low[0] <= 0.5 && 0.5 <= interval.high[0]);
        scores.push(found.score);
        naive.push(found.naive_score);
        assert_eq!(found.folds.len(), 5);
        // Folds share most rows and still hardly agree on noise.
        assert!(found.stability.unwrap().value < 0.75);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!((mean(&scores) - 0.5).abs() < 0.1, "{scores:?}");
    assert!(mean(&naive) > 0.78 && naive.iter().all(|&score| score > 0.6), "{naive:?}");
    assert!(covered >= 5, "{covered}");
}

#[test]
fn the_honest_score_is_the_loop_written_out() {
    use fi_core::selection::Selector;
    let data = gaussian(5, 40, &[1.0, 0.5, 0.0, 0.0, 0.0], 1.0);
    let players = features(5);
    let selector = RfeCv { step: Step::Number(2), ..Default::default() };
    let honest = HonestScore::default();
    let run = Run::new(8);
    let found = honest.score(&run, &selector, &Ridge(1.5), &sizes, &data, &players).unwrap();
    assert_eq!(found.metric, "MSE");
    let folds = honest.folds.split(&run.split(u64::MAX), &data).unwrap();
    for (number, fold) in folds.iter().enumerate() {
        let train = data.select_rows(&fold.train).unwrap();
        let seed = run.split(number as u64);
        let chosen = selector.select(&seed, &Ridge(1.5), &sizes, &train, &players).unwrap();
        let model = chosen.refit(&seed, &Ridge(1.5), &train).unwrap();
        let test = data.select_rows(&fold.test).unwrap();
        let predicted = model.predict(test.rows()).unwrap();
        let score =
            Metric::Mse.score(predicted.view(), Output::Values, test.target(), None).unwrap();
        assert_eq!(found.fold_scores[number], score);
        assert_eq!(found.folds[number], chosen);
    }
    assert_eq!(found.score, found.fold_scores.iter().sum::<f64>() / 5.0);
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<fi_core::selection::Honest>(&text).unwrap(), found);
}
