//! Any other graph as a black box, computed by tract.

mod graph;
mod layer_norm;
mod operator;
mod operators;
mod rewrite;
mod rows;
mod svm;

use std::sync::Arc;

use fi_core::{Error, Model, Output};
use ndarray::{Array2, ArrayView1, ArrayView2};
use prost::Message as _;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{DimFact, DimLike, Factoid as _, ShapeFactoid};

use self::graph::{Chosen, Input};
use self::operators::KNOWN;
use crate::import::{Problem, shown};
use crate::store::Stored;

/// So many rows are computed at once, whatever the number that is asked for: then the same kernels
/// see every row. What is left of the rows beside it is the rounding of sums at another place.
const AT_ONCE: usize = 128;

/// A graph of operators of which only predictions are known: a model that another library wrote as
/// ONNX, and that is no ensemble of trees.
///
/// It is read by [`import::onnx`](crate::import::onnx) and computed by tract in the precision of
/// the graph, single in most. A graph that ends in a logistic with one column answers two
/// probabilities; one whose rows sum to 1 probabilities; other graphs of several columns, and
/// scores beside a label, are margins; one column without a label, and what a regressor's operator
/// answers, are values.
///
/// # Cost
///
/// Rows are computed in blocks of 128, or of as many as the graph was exported for: one row costs
/// as much as a block. The same rows have the same bits on any thread; at another place in a block a
/// row's last bits may be others.
///
/// # Example
///
/// ```no_run
/// use fi_models::Fitted;
/// use fi_models::import::load;
///
/// let stored = load("pipeline.onnx".as_ref())?;
/// if let Fitted::Graph(graph) = &stored.model {
///     println!("{} operators: {:?}", graph.n_operators(), graph.operators());
/// }
/// # Ok::<(), fi_models::import::Error>(())
/// ```
pub struct OnnxGraph {
    plan: Arc<TypedRunnableModel>,
    input: Input,
    /// The number of rows that the plan takes.
    n_rows: usize,
    n_features: usize,
    /// Of the graph itself.
    n_columns: usize,
    /// Whether one probability becomes two.
    completes: bool,
    output: Output,
    output_name: String,
    operators: Vec<(String, usize)>,
    n_numbers: usize,
    producer: String,
}

impl std::fmt::Debug for OnnxGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxGraph")
            .field("input", &self.input.name)
            .field("output", &self.output_name)
            .field("operators", &self.operators)
            .finish_non_exhaustive()
    }
}

impl OnnxGraph {
    /// The name of the graph's input of rows.
    pub fn input_name(&self) -> &str {
        &self.input.name
    }

    /// The name of the output that is computed.
    pub fn output_name(&self) -> &str {
        &self.output_name
    }

    /// Whether the input is of double precision.
    pub fn is_double(&self) -> bool {
        self.input.is_double
    }

    /// How many rows the graph was exported for, if not for any number.
    pub fn fixed_rows(&self) -> Option<usize> {
        self.input.n_rows
    }

    /// The operators between input and output, and how often each stands there, by name.
    pub fn operators(&self) -> &[(String, usize)] {
        &self.operators
    }

    /// How many operators there are.
    pub fn n_operators(&self) -> usize {
        self.operators.iter().map(|(_, count)| count).sum()
    }

    /// How many numbers the operators hold: weights and other constants.
    pub fn n_numbers(&self) -> usize {
        self.n_numbers
    }

    /// Which program wrote the file, if it says so.
    pub fn producer(&self) -> Option<&str> {
        Some(self.producer.as_str()).filter(|name| !name.is_empty())
    }

