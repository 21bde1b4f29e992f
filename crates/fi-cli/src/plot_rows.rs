//! `fi plot` of contributions to rows, and of a model's curves.

use std::path::{Path, PathBuf};

use clap::Args;
use fi_core::{AccumulatedLocalEffects, Attribution, PartialDependence};
use fi_viz::{Beeswarm, CurveChart, Dependence, Figure, Waterfall};
use ndarray::Array2;

use crate::data::{DataArgs, LayersArg, place, shortened};
use crate::failure::{Done, Failure};
use crate::importance::table_of;
use crate::plot::Kind;
use crate::session::Session;

/// Which rows, features and outputs to draw.
#[derive(Args)]
pub(crate) struct RowArgs {
    #[command(flatten)]
    data: DataArgs,
    /// beeswarm, waterfall, dependence: the model that was explained, whose features name the
    /// players of an array and are found in --data
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    layers: LayersArg,
    /// waterfall: the row, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    row: usize,
    /// beeswarm, waterfall, dependence: the output of several, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    output_index: usize,
    /// dependence, partial-dependence, ale: the feature along the axis
    #[arg(long, value_name = "NAME")]
    feature: Option<String>,
    /// dependence: the feature that colours [default: the one that explains most of how
    /// contributions differ among rows alike in --feature]
    #[arg(long, value_name = "NAME")]
    color: Option<String>,
    /// partial-dependence: so many single rows as thin lines (ICE)
    #[arg(long, value_name = "N", default_value_t = 50)]
    lines: usize,
}

impl RowArgs {
    /// A picture of contributions in a file.
    pub(crate) fn local(
        &self,
        session: &Session,
        kind: Kind,
        file: &Path,
        title: Option<&str>,
    ) -> Done<Figure> {
        let (attribution, rows) = self.attribution(session, file)?;
        let title = |own: String| title.map_or(own, str::to_owned);
        let rows = rows.as_ref();
        Ok(match kind {
            Kind::Waterfall => {
                let row = rows.filter(|rows| self.row < rows.nrows()).map(|r| r.row(self.row));
                let chart = Waterfall::of(&attribution, self.row, self.output_index, row)?;
                Waterfall { title: title(chart.title.clone()), ..chart }.figure()?
            }
            Kind::Dependence => {
                let Some(rows) = rows else {
                    return Failure::call(
                        "a dependence plot is over the feature's values: give --data",
                    );
                };
                let feature = place("feature", self.feature(kind)?, &attribution.features)?;
                let color = self.color.as_ref();
                let color = color.map(|name| place("color", name, &attribution.features));
                let (output, color) = (self.output_index, color.transpose()?);
                let chart = Dependence::of(&attribution, output, feature, rows.view(), color)?;
                Dependence { title: title(chart.title.clone()), ..chart }.figure()?
            }
            _ => {
                let rows = rows.map(ndarray::ArrayBase::view);
                let chart = Beeswarm::of(&attribution, self.output_index, rows)?;
                Beeswarm { title: title(chart.title.clone()), ..chart }.figure()?
            }
        })
    }

    /// Contributions, and the rows that they explain if --data was given.
    fn attribution(
        &self,
        session: &Session,
        file: &Path,
    ) -> Done<(Attribution, Option<Array2<f64>>)> {
        let model = self.model.as_ref().map(|path| self.data.model(session, &self.layers, path));
        let model = model.transpose()?;
        // Only arrays need names.
        let names = model.as_ref().map(|model| &model.feature_names[..]);
        let mut attribution = fi_io::read_attribution(file, names)?;
        let is_array = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
        let rows = if let Some(model) = &model {
            let groups =
                attribution.features.iter().find(|name| !model.feature_names.contains(name));
            match groups {
                _ if !self.data.is_given() => None,
                Some(group) => return Self::of_groups(file, group),
                None => Some(self.data.rows(session, model)?),
            }
        } else if is_array && self.data.is_given() {
            // An array has no names: its players are the table's columns.
            self.named(session, file, &mut attribution)?
        } else {
            if is_array && let Some(names) = &self.data.names {
                attribution.features = fi_io::read_names(names, file, attribution.features.len())?;
            }
            self.columns(file, &attribution.features)?
        };
        let n_rows = attribution.values.dim().0;
        if let Some(rows) = rows.as_ref().filter(|rows| rows.nrows() != n_rows) {
            let file = file.display();
            return Failure::call(format!(
                "`{file}` explains {n_rows} rows and --data has {}: give the rows that were \
                 explained",
                rows.nrows()
            ));
        }
        Ok((attribution, rows))
    }

