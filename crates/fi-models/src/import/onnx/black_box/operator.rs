//! [`Rows`] as an operator of tract.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::operators;
use super::rows::Rows;

/// The operator before and after shapes are known.
#[derive(Debug, Clone)]
pub(super) struct Operator(Arc<Rows>);

impl PartialEq for Operator {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Operator {}

/// What tract calls for each node of such an operator.
pub(super) fn build(
    _context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let rows = operators::read(node).map_err(TractError::new)?;
    Ok((expand(Operator(Arc::new(rows))), Vec::new()))
}

impl Operator {
    fn output_type(&self, input: DatumType) -> DatumType {
        if self.0.keeps_double() && input == f64::datum_type() { input } else { f32::datum_type() }
    }
}

impl Expansion for Operator {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].rank, 2)?;
        solver.equals(&outputs[0].rank, 2)?;
        solver.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
        solver.given(&inputs[0].datum_type, move |solver, kind| {
            solver.equals(&outputs[0].datum_type, self.output_type(kind))
        })?;
        if let Some(n_columns) = self.0.n_columns() {
            solver.equals(&inputs[0].shape[1], n_columns.to_dim())?;
        }
        if self.0.is_wide() {
            solver.equals(&outputs[0].shape[1], self.0.n_outputs(0).to_dim())
        } else {
            solver.equals(&outputs[0].shape[1], &inputs[0].shape[1])
        }
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Operator {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    op_as_typed_op!();
}

impl EvalOp for Operator {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let &[n_rows, n_columns] = input.shape() else {
            bail!("{} is given {} dimensions", self.0.name(), input.rank());
        };
        if self.0.n_columns().is_some_and(|needed| needed != n_columns) {
            bail!("{} is given {n_columns} columns", self.0.name());
        }
        let numbers = input.cast_to::<f64>()?;
        let numbers = numbers.try_as_plain_ram()?;
        let made = self.0.apply(numbers.as_slice::<f64>()?, n_columns).map_err(TractError::new)?;
        let shape = [n_rows, self.0.n_outputs(n_columns)];
        let made = if self.output_type(input.datum_type()) == f64::datum_type() {
            Tensor::from_shape(&shape, &made)?
        } else {
            let made: Vec<f32> = made.into_iter().map(|x| x as f32).collect();
            Tensor::from_shape(&shape, &made)?
        };
        Ok(tvec!(made.into_tvalue()))
    }
}

impl TypedOp for Operator {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("{} takes one input", self.0.name()) };
        let n_outputs =
            if self.0.is_wide() { self.0.n_outputs(0).to_dim() } else { input.shape[1].clone() };
        let shape = [input.shape[0].clone(), n_outputs];
        Ok(tvec!(self.output_type(input.datum_type).fact(&shape)))
    }

    as_op!();
}