    /// One block of rows, of which there are at most as many as the plan takes.
    fn block(&self, rows: ArrayView2<'_, f64>, made: &mut Vec<f64>) -> TractResult<()> {
        let (n_rows, n_features) = rows.dim();
        let shape = [self.n_rows, n_features];
        let input = if self.input.is_double {
            let mut numbers = vec![0.0; self.n_rows * n_features];
            numbers.iter_mut().zip(rows).for_each(|(place, &x)| *place = x);
            Tensor::from_shape(&shape, &numbers)?
        } else {
            let mut numbers = vec![0.0_f32; self.n_rows * n_features];
            numbers.iter_mut().zip(rows).for_each(|(place, &x)| *place = x as f32);
            Tensor::from_shape(&shape, &numbers)?
        };
        let answer = self.plan.run(tvec!(input.into_tvalue()))?;
        let numbers = answer[0].cast_to::<f64>()?;
        let numbers = numbers.try_as_plain_ram()?;
        made.extend_from_slice(&numbers.as_slice::<f64>()?[..n_rows * self.n_columns]);
        Ok(())
    }

    /// The graph's own columns; tract may panic.
    fn columns(&self, rows: ArrayView2<'_, f64>) -> fi_core::Result<Array2<f64>> {
        fi_core::require_shape("the table", &[rows.nrows(), self.n_features], rows.shape())?;
        let mut made = Vec::with_capacity(rows.nrows() * self.n_columns);
        for block in rows.axis_chunks_iter(ndarray::Axis(0), self.n_rows) {
            self.block(block, &mut made)
                .map_err(|error| Error::model(Problem::Unsupported(first_line(&error))))?;
        }
        Array2::from_shape_vec((rows.nrows(), self.n_columns), made).map_err(Error::model)
    }
}