    /// Names an array's players as the table's columns, and answers with these.
    fn named(
        &self,
        session: &Session,
        file: &Path,
        attribution: &mut Attribution,
    ) -> Done<Option<Array2<f64>>> {
        let Some((mut names, mut rows)) = self.data.features(None)? else { return Ok(None) };
        let n = attribution.features.len();
        if names.len() == n + 1 && self.data.target.is_none() {
            // As for `fi train`, whose target is the last column if none is named.
            let last = names.remove(n);
            session.note(format!("`{last}` is taken for the target; --target names another."));
            rows = rows.slice(ndarray::s![.., ..n]).to_owned();
        }
        if names.len() != n {
            return Failure::call(format!(
                "`{}` has contributions of {n} features, but --data has {} columns: {}; give \
                 --model, or name --target and --drop what is no feature",
                file.display(),
                names.len(),
                shortened(&names)
            ));
        }
        attribution.features = names;
        Ok(Some(rows))
    }

    fn of_groups<T>(file: &Path, group: &str) -> Done<T> {
        Failure::call(format!(
            "`{}` has contributions of `{group}`, which is no column of --data: groups have no value \
             to draw, so leave --data out or explain single features",
            file.display()
        ))
    }

    /// The columns of these names, if a table was given.
    fn columns(&self, file: &Path, wanted: &[String]) -> Done<Option<Array2<f64>>> {
        let failure = match self.data.features(Some(wanted)) {
            Ok(found) => return Ok(found.map(|(_, rows)| rows)),
            Err(failure) => failure,
        };
        // Groups are no columns, and text is numbered without a model only in a whole table.
        let Ok(Some((names, rows))) = self.data.features(None) else { return Err(failure) };
        let place = |name: &String| names.iter().position(|other| other == name);
        if let Some(places) = wanted.iter().map(place).collect::<Option<Vec<usize>>>() {
            return Ok(Some(rows.select(ndarray::Axis(1), &places)));
        }
        let unknown = wanted.iter().find(|name| !names.contains(name));
        Self::of_groups(file, unknown.map_or("", String::as_str))
    }

    /// A curve of a model.
    pub(crate) fn curve(
        &self,
        kind: Kind,
        file: &Path,
        title: Option<&str>,
        session: &Session,
    ) -> Done<Figure> {
        let model = self.data.model(session, &self.layers, file)?;
        let feature = place("feature", self.feature(kind)?, &model.feature_names)?;
        let rows = self.data.rows(session, &model)?;
        let data = table_of(&model, rows)?;
        let categorical = self.data.categorical.iter();
        let categorical = categorical.map(|name| place("categorical", name, &model.feature_names));
        let mut categorical = categorical.collect::<Done<Vec<usize>>>()?;
        categorical.extend_from_slice(data.categorical());
        let data = data.with_categorical(categorical)?;
        let run = session.run();
        let curve = if kind == Kind::Ale {
            AccumulatedLocalEffects::default().curve(&run, &*model, &data, feature)?
        } else {
            let method = PartialDependence { lines: self.lines, ..PartialDependence::default() };
            method.curve(&run, &*model, &data, feature)?
        };
        let chart = CurveChart::of(&curve, model.class_names.as_deref().unwrap_or_default());
        let title = title.map_or_else(|| chart.title.clone(), str::to_owned);
        Ok(CurveChart { title, ..chart }.figure()?)
    }

    fn feature(&self, kind: Kind) -> Done<&str> {
        match &self.feature {
            Some(feature) => Ok(feature),
            None => Failure::call(format!("{} is of one feature: give --feature", kind.name())),
        }
    }
}
