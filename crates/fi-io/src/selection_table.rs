//! Selections as tables: the sets that were tried, and what is known of each player.

use fi_core::selection::{Decision, Honest, Selection};

use crate::table::{Cell, Table};

/// The sets of players that were tried, most first:
/// `n_features,features,score,ci_low,ci_high,chosen`, and
/// `honest_score,honest_ci_low,honest_ci_high` in the line of the chosen set.
///
/// `features` are names with `;` between them, `chosen` is 1 or 0. Without scores of its own a
/// selector's `score` is the honest one.
pub fn selection_table(selection: &Selection, honest: Option<&Honest>) -> Table {
    let mut table = Table::new([
        "n_features",
        "features",
        "score",
        "ci_low",
        "ci_high",
        "chosen",
        "honest_score",
        "honest_ci_low",
        "honest_ci_high",
    ]);
    let interval = honest.and_then(|honest| honest.interval.as_ref());
    let of_honest = [
        honest.map(|honest| honest.score),
        interval.map(|interval| interval.low[0]),
        interval.map(|interval| interval.high[0]),
    ];
    for row in &selection.path {
        let honest = of_honest.map(|value| value.filter(|_| row.chosen));
        let own = match row.score {
            Some(_) => [row.score, row.ci_low, row.ci_high],
            None => honest,
        };
        let front: [Cell; 2] = [row.n_features.into(), row.features.join(";").into()];
        let chosen: Cell = usize::from(row.chosen).into();
        let cells = front.into_iter().chain(own.map(Cell::from)).chain([chosen]);
        table.push(cells.chain(honest.map(Cell::from)));
    }
    table
}

/// What is known of each player: `feature,chosen,rank,score,hits,decision`, with an honest score
/// `n_folds_chosen`, in how many folds it was chosen again, and the `spread` of the score over draws
/// and the `e_value` of knockoffs. Columns without a meaning for
/// the selector are empty.
pub fn selected_features_table(selection: &Selection, honest: Option<&Honest>) -> Table {
    let columns = [
        "feature",
        "chosen",
        "rank",
        "score",
        "hits",
        "decision",
        "n_folds_chosen",
        "spread",
        "e_value",
    ];
    let mut table = Table::new(columns);
    for (player, name) in selection.players.names().iter().enumerate() {
        let chosen = |of: &Selection| of.chosen.binary_search(&player).is_ok();
        let decision = selection.decisions.as_ref().map(|decisions| match decisions[player] {
            Decision::Confirmed => "confirmed",
            Decision::Tentative => "tentative",
            Decision::Rejected => "rejected",
        });
        let n_folds = honest.map(|honest| honest.folds.iter().filter(|fold| chosen(fold)).count());
        let cells: [Cell; 9] = [
            name.as_str().into(),
            usize::from(chosen(selection)).into(),
            selection.ranking.as_ref().map(|ranking| ranking[player]).into(),
            selection.scores.as_ref().map(|scores| scores[player]).into(),
            selection.hits.as_ref().map(|hits| hits[player]).into(),
            decision.into(),
            n_folds.into(),
            selection.spreads.as_ref().map(|spreads| spreads[player]).into(),
            selection.e_values.as_ref().map(|e_values| e_values[player]).into(),
        ];
        table.push(cells);
    }
    table
}
