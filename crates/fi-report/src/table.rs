//! The table of importances, several methods beside each other.

use fi_core::{Importance, Replicate};
use fi_io::{ImportanceRow, importance_rows};
use fi_viz::number;
use maud::{Markup, html};

use crate::report::Findings;
use crate::words::{called, heading, unit};

/// Longer tables say how much they leave out.
const MOST_ROWS: usize = 500;

/// One method's cells, by player.
struct Column<'a> {
    importance: &'a Importance,
    rows: Vec<ImportanceRow>,
    has_interval: bool,
    has_range: bool,
}

impl<'a> Column<'a> {
    fn new(importance: &'a Importance) -> Self {
        let sorted = importance_rows(importance);
        let mut rows = sorted.clone();
        for (row, player) in sorted.into_iter().zip(importance.order()) {
            rows[player] = row;
        }
        // The rank in a single row, or for a single output, is no rank of the whole.
        let ranked = matches!(
            importance.replicate_kind,
            Some(Replicate::Repeat | Replicate::Fold | Replicate::Tree | Replicate::Seed)
        );
        Self {
            importance,
            has_interval: importance.interval.is_some(),
            has_range: ranked && importance.replicates.ncols() > 1,
            rows,
        }
    }

    fn width(&self) -> usize {
        2 + usize::from(self.has_interval)
    }
}

/// A cell and the number that it is sorted by.
fn cell(key: f64, text: &str) -> Markup {
    let key = if key.is_nan() { String::new() } else { key.to_string() };
    html! { td data-key=(key) { (text) } }
}

pub(crate) fn importances(findings: &Findings) -> Markup {
    let columns: Vec<Column<'_>> = findings.importances.iter().map(Column::new).collect();
    let order = findings.importances[0].order();
    let shown_rows = order.len().min(MOST_ROWS);
    let what = if findings.model.n_groups.is_some() { "Group" } else { "Feature" };
    let any_range = columns.iter().any(|column| column.has_range);
    html! {
        div.wide role="region" aria-labelledby="importances-caption" tabindex="0" {
            table.sortable #importances {
                caption #importances-caption {
                    "Importance by " (columns.len()) " "
                    (if columns.len() == 1 { "method" } else { "methods" })
                    ", most important by " (called(&findings.importances[0])) " first"
                    @if shown_rows < order.len() {
                        "; the first " (shown_rows) " of " (order.len())
                    }
                }
                thead {
                    tr {
                        th scope="col" rowspan="2" data-sort="text" { (what) }
                        @for column in &columns {
                            th.method scope="colgroup" colspan=(column.width()) {
                                (heading(column.importance))
                            }
                        }
                    }
                    tr {
                        @for column in &columns {
                            @let of = called(column.importance);
                            th.first scope="col" data-sort="descending" data-of=(of)
                                title=(unit(column.importance)) { "importance" }
                            @if column.has_interval {
                                th scope="col" data-sort="descending" data-of=(of) { "interval" }
                            }
                            th scope="col" data-sort="ascending" data-of=(of) { "rank" }
                        }
                    }
                }
                tbody {
                    @for &player in order.iter().take(MOST_ROWS) {
                        @let name = &findings.importances[0].features[player];
                        tr {
                            th scope="row" { bdi { (name) } }
                            @for column in &columns { (cells(column, player)) }
                        }
                    }
                }
            }
        }
        p.note {
            "Each method has its own unit: compare numbers within a column, and ranks between them. "
            @if any_range {
                "Beside a rank stands its range over the repeats."
            }
        }
    }
}

fn cells(column: &Column<'_>, player: usize) -> Markup {
    let row = &column.rows[player];
    let rank = match (row.rank_low, row.rank_high) {
        (Some(low), Some(high)) if column.has_range => format!("{} ({low}–{high})", row.rank),
        _ => row.rank.to_string(),
    };
    html! {
        (cell(row.importance, &number(row.importance)))
        @if column.has_interval {
            @let (low, high) = (row.ci_low.unwrap_or(f64::NAN), row.ci_high.unwrap_or(f64::NAN));
            (cell(low, &format!("{} to {}", number(low), number(high))))
        }
        (cell(row.rank as f64, &rank))
    }
}