impl Model for OnnxGraph {
    fn n_features(&self) -> usize {
        self.n_features
    }
    fn n_outputs(&self) -> usize {
        if self.completes { 2 } else { self.n_columns }
    }
    fn output(&self) -> Output {
        self.output
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> fi_core::Result<Array2<f64>> {
        let columns = fi_core::catch_panic(|| self.columns(rows));
        let columns = columns.unwrap_or_else(|| Err(Error::model(unfit())))?;
        if !self.completes {
            return Ok(columns);
        }
        let both = columns.iter().flat_map(|&p| [1.0 - p, p]).collect();
        Array2::from_shape_vec((rows.nrows(), 2), both).map_err(Error::model)
    }
}

/// Reads a graph as a black box.
pub(super) fn read(bytes: &[u8]) -> Result<Stored, Problem> {
    let mut proto = ModelProto::decode(bytes)
        .map_err(|error| Problem::Damaged(format!("no ONNX model, {error}")))?;
    let Some(of) = &proto.graph else {
        return Err(Problem::Damaged("no ONNX model, it has no graph".into()));
    };
    let input = graph::input(of)?;
    let chosen = graph::output(of)?;
    let mut known = tract_onnx::onnx();
    for name in KNOWN {
        known.op_register.insert(name, operator::build);
    }
    known.op_register.insert(layer_norm::NAME, layer_norm::build);
    let is_known = |name: &str| known.op_register.0.contains_key(name) || name == "ZipMap";
    let operators = graph::prune(&mut proto, &input, &chosen.name, &is_known)?;
    // Attributes are read once before tract does, for their sentences.
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    for node in nodes.filter(|node| KNOWN.contains(&node.op_type.as_str())) {
        operators::read(node)?;
    }
    // What a file may hold is without end, and tract is not made for files from anyone.
    let compiled = fi_core::catch_panic(|| compile(&known, &proto, &input));
    let (plan, n_rows, n_features, n_columns) = match compiled {
        Some(Ok(compiled)) => compiled,
        Some(Err(Stopped::Problem(problem))) => return Err(problem),
        Some(Err(Stopped::Tract(error))) => {
            return Err(Problem::Unsupported(format!(
                "its operators do not fit together as tract reads them: {}",
                first_line(&error)
            )));
        }
        None => return Err(unfit()),
    };
    let last = proto.graph.iter().flat_map(|graph| &graph.node).last();
    let ends_in_logistic = last.is_some_and(|node| node.op_type == "Sigmoid");
    let is_regressor = last.is_some_and(|node| node.op_type.ends_with("Regressor"));
    let graph = OnnxGraph {
        plan,
        input,
        n_rows,
        n_features,
        n_columns,
        completes: n_columns == 1 && ends_in_logistic,
        output: Output::Values,
        output_name: chosen.name.clone(),
        operators,
        n_numbers: n_numbers(&proto),
        producer: shown(&proto.producer_name),
    };
    finish(graph, chosen, is_regressor)
}

/// What is said where tract panics.
fn unfit() -> Problem {
    Problem::Damaged("its operators do not fit together".into())
}

/// What the columns are, seen from a few rows.
fn finish(mut graph: OnnxGraph, chosen: Chosen, is_regressor: bool) -> Result<Stored, Problem> {
    let rows = probe(graph.n_features);
    let refuse = |error: &Error| Problem::Unsupported(format!("it cannot be computed: {error}"));
    let together = fi_core::catch_panic(|| {
        let whole = graph.columns(rows.view())?;
        let alone = graph.columns(rows.slice(ndarray::s![3..4, ..]))?;
        let turned = graph.columns(rows.slice(ndarray::s![..;-1, ..]))?;
        fi_core::Result::Ok((whole, alone, turned))
    });
    let (whole, alone, turned) = together.ok_or_else(unfit)?.map_err(|error| refuse(&error))?;
    // Sums of a row's numbers may be rounded otherwise at another place in a block.
    let near =
        |a: f64, b: f64| (a - b).abs() <= 1e-4 * a.abs().max(1.0) || a.is_nan() && b.is_nan();
    let same = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| {
        a.iter().zip(b).all(|(&a, &b)| a == b || near(a, b))
    };
    // A block of one row has nothing beside it.
    let n = rows.nrows();
    let mixes = !same(whole.row(3), alone.row(0)) || !same(whole.row(1), turned.row(n - 2));
    if mixes {
        return Err(Problem::Unsupported(
            "its answer for a row depends on the rows beside it, and a model looks at each row \
             alone"
                .into(),
        ));
    }
    let is_distribution = |row: ArrayView1<'_, f64>| {
        let inside = row.iter().all(|p| (-1e-6..=1.0 + 1e-6).contains(p));
        inside && (row.sum() - 1.0).abs() <= 1e-4
    };
    let mut finite = whole.rows().into_iter().filter(|row| row.iter().all(|x| x.is_finite()));
    let sums_to_one = graph.n_columns > 1 && finite.all(is_distribution);
    let computes = whole.rows().into_iter().any(|row| row.iter().all(|x| x.is_finite()));
    graph.output = match (graph.n_columns, graph.completes || (sums_to_one && computes)) {
        (_, true) => Output::Probabilities,
        (1, false) if !chosen.is_classifier => Output::Values,
        _ if is_regressor => Output::Values,
        _ => Output::Margins,
    };
    let n_classes = match graph.output {
        Output::Margins if graph.n_columns == 1 => 2,
        Output::Margins | Output::Probabilities => graph.n_outputs(),
        Output::Values | Output::Labels => 0,
    };
    let class_names = Some(chosen.classes).filter(|names| names.len() == n_classes);
    let feature_names = (0..graph.n_features).map(|feature| format!("x{feature}")).collect();
    let stored = Stored {
        model: graph.into(),
        feature_names,
        class_names: class_names.filter(|names| !names.is_empty()),
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    };
    stored.validate()?;
    Ok(stored)
}

/// Rows of small and middling numbers, the same for everybody.
fn probe(n_features: usize) -> Array2<f64> {
    Array2::from_shape_fn((9, n_features), |(row, column)| match row {
        0 => 0.0,
        1 => 1.0,
        // Multiples of the golden ratio lie evenly.
        _ => {
            let place = ((row * n_features + column) as f64 * 0.618_033_988_749_894_9).fract();
            (place - 0.5) * [1.0, 4.0, 20.0][row % 3]
        }
    })
}

/// Why a graph is not compiled.
enum Stopped {
    Problem(Problem),
    Tract(TractError),
}

