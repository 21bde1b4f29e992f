//! Heatmaps of results: how far methods agree, and scores of channels over time.

use fi_core::Sequence;
use ndarray::Array2;

use crate::heatmap::{ColorScale, Heatmap};

impl Heatmap {
    /// How far methods agree with each other, by a measure of
    /// [`Agreement`](fi_core::agreement::Agreement) and its name; NaN is an empty cell. Colours of
    /// correlations are about 0, those of overlaps from 0 to 1.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::agreement::Agreement;
    /// use fi_viz::Heatmap;
    /// use ndarray::array;
    ///
    /// let measure = Agreement::Spearman;
    /// let agree = measure.between(&[0.5, 0.3, 0.1], &[0.4, 0.0, 0.2])?.unwrap_or(f64::NAN);
    /// let values = array![[1.0, agree], [agree, 1.0]];
    /// let methods = ["SHAP", "LOFO"].map(String::from).to_vec();
    /// let figure = Heatmap::agreement(methods, values, &measure.name()).figure()?;
    /// assert!(figure.svg()?.contains("0.50"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn agreement(methods: Vec<String>, values: Array2<f64>, measure: &str) -> Self {
        let overlap = measure.contains("overlap");
        Self {
            title: "Agreement of methods".to_owned(),
            rows: methods.clone(),
            columns: methods,
            values,
            scale: if overlap {
                ColorScale::Sequential { low: 0.0, high: 1.0 }
            } else {
                ColorScale::Diverging { max_abs: 1.0 }
            },
            legend_label: measure.to_owned(),
            ..Self::default()
        }
    }

    /// Scores of channels at steps, channels downwards and steps to the right.
    ///
    /// `None` unless `names` are those of a [`Sequence`]'s columns of more than one step
    /// (`channel[step]`, step after step) and there is a value for each.
    pub fn of_channels(names: &[String], values: &[f64]) -> Option<Self> {
        let sequence = Sequence::of_columns(names).filter(|sequence| sequence.n_steps() > 1)?;
        let n_channels = sequence.channels().len();
        let shape = (n_channels, sequence.n_steps());
        if values.len() != names.len() {
            return None;
        }
        let map =
            Array2::from_shape_fn(shape, |(channel, step)| values[step * n_channels + channel]);
        Some(Self {
            rows: sequence.channels().to_vec(),
            columns: (0..sequence.n_steps()).map(|step| step.to_string()).collect(),
            scale: ColorScale::fitting(&map),
            values: map,
            column_title: "step".to_owned(),
            legend_label: "importance".to_owned(),
            ..Self::default()
        })
    }
}
