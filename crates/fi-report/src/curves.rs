//! The prediction over the features that matter most.

use fi_core::{Curve, Dataset, PartialDependence, Run, Target};

use crate::error::Result;
use crate::methods::of;
use crate::model::View;
use crate::report::Report;

pub(crate) fn curves(
    report: &Report,
    run: &Run<'_>,
    view: &View<'_, '_>,
    top: &[usize],
    notes: &mut Vec<String>,
) -> Result<(Vec<usize>, Vec<Curve>)> {
    if view.is_sequence {
        notes.push("Partial dependence is of single columns, and left out for sequences.".into());
        return Ok((Vec::new(), Vec::new()));
    }
    let n_rows = view.rows.nrows();
    let alone;
    let data: &Dataset = if let Some(data) = &view.data {
        data
    } else {
        let target = Target::Values(vec![0.0; n_rows]);
        let names = view.names.iter().cloned();
        alone = Dataset::new(view.rows.clone(), target)?.with_feature_names(names)?;
        &alone
    };
    if n_rows > report.max_curve_rows && report.n_curves > 0 {
        let most = report.max_curve_rows;
        notes
            .push(format!("Partial dependence is the mean over {most} rows, drawn from {n_rows}."));
    }
    let settings = PartialDependence {
        max_rows: Some(report.max_curve_rows),
        confidence: report.confidence,
        ..PartialDependence::default()
    };
    // A column without a value has no curve.
    let known = |feature: &&usize| view.rows.column(**feature).iter().any(|v| !v.is_nan());
    let curved: Vec<usize> = top.iter().filter(known).take(report.n_curves).copied().collect();
    let curve = |&feature: &usize| {
        settings.curve(run, view.model.as_ref(), data, feature).map_err(of("partial dependence"))
    };
    let curves = curved.iter().map(curve).collect::<Result<Vec<_>>>()?;
    Ok((curved, curves))
}
