//! `fi inspect`: what a model file is, before anything runs.

use std::path::PathBuf;

use clap::Args;
use fi_core::{Model as _, Output};
use fi_models::Fitted;
use fi_models::import::OnnxGraph;
use fi_models::network::{self, Layer, Network};
use fi_models::tree::{Aggregate, Comparison, Precision, Trees};

use crate::data::{LayersArg, shortened};
use crate::failure::Done;
use crate::session::Session;
use crate::table::say;

/// The options of `fi inspect`.
#[derive(Args)]
pub(crate) struct Inspect {
    /// The model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    layers: LayersArg,
}

impl Inspect {
    pub(crate) fn run(&self, session: &Session) -> Done {
        let model = self.layers.load(session, &self.model)?;
        let mut lines: Vec<(&str, String)> = Vec::new();
        let size = std::fs::metadata(&self.model).map_or(0, |metadata| metadata.len());
        let kind = match &model.model {
            Fitted::Trees(trees) if trees.ensemble().n_trees() == 1 => "one tree",
            Fitted::Trees(_) => "ensemble of trees",
            Fitted::Linear(_) => "linear model",
            Fitted::Network(_) => "neural network",
            Fitted::Graph(_) => "black box: a graph of ONNX",
            _ => "black box",
        };
        lines.push(("file", format!("{} ({size} bytes)", self.model.display())));
        lines.push(("kind", kind.to_owned()));
        let n_features = model.feature_names.len();
        lines.push(("features", format!("{n_features}: {}", shortened(&model.feature_names))));
        let output = match model.output() {
            Output::Values => "values",
            Output::Margins => "one score per class",
            Output::Probabilities => "one probability per class",
            Output::Labels => "a label",
        };
        lines.push(("outputs", format!("{}: {output}", model.n_outputs())));
        if let Some(classes) = &model.class_names {
            lines.push(("classes", shortened(classes)));
        }
        for (feature, names) in &model.categories {
            lines.push((
                "categories",
                format!("{} of {feature}: {}", names.len(), shortened(names)),
            ));
        }
        if model.scaler.is_some() {
            lines.push(("input", "scaled inside the model".to_owned()));
        }
        match &model.model {
            Fitted::Trees(trees) => lines.extend(describe(trees)),
            Fitted::Linear(model) => {
                let n_numbers = model.coefficients().len() + model.intercepts().len();
                lines.push(("numbers", format!("{n_numbers}: coefficients and intercepts")));
            }
            Fitted::Network(network) => lines.extend(describe_network(network)),
            Fitted::Graph(graph) => lines.extend(describe_graph(graph)),
            _ => {}
        }
        for (what, is) in lines {
            say(format_args!("{what:<12}{is}"))?;
        }
        Ok(())
    }
}

fn describe(trees: &Trees) -> Vec<(&'static str, String)> {
    let ensemble = trees.ensemble();
    let n_leaves: usize = ensemble.trees().map(|tree| tree.n_leaves()).sum();
    let depth = ensemble.trees().map(|tree| tree.depth()).max().unwrap_or(0);
    let comparison = match ensemble.comparison() {
        Comparison::Less => "x < threshold goes left",
        Comparison::LessEqual => "x <= threshold goes left",
    };
    let precision = match ensemble.precision() {
        Precision::F32 => "single",
        Precision::F64 => "double",
    };
    let aggregate = match ensemble.aggregate() {
        Aggregate::Mean => "mean of the trees",
        Aggregate::Sum => "sum of the trees",
    };
    let statistics = ensemble.statistics();
    let known: Vec<&str> = [
        ("covers", statistics.cover),
        ("impurities", statistics.impurity),
        ("gains", statistics.gain),
    ]
    .into_iter()
    .filter_map(|(name, known)| known.then_some(name))
    .collect();
    let mut splits = comparison.to_owned();
    if ensemble.has_categories() {
        splits.push_str(", and by categories");
    }
    vec![
        ("trees", ensemble.n_trees().to_string()),
        ("nodes", format!("{} ({n_leaves} leaves)", ensemble.n_nodes())),
        ("depth", depth.to_string()),
        ("splits", format!("{splits}, in {precision} precision")),
        ("prediction", format!("{aggregate}, {:?}", trees.link())),
        (
            "knows",
            if known.is_empty() { "no statistics of nodes".into() } else { known.join(", ") },
        ),
    ]
}

fn describe_network(network: &Network) -> Vec<(&'static str, String)> {
    let layers: Vec<&str> = network.layers().iter().map(Layer::kind).collect();
    let precision = match network.precision() {
        network::Precision::Single => "single",
        network::Precision::Double => "double",
    };
    let mut lines = vec![
        ("layers", format!("{}: {}", layers.len(), layers.join(", "))),
        ("precision", precision.to_owned()),
    ];
    if !network.history().is_empty() {
        lines.push(("trained for", format!("{} epochs", network.history().len())));
    }
    lines
}

fn describe_graph(graph: &OnnxGraph) -> Vec<(&'static str, String)> {
    let precision = if graph.is_double() { "double" } else { "single" };
    let rows = graph.fixed_rows().map_or_else(
        || "any number of rows".to_owned(),
        |n_rows| format!("exported for {n_rows} rows, which are computed at once"),
    );
    let operators: Vec<String> = graph
        .operators()
        .iter()
        .map(|(name, count)| if *count > 1 { format!("{name} ×{count}") } else { name.clone() })
        .collect();
    let mut lines = vec![
        ("input", format!("`{}`, {precision} precision, {rows}", graph.input_name())),
        ("output", format!("`{}`", graph.output_name())),
        ("operators", format!("{}: {}", graph.n_operators(), operators.join(", "))),
        ("numbers", format!("{} in weights and other constants", graph.n_numbers())),
    ];
    lines.extend(graph.producer().map(|name| ("written by", name.to_owned())));
    lines
}
