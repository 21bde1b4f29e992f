//! `LayerNormalization` of tensors that have the axis it names; of others tract's own counts
//! without end.

use std::sync::LazyLock;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::{
    Expansion, InferenceOp, InferenceResult, OutletId, Solver, StaticName, TVec, TensorProxy,
    TractResult, TypedModel, bail, expand,
};

use super::operators::Attributes;

pub(super) const NAME: &str = "LayerNormalization";

type Build = fn(&ParsingContext<'_>, &NodeProto) -> Built;
type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// tract's own.
static OWN: LazyLock<Option<Build>> =
    LazyLock::new(|| tract_onnx::onnx().op_register.0.get(NAME).copied());

#[derive(Debug, Clone)]
struct LayerNorm {
    axis: i64,
    own: Box<dyn Expansion>,
}

/// What tract calls for each node of it.
pub(super) fn build(context: &ParsingContext<'_>, node: &NodeProto) -> Built {
    let Some(build) = *OWN else { bail!("tract has no {NAME}") };
    let (own, closures) = build(context, node)?;
    let Ok(own) = own.into_any().downcast::<Box<dyn Expansion>>() else {
        bail!("tract's {NAME} is none that says its rules")
    };
    let axis = Attributes(node).get("axis").map_or(-1, |attribute| attribute.i);
    Ok((expand(LayerNorm { axis, own: *own }), closures))
}

impl Expansion for LayerNorm {
    fn name(&self) -> StaticName {
        self.own.name()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.own.nboutputs()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [input, ..] = inputs else { bail!("{NAME} has no input") };
        solver.given(&input.rank, move |solver, rank| {
            if !(-rank..rank).contains(&self.axis) {
                bail!("{NAME} names axis {} of {rank}", self.axis);
            }
            self.own.rules(solver, inputs, outputs)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.own.wire(prefix, model, inputs)
    }
}
