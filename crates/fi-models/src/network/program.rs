//! A network at work: its layers' numbers in one flat vector, and the passes through all layers.
//!
//! Whatever is allocated lives in a [`Workspace`], so that a fit allocates once.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use fi_core::Rng;
use ndarray::ArrayView1;

use super::input::Input;
use super::layers::{Backward, Forward, Layer, Memory, Op, Shape};
use super::real::Real;

/// The layers of a network, ready to compute with `T`.
#[derive(Debug)]
pub(super) struct Program<T> {
    input: Input,
    /// What stands before each layer, and behind the last.
    pub(super) shapes: Vec<Shape>,
    ops: Vec<Box<dyn Op<T>>>,
    /// Where each layer's numbers stand in `parameters` and in `state`.
    pub(super) spans: Vec<Range<usize>>,
    state_spans: Vec<Range<usize>>,
    pub(super) parameters: Vec<T>,
    pub(super) state: Vec<T>,
    /// Workspaces between two calls, as many as have been in use at once.
    spare: Mutex<Vec<Workspace<T>>>,
}

/// The values and slopes of one batch.
#[derive(Debug)]
pub(super) struct Workspace<T> {
    pub(super) n_rows: usize,
    /// What stands before each layer, and behind the last: `(steps, n_rows, width)`.
    levels: Vec<Vec<T>>,
    /// Which steps are there, `(steps, n_rows)`; empty for all.
    present: Vec<Vec<bool>>,
    memories: Vec<Memory<T>>,
    /// The slope by the level that the backward pass has reached, and the one before it.
    delta: Vec<T>,
    previous: Vec<T>,
}

/// What a step back through a layer has left.
pub(super) struct Stepped<'a, T> {
    /// What stands at all levels.
    pub(super) levels: &'a [Vec<T>],
    pub(super) memories: &'a [Memory<T>],
    /// The slope by what goes into the layer.
    pub(super) delta: &'a mut [T],
    /// The slope by what comes out of it.
    pub(super) above: &'a [T],
}

impl<T: Real> Workspace<T> {
    pub(super) fn new(n_layers: usize) -> Self {
        Self {
            n_rows: 0,
            levels: (0..=n_layers).map(|_| Vec::new()).collect(),
            present: vec![Vec::new(); n_layers + 1],
            memories: (0..n_layers).map(|_| Memory::default()).collect(),
            delta: Vec::new(),
            previous: Vec::new(),
        }
    }

    /// What stands at a level, and which of its steps are there.
    pub(super) fn level(&self, level: usize) -> (&[T], &[bool]) {
        (&self.levels[level], &self.present[level])
    }

    pub(super) fn memory(&self, layer: usize) -> &Memory<T> {
        &self.memories[layer]
    }

    /// The slope by the level that the backward pass has reached.
    pub(super) fn delta(&self) -> &[T] {
        &self.delta
    }

    /// What a step back has left, its slope to be changed.
    pub(super) fn stepped(&mut self) -> Stepped<'_, T> {
        let Self { levels, memories, delta, previous, .. } = self;
        Stepped { levels, memories, delta, above: previous }
    }
}

impl<T: Real> Program<T> {
    /// These layers, which have been checked.
    pub(super) fn new(input: Input, layers: &[Layer], shapes: &[Shape]) -> Self {
        let mut program = Self {
            input,
            shapes: shapes.to_vec(),
            ops: Vec::with_capacity(layers.len()),
            spans: Vec::new(),
            state_spans: Vec::new(),
            parameters: Vec::new(),
            state: Vec::new(),
            spare: Mutex::default(),
        };
        for (layer, shape) in layers.iter().zip(shapes) {
            program.ops.push(layer.op(*shape));
            let start = program.parameters.len();
            program.parameters.extend(layer.parameters().map(T::of));
            program.spans.push(start..program.parameters.len());
            let start = program.state.len();
            program.state.extend(layer.state().map(T::of));
            program.state_spans.push(start..program.state.len());
        }
        program
    }

    pub(super) fn n_layers(&self) -> usize {
        self.ops.len()
    }

    pub(super) fn n_outputs(&self) -> usize {
        self.shapes[self.n_layers()].len()
    }

    /// Lends a workspace that an earlier call may have used: memory that is taken from the system
    /// and given back by every small prediction costs as much as the prediction.
    pub(super) fn with_workspace<R>(&self, use_it: impl FnOnce(&mut Workspace<T>) -> R) -> R {
        // Who panicked left nothing in the list that is wrong.
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = spare().pop();
        let mut work = lent.unwrap_or_else(|| Workspace::new(self.n_layers()));
        let result = use_it(&mut work);
        spare().push(work);
        result
    }

    /// Writes today's numbers back into the layers they came from.
    pub(super) fn store(&self, layers: &mut [Layer]) {
        layers.iter_mut().enumerate().for_each(|(place, layer)| self.store_one(place, layer));
    }

    /// Writes today's numbers back into the layer that came from this place.
    pub(super) fn store_one(&self, place: usize, layer: &mut Layer) {
        let parameters = &self.parameters[self.spans[place].clone()];
        let state = &self.state[self.state_spans[place].clone()];
        layer.fill(parameters.iter().map(|x| x.wide()), state.iter().map(|x| x.wide()));
    }