impl From<TractError> for Stopped {
    fn from(error: TractError) -> Self {
        Self::Tract(error)
    }
}

/// The plan, and how many rows, columns and outputs it has.
type Compiled = (Arc<TypedRunnableModel>, usize, usize, usize);

fn compile(
    known: &tract_onnx::Onnx,
    proto: &ModelProto,
    input: &Input,
) -> Result<Compiled, Stopped> {
    // No value in between is believed to be larger: 1 GiB.
    const LARGEST: usize = 1 << 30;
    let problem = |problem: Problem| Stopped::Problem(problem);
    let n_rows = input.n_rows.unwrap_or(AT_ONCE);
    let mut model = known.model_for_proto_model(proto)?;
    let columns = input.n_columns.map_or_else(DimFact::default, |n| DimFact::from(n.to_dim()));
    let shape = ShapeFactoid::closed(tvec!(DimFact::from(n_rows.to_dim()), columns));
    let kind = if input.is_double { f64::datum_type() } else { f32::datum_type() };
    model.set_input_fact(0, InferenceFact::dt_shape(kind, shape))?;
    model.analyse(false)?;
    let shape = model.input_fact(0)?.shape.concretize();
    let n_features = shape.and_then(|shape| shape.get(1).and_then(|n| n.to_usize().ok()));
    let Some(n_features) = n_features.filter(|&n| n > 0) else {
        return Err(problem(Problem::Unsupported(format!(
            "it does not say how many columns its input `{}` has: convert it with the shape \
             (None, number of features)",
            shown(&input.name)
        ))));
    };
    let model = model.into_typed()?;
    for node in model.nodes() {
        for fact in node.outputs.iter().map(|output| &output.fact) {
            let mut sizes = fact.shape.iter();
            let volume =
                sizes.try_fold(8_usize, |all, size| all.checked_mul(size.to_usize().ok()?));
            if volume.is_none_or(|bytes| bytes > LARGEST) {
                return Err(problem(Problem::Unsupported(format!(
                    "its operator `{}` makes more numbers than fi keeps, or an unknown number",
                    shown(&node.name)
                ))));
            }
        }
    }
    let shape: Vec<usize> = {
        let sizes = model.output_fact(0)?.shape.iter();
        sizes.map(DimLike::to_usize).collect::<Result<_, _>>().map_err(TractError::new)?
    };
    // One number per row may lack the second dimension.
    let n_columns = match shape[..] {
        [rows] if rows == n_rows => 1,
        [rows, columns] if rows == n_rows && columns > 0 => columns,
        _ => {
            return Err(problem(Problem::Unsupported(format!(
                "its output has the shape {shape:?} for {n_rows} rows, and fi takes a table of \
                 one line per row"
            ))));
        }
    };
    let plan = model.into_optimized()?.into_runnable()?;
    Ok((plan, n_rows, n_features, n_columns))
}

/// What an error of tract says first, which is one sentence of bounded length.
fn first_line(error: &TractError) -> String {
    const MOST: usize = 200;
    let last = error.chain().last().map(ToString::to_string).unwrap_or_default();
    let line = last.lines().next().unwrap_or_default();
    let plain = |c: char| if c.is_control() { '?' } else { c };
    line.chars().take(MOST).map(plain).collect()
}

fn n_numbers(proto: &ModelProto) -> usize {
    let graph = proto.graph.iter();
    let tensors = graph.clone().flat_map(|graph| &graph.initializer);
    let of_tensor = |dims: &[i64]| dims.iter().product::<i64>().max(0) as usize;
    let attributes = graph.flat_map(|graph| &graph.node).flat_map(|node| &node.attribute);
    tensors.map(|tensor| of_tensor(&tensor.dims)).sum::<usize>()
        + attributes
            .map(|given| {
                let tensor = given.t.as_ref().map_or(0, |tensor| of_tensor(&tensor.dims));
                given.floats.len() + tensor
            })
            .sum::<usize>()
}
