//! Local results, and those of pairs, as tables.

use fi_core::lime::Explanation;
use fi_core::{Attribution, Estimand, Interaction, Interval};

use crate::error::{Error, Result};
use crate::table::{Cell, Table};

/// One line per row and output: a column per player and `base_value`, with `row` and `output` in
/// front if there are several outputs.
pub fn attribution_table(attribution: &Attribution) -> Table {
    let (_, n_outputs, _) = attribution.values.dim();
    let several = n_outputs > 1;
    let front = several.then_some(["row", "output"]).into_iter().flatten().map(str::to_owned);
    let names = front.chain(attribution.features.iter().cloned());
    let mut table = Table::new(names.chain(["base_value".to_owned()]));
    for (row, outputs) in attribution.values.outer_iter().enumerate() {
        for (output, values) in outputs.outer_iter().enumerate() {
            let place: [Cell; 2] = [row.into(), output.into()];
            let front = several.then_some(place).into_iter().flatten();
            let base = attribution.base_values[[row, output]];
            // A method without a base value has NaN.
            let base = (!base.is_nan()).then_some(base).into();
            table.push(front.chain(values.iter().copied().map(Cell::from)).chain([base]));
        }
    }
    table
}

/// One line per pair of different players, from the largest value to the smallest:
/// `feature_a,feature_b,importance,std,ci_low,ci_high,p_value`.
///
/// The intervals are the result's own; where it has none but a spread over rows, Student's t over
/// rows with this `confidence`, for the mean of this model on the population.
///
/// # Errors
///
/// [`Error::Core`] unless `confidence` is inside (0, 1).
pub fn interaction_table(interaction: &Interaction, confidence: f64) -> Result<Table> {
    let mut table =
        Table::new(["feature_a", "feature_b", "importance", "std", "ci_low", "ci_high", "p_value"]);
    let core = |source| Error::Core { file: "the table of pairs".to_owned(), source };
    for (a, b) in interaction.order() {
        let value = interaction.values[[a, b]];
        let std = interaction.std.as_ref().map(|std| std[[a, b]]);
        let own = interaction.interval.as_ref();
        let over_rows = interaction.replicate_kind.is_none() && interaction.n_rows > 1;
        let interval = std.filter(|_| over_rows).map(|std| {
            let estimand = Estimand::ModelOnPopulation;
            Interval::of_means(estimand, confidence, &[value], &[std], interaction.n_rows)
        });
        let interval = interval.transpose().map_err(core)?;
        let interval = own
            .map(|own| (own.low[[a, b]], own.high[[a, b]]))
            .or(interval.map(|interval| (interval.low[0], interval.high[0])));
        table.push([
            interaction.features[a].clone().into(),
            interaction.features[b].clone().into(),
            value.into(),
            std.into(),
            interval.map(|(low, _)| low).into(),
            interval.map(|(_, high)| high).into(),
            interaction.p_values.as_ref().map(|p_values| p_values[[a, b]]).into(),
        ]);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::{PairInterval, Replicate};
    use ndarray::{Array3, array};

    fn names() -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }

    #[test]
    fn several_outputs_get_a_line_each() {
        let values = array![[[1.0, 2.0], [3.0, 4.0]]];
        let base = array![[0.5, 0.25]];
        let attribution = Attribution::new("SHAP", &names(), values, base).unwrap();
        let text = attribution_table(&attribution).to_csv("t").unwrap();
        assert_eq!(text, b"row,output,a,b,base_value\n0,0,1,2,0.5\n0,1,3,4,0.25\n");
        let values = Array3::ones((1, 1, 2));
        let attribution = Attribution::new("SHAP", &names(), values, array![[0.5]]).unwrap();
        let text = attribution_table(&attribution).to_csv("t").unwrap();
        assert_eq!(text, b"a,b,base_value\n1,1,0.5\n");
        let values = Array3::ones((1, 1, 2));
        let without = Attribution::new("gradient", &names(), values, array![[f64::NAN]]).unwrap();
        let text = attribution_table(&without).to_csv("t").unwrap();
        assert_eq!(text, b"a,b,base_value\n1,1,\n");
    }

    #[test]
    fn pairs_have_intervals_where_rows_vary() {
        let values = array![[0.0, 3.0], [3.0, 0.0]];
        let mut pairs = Interaction::new("SHAP", &names(), values, 4).unwrap();
        pairs.std = Some(array![[0.0, 2.0], [2.0, 0.0]]);
        let table = interaction_table(&pairs, 0.95).unwrap();
        let Cell::Number(high) = table.rows[0][5] else { panic!("{table:?}") };
        // t(0.975; 3) = 3.182446, over 4 rows with a deviation of 2.
        assert!((high - 6.182_446).abs() < 1e-5, "{high}");
        pairs.n_rows = 1;
        assert_eq!(interaction_table(&pairs, 0.95).unwrap().rows[0][4], Cell::Empty);
        pairs.n_rows = 4;
        let error = interaction_table(&pairs, 1.0).unwrap_err().to_string();
        assert_eq!(error, "`the table of pairs`: `confidence` is `1`, it must be inside (0, 1)");
        // An interval and p-values of the result's own stand in the table as they are.
        let (low, high) = (array![[0.0, 2.5], [2.5, 0.0]], array![[0.0, 3.5], [3.5, 0.0]]);
        let estimand = Estimand::LearnerOverTrainingSets;
        pairs.interval = Some(PairInterval { estimand, confidence: 0.9, low, high });
        pairs.p_values = Some(array![[1.0, 0.125], [0.125, 1.0]]);
        pairs.replicate_kind = Some(Replicate::Fold);
        let row = &interaction_table(&pairs, 0.95).unwrap().rows[0];
        assert_eq!(row[4..], [Cell::Number(2.5), Cell::Number(3.5), Cell::Number(0.125)]);
        // The spread over folds is not one over rows.
        pairs.interval = None;
        assert_eq!(interaction_table(&pairs, 0.95).unwrap().rows[0][4], Cell::Empty);
    }
}

/// What LIME's fits are worth: one line per row and output,
/// `row,output,r2,prediction,local_prediction,effective_samples,vsi,csi`, and for each player
/// `condition_NAME`, what its value is the value of.
pub fn lime_table(found: &Explanation) -> Table {
    let names = [
        "row",
        "output",
        "r2",
        "prediction",
        "local_prediction",
        "effective_samples",
        "vsi",
        "csi",
    ];
    let conditions = found.attribution.features.iter().map(|name| format!("condition_{name}"));
    let mut table = Table::new(names.map(str::to_owned).into_iter().chain(conditions));
    for ((row, output), &r2) in found.r2.indexed_iter() {
        let place = [row, output];
        let stability = found.stability.as_ref();
        let numbers: [Cell; 8] = [
            row.into(),
            output.into(),
            r2.into(),
            found.predictions[place].into(),
            found.local_predictions[place].into(),
            found.effective_samples[row].into(),
            stability.map(|stability| stability.vsi[place]).into(),
            stability.map(|stability| stability.csi[place]).into(),
        ];
        let conditions = found.conditions[row].iter().cloned().map(Cell::from);
        table.push(numbers.into_iter().chain(conditions));
    }
    table
}