    /// Makes these the rows at hand.
    pub(super) fn load<'a>(
        &self,
        work: &mut Workspace<T>,
        rows: impl ExactSizeIterator<Item = ArrayView1<'a, f64>>,
    ) {
        work.n_rows = rows.len();
        work.levels[0].resize(work.n_rows * self.shapes[0].len(), T::ZERO);
        self.input.read(rows, &mut work.levels[0], &mut work.present[0]);
    }

    /// Computes all levels from the rows at hand; with draws, as a step of training does.
    pub(super) fn forward(&self, work: &mut Workspace<T>, training: Option<&mut Rng>) {
        self.forward_from(work, 0, training);
    }

    /// Makes room for what stands behind the first layer, of rows that are no sequences, for
    /// someone else to write.
    pub(super) fn first_level<'a>(&self, work: &'a mut Workspace<T>, n_rows: usize) -> &'a mut [T] {
        work.n_rows = n_rows;
        work.present[1].clear();
        work.levels[1].resize(n_rows * self.shapes[1].len(), T::ZERO);
        &mut work.levels[1]
    }

    /// Computes the levels behind this one.
    pub(super) fn forward_from(
        &self,
        work: &mut Workspace<T>,
        level: usize,
        mut training: Option<&mut Rng>,
    ) {
        let n_rows = work.n_rows;
        for (l, op) in self.ops.iter().enumerate().skip(level) {
            let (before, behind) = work.levels.split_at_mut(l + 1);
            let (mask, next) = work.present.split_at_mut(l + 1);
            let (present, next) = (mask[l].as_slice(), &mut next[0]);
            let (output, shape) = (&mut behind[0], self.shapes[l + 1]);
            output.resize(n_rows * shape.len(), T::ZERO);
            op.forward(Forward {
                n_rows,
                parameters: &self.parameters[self.spans[l].clone()],
                state: &self.state[self.state_spans[l].clone()],
                input: &before[l],
                present,
                output,
                memory: &mut work.memories[l],
                training: training.as_deref_mut(),
            });
            next.clear();
            if shape.steps.is_some() && !present.is_empty() {
                op.mask(n_rows, present, next);
            }
            clear_masked(output, next, shape.width);
        }
    }

    /// Lets the layers' states follow what the last forward pass saw.
    pub(super) fn settle(&mut self, work: &Workspace<T>) {
        for ((op, memory), span) in self.ops.iter().zip(&work.memories).zip(&self.state_spans) {
            op.settle(memory, &mut self.state[span.clone()]);
        }
    }

    /// The `(n_rows, n_outputs)` output of the last layer.
    pub(super) fn margins<'a>(&self, work: &'a Workspace<T>) -> &'a [T] {
        &work.levels[self.n_layers()]
    }

    /// The margins, and where to put the slopes by them before a backward pass.
    pub(super) fn margins_and_seeds<'a>(
        &self,
        work: &'a mut Workspace<T>,
    ) -> (&'a [T], &'a mut [T]) {
        work.delta.resize(work.n_rows * self.n_outputs(), T::ZERO);
        (&work.levels[self.n_layers()], &mut work.delta)
    }

    /// Walks back from the margins, as far as somebody wants to know.
    ///
    /// For a level, its slope is left in the workspace.
    pub(super) fn backward(
        &self,
        work: &mut Workspace<T>,
        mut reach: Reach<'_, T>,
        training: bool,
    ) {
        let lowest = match reach {
            Reach::Level(level) => level,
            Reach::Gradient(_) => self.spans.iter().position(|span| !span.is_empty()).unwrap_or(0),
        };
        for l in (lowest..self.n_layers()).rev() {
            let (gradient, goes_on) = match &mut reach {
                Reach::Level(_) => (None, true),
                Reach::Gradient(all) => (Some(&mut all[self.spans[l].clone()]), l > lowest),
            };
            self.step_back(work, l, gradient, goes_on, training);
        }
        clear_masked(&mut work.delta, &work.present[lowest], self.shapes[lowest].width);
    }

    /// Walks back through one layer: from the slope by what comes out of it to that by what goes
    /// in, if it `goes_on`.
    pub(super) fn step_back(
        &self,
        work: &mut Workspace<T>,
        l: usize,
        gradient: Option<&mut [T]>,
        goes_on: bool,
        training: bool,
    ) {
        clear_masked(&mut work.delta, &work.present[l + 1], self.shapes[l + 1].width);
        work.previous.resize(work.n_rows * self.shapes[l].len(), T::ZERO);
        self.ops[l].backward(Backward {
            n_rows: work.n_rows,
            parameters: &self.parameters[self.spans[l].clone()],
            input: &work.levels[l],
            present: &work.present[l],
            output: &work.levels[l + 1],
            memory: &mut work.memories[l],
            delta: &mut work.delta,
            previous: goes_on.then_some(&mut work.previous),
            gradient,
            training,
        });
        std::mem::swap(&mut work.delta, &mut work.previous);
    }
}

/// How far a backward pass goes.
pub(super) enum Reach<'a, T> {
    /// To the learned numbers of every layer, whose slopes it writes here.
    Gradient(&'a mut [T]),
    /// To what stands before this layer.
    Level(usize),
}

/// Puts 0 at the steps that are not there.
fn clear_masked<T: Real>(values: &mut [T], present: &[bool], width: usize) {
    for (step, _) in values.chunks_exact_mut(width).zip(present).filter(|(_, there)| !**there) {
        step.fill(T::ZERO);
    }
}
