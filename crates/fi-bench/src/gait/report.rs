//! `report.md`: which way to score finds the planted pairs and sensors, computed from the files.

use std::fmt::Write as _;

use super::Study;
use super::phase_slope::{BINS, Phase};
use super::recipe::{LIMP, SAMPLES};
use super::summary::{Recovery, mean, of, planted, players};
use crate::compare::records::markdown_table;

/// The title of the page.
pub(super) const TITLE: &str = "Which sensors tell an injured gait?";

/// The whole report as Markdown; figures are linked beside it.
pub(super) fn markdown(study: &Study) -> String {
    let sections = [
        opening(study),
        in_short(study),
        recovery(study),
        pairs(study),
        sums(study),
        skill(study),
        design(study),
        reproduce(study),
    ];
    sections.join("\n")
}

fn opening(study: &Study) -> String {
    let effort = &study.manifest.effort;
    format!(
        "# {TITLE}\n\nFive sensors of six channels each give 435 features: the phase slope between \
         two channels. Gait is drawn, so that it is known which pairs of sensors tell the injured \
         side: {}. On {} persons with {} trials each and with {} seeds, forests are trained, and \
         every way to score a pair is held against the truth, on persons left out.\n",
        planted("pair").join(" and "),
        effort.n_persons,
        effort.n_trials,
        study.manifest.n_seeds
    )
}

fn line<'a>(study: &'a Study, phase: Phase, way: &str, level: &str) -> Option<&'a Recovery> {
    let mut all = study.recovery.iter();
    all.find(|l| l.phase == phase.name() && l.way == way && l.level == level)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn in_short(study: &Study) -> String {
    let mut text = String::from("## In short\n\n");
    for (level, what) in [("pair", "both planted pairs"), ("sensor", "the three planted sensors")] {
        for phase in Phase::ALL {
            let ways = study.manifest.ways.iter().filter_map(|(way, _)| {
                let found = line(study, phase, way, level)?;
                Some(format!("{way}: {} (AUC {:.2})", percent(found.found), found.auc))
            });
            let _ = writeln!(
                text,
                "- Seeds in which {what} come first, {} phases: {}.",
                phase.name(),
                ways.collect::<Vec<_>>().join("; ")
            );
        }
    }
    text
}

fn recovery(study: &Study) -> String {
    let mut text = String::from(
        "## What is found, and what the others score\n\nScores are means over seeds, folds and the \
         planted pairs or sensors, or the others. *Above 0* is the share of folds in which the \
         interval (95 %, this model on the population, persons as units) is above 0. Sensors \
         overlap, so the others share features with planted ones; the other pairs do not.\n\n",
    );
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    let rows: Vec<Vec<String>> = study
        .recovery
        .iter()
        .map(|l| {
            vec![
                format!("{}, {}", l.way, l.level),
                l.phase.clone(),
                percent(l.found),
                format!("{:.2}", l.auc),
                format!("{:.4}", l.planted),
                format!("{:.4}", l.others),
                share(l.planted_above),
                share(l.others_above),
            ]
        })
        .collect();
    let headers =
        ["way", "phase", "found", "AUC", "planted", "others", "planted above 0", "others above 0"];
    text.push_str(&markdown_table(&headers, &rows));
    text
}

fn pairs(study: &Study) -> String {
    let mut text = String::new();
    for phase in Phase::ALL {
        let _ = writeln!(text, "## Every pair, {} phases\n", phase.name());
        let rows: Vec<Vec<String>> = players("pair")
            .into_iter()
            .map(|player| {
                let mark = if planted("pair").contains(&player) { " (planted)" } else { "" };
                let mut row = vec![format!("{}{mark}", player.replace('_', " "))];
                for (way, _) in &study.manifest.ways {
                    let own = of(&study.lines, phase, way, "pair").filter(|l| l.player == player);
                    row.push(format!("{:.4}", mean(&own.map(|l| l.value).collect::<Vec<_>>())));
                }
                row
            })
            .collect();
        let mut headers = vec!["pair"];
        headers.extend(study.manifest.ways.iter().map(|(way, _)| way.as_str()));
        text.push_str(&markdown_table(&headers, &rows));
        let _ = writeln!(
            text,
            "\n![published sums by log loss](published-log-loss-{0}.svg)\n\n![joint](joint-log-loss-{0}.svg)\n\n\
             ![published sums by accuracy](published-accuracy-{0}.svg)\n",
            phase.name()
        );
    }
    text
}

