//! `fi explain lime`: options, and what a fit is worth.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fi_core::lime::{Around, Discretizer, Explanation, Lime, Selection};
use fi_core::{Attribution, Players};
use fi_models::store::Stored;
use ndarray::Array2;

use crate::data::{DataArgs, place};
use crate::failure::{Done, Failure};
use crate::importance::table_of;
use crate::output::Sink;
use crate::session::Session;

/// What numeric columns are to the fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiscretizerArg {
    /// In the row's bin or not, between quartiles
    Quartiles,
    /// The same of deciles
    Deciles,
    /// The same of bins that tell the classes of --target apart
    Entropy,
    /// The number itself, in standard deviations
    Continuous,
}

/// About what continuous columns are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AroundArg {
    /// The mean of the training rows
    Mean,
    /// The row that is explained
    Instance,
}

/// Which features a fit may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SelectionArg {
    /// Forward for up to 6 features, else the highest weights
    Auto,
    /// All of them
    All,
    /// One after the other, by the fit's R²
    ForwardSelection,
    /// Those that weigh most in a fit of all
    HighestWeights,
    /// The last ones on the lasso's path
    LassoPath,
}

/// Options of LIME.
#[derive(Args)]
pub(crate) struct LimeArgs {
    /// lime: what numeric columns are to the fit [default: quartiles]
    #[arg(long, value_enum)]
    discretizer: Option<DiscretizerArg>,
    /// lime with --discretizer continuous: about what columns are drawn [default: mean]
    #[arg(long, value_enum)]
    around: Option<AroundArg>,
    /// lime: how many samples a fit is made of [default: 5000]
    #[arg(long, value_name = "N")]
    n_samples: Option<usize>,
    /// lime: how far the kernel reaches [default: 0.75 √ of the number of features]
    #[arg(long, value_name = "WIDTH")]
    kernel_width: Option<f64>,
    /// lime: which features a fit uses [default: auto]
    #[arg(long, value_enum)]
    feature_selection: Option<SelectionArg>,
    /// lime: how many features a fit uses at most [default: 10]
    #[arg(long, value_name = "N")]
    n_features: Option<usize>,
    /// lime: the ridge penalty of the fits [default: 1]
    #[arg(long, value_name = "L")]
    penalty: Option<f64>,
    /// lime: how often everything is drawn and fitted anew, for stability [default: 5]
    #[arg(long, value_name = "N")]
    n_repeats: Option<usize>,
    /// lime: write what each fit is worth: its R², what it and the model say of the row, how many
    /// samples count, how stable it is, and what a feature's value is the value of
    #[arg(long, value_name = "FILE.csv")]
    fits: Option<PathBuf>,
}

impl LimeArgs {
    /// The first of the options that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            (self.discretizer.is_some(), "discretizer"),
            (self.around.is_some(), "around"),
            (self.n_samples.is_some(), "n-samples"),
            (self.kernel_width.is_some(), "kernel-width"),
            (self.feature_selection.is_some(), "feature-selection"),
            (self.n_features.is_some(), "n-features"),
            (self.penalty.is_some(), "penalty"),
            (self.n_repeats.is_some(), "n-repeats"),
            (self.fits.is_some(), "fits"),
        ];
        options.into_iter().find_map(|(given, name)| given.then_some(name))
    }

    fn settings(&self) -> Done<Lime> {
        let around = match self.around {
            None | Some(AroundArg::Mean) => Around::Mean,
            Some(AroundArg::Instance) => Around::Instance,
        };
        let discretizer = match self.discretizer {
            Some(DiscretizerArg::Continuous) => Discretizer::Continuous(around),
            _ if self.around.is_some() => {
                return Failure::call("--around is for --discretizer continuous");
            }
            None | Some(DiscretizerArg::Quartiles) => Discretizer::Quartiles,
            Some(DiscretizerArg::Deciles) => Discretizer::Deciles,
            Some(DiscretizerArg::Entropy) => Discretizer::Entropy,
        };
        let base = Lime::default();
        Ok(Lime {
            discretizer,
            n_samples: self.n_samples.unwrap_or(base.n_samples),
            kernel_width: self.kernel_width,
            selection: match self.feature_selection {
                None | Some(SelectionArg::Auto) => Selection::Auto,
                Some(SelectionArg::All) => Selection::All,
                Some(SelectionArg::ForwardSelection) => Selection::ForwardSelection,
                Some(SelectionArg::HighestWeights) => Selection::HighestWeights,
                Some(SelectionArg::LassoPath) => Selection::LassoPath,
            },
            n_features: self.n_features.unwrap_or(base.n_features),
            penalty: self.penalty.unwrap_or(base.penalty),
            n_repeats: self.n_repeats.unwrap_or(base.n_repeats),
        })
    }

    /// Fits lines; `learnt_on` are rows to draw from, else those that are explained.
    pub(crate) fn explain(
        &self,
        session: &Session,
        model: &Stored,
        rows: &Array2<f64>,
        learnt_on: Option<&Path>,
        players: &Players,
        data: &DataArgs,
    ) -> Done<Attribution> {
        let settings = self.settings()?;
        let sink = Sink::new(self.fits.as_deref(), &["csv"])?;
        if learnt_on.is_none() {
            session.note("Samples are drawn from the rows of --data; --background names others.");
        }
        let place = |name: &String| place("categorical", name, &model.feature_names);
        let mut categorical = data.categorical.iter().map(place).collect::<Done<Vec<usize>>>()?;
        let table = if settings.discretizer == Discretizer::Entropy {
            if data.target.is_none() {
                return Failure::call(
                    "--discretizer entropy cuts where the classes change: give --target",
                );
            }
            data.labelled(session, learnt_on, model)?
        } else {
            let learnt_on = learnt_on.map(|path| data.rows_of(session, path, model)).transpose()?;
            table_of(model, learnt_on.unwrap_or_else(|| rows.clone()))?
        };
        categorical.extend_from_slice(table.categorical());
        let explainer = settings.fit(&table.with_categorical(categorical)?)?;
        let found = explainer.explain(&session.run(), model, rows.view(), players)?;
        session.note(worth(&found));
        if let Sink::File { path, .. } = sink
            && !session.rehearsal.is_on()
        {
            fi_io::write_table_csv(path, &fi_io::lime_table(&found))?;
        }
        Ok(found.attribution)
    }
}

/// How well lines fit, in one sentence.
fn worth(found: &Explanation) -> String {
    let sorted = |values: &Array2<f64>| {
        let mut values: Vec<f64> = values.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let r2 = sorted(&found.r2);
    let at = |share| fi_core::quantile(&r2, share).map_or_else(String::new, fi_viz::number);
    let stability = found.stability.as_ref().map_or_else(String::new, |stability| {
        let vsi = fi_core::quantile(&sorted(&stability.vsi), 0.5).unwrap_or(1.0);
        let csi = fi_core::quantile(&sorted(&stability.csi), 0.5).unwrap_or(1.0);
        format!(
            "; repeats choose the same features at {} and have overlapping values at {} of 1",
            fi_viz::number(vsi),
            fi_viz::number(csi)
        )
    });
    format!("The lines' R² is {} (from {} to {}){stability}.", at(0.5), at(0.0), at(1.0))
}