fn sums(study: &Study) -> String {
    let mut text = String::from(
        "## Why the sum is no importance of the pair\n\nTwo things stand between the sum of features \
         permuted alone and what a pair is worth. Noise of 36 features that is clipped at 0 cannot \
         cancel, so pairs without any effect score above 0. And features that say the same stand in \
         for each other: each alone seems dispensable, so the sum is too small where it matters.\n\n",
    );
    for phase in Phase::ALL {
        let [clipped, signed, joint] =
            ["published sum, log loss", "signed sum, log loss", "joint, log loss"]
                .map(|way| line(study, phase, way, "pair"));
        let (Some(clipped), Some(signed), Some(joint)) = (clipped, signed, joint) else { continue };
        let _ = writeln!(
            text,
            "- {} phases: pairs that say nothing have a published sum of {:.4}, with the negative \
             terms {:.4}, jointly {:.4}. The planted pairs have a published sum of {:.4} and are \
             worth {:.4} jointly. Planted to others: {:.1} in sums, {}.",
            phase.name(),
            clipped.others,
            signed.others,
            joint.others,
            clipped.planted,
            joint.planted,
            clipped.planted / clipped.others,
            if joint.others > 0.0 {
                format!("{:.1} jointly", joint.planted / joint.others)
            } else {
                "and jointly the others are not above 0 on average".to_owned()
            }
        );
    }
    text
}

fn skill(study: &Study) -> String {
    let rows: Vec<Vec<String>> = Phase::ALL
        .into_iter()
        .map(|phase| {
            let own: Vec<_> = study.skills.iter().filter(|s| s.phase == phase.name()).collect();
            let of =
                |f: fn(&super::Skill) -> f64| mean(&own.iter().map(|s| f(s)).collect::<Vec<_>>());
            let better = own.iter().filter(|s| s.log_loss < s.constant).count();
            vec![
                phase.name().to_owned(),
                format!("{:.3}", of(|s| s.log_loss)),
                format!("{:.3}", of(|s| s.constant)),
                percent(of(|s| s.accuracy)),
                format!("{better} of {}", own.len()),
            ]
        })
        .collect();
    let headers =
        ["phase", "log loss", "of a constant", "accuracy", "folds better than a constant"];
    format!(
        "## What the forests learned\n\nOn persons left out; three classes, a third each.\n\n{}",
        markdown_table(&headers, &rows)
    )
}

fn design(study: &Study) -> String {
    let effort = &study.manifest.effort;
    let ways = study.manifest.ways.iter().map(|(way, about)| format!("- **{way}**: {about}."));
    format!(
        "## Design\n\nA trial is {SAMPLES} samples at 60 Hz. Each channel is a stride of about 0.95 Hz with \
         its harmonics, at its sensor's delay, plus white noise; and what the two sensors of each pair \
         have in common, another movement in every trial, arrives at the second of them later. The \
         ankles hand on to the sacrum strongly, the other pairs weakly. In the class Left this takes \
         {:.0} ms longer from the left ankle to the sacrum, in Right from the right one. Persons and \
         trials differ at random in stride and delays.\n\nA feature is the slope of a line fitted to the \
         phase of the cross spectrum over the first {BINS} bins, 1.5 Hz; phases *wrapped* as they come, which \
         is the published recipe, or *unwrapped* first. The 75 features within a sensor are 0, as \
         published.\n\nForests of {} trees are trained in {} folds that keep each person on one side. \
         Features are permuted {} times alone and {} times together.\n\n{}\n",
        1000.0 * LIMP,
        effort.n_trees,
        effort.n_folds,
        effort.n_single,
        effort.n_joint,
        ways.collect::<Vec<_>>().join("\n")
    )
}

fn reproduce(study: &Study) -> String {
    format!(
        "## Reproduce\n\n```sh\n{}\n```\n\n`gait.csv` has every score of every fold, `features.csv` every \
         feature's importance, `recovery.csv` the first table; `--check` computes the rest again from \
         them.\n",
        study.manifest.command
    )
}
