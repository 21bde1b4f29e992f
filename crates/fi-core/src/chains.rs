//! Work in chains: steps that each need what the ones before them answered, such as the rounds of
//! an elimination; several chains, such as those of folds, are worked on side by side.
//!
//! A chain is rebuilt from its steps' answers alone, so what is kept of a call is what is kept of
//! any other ([`checkpoint`](crate::checkpoint)): task `c · n_steps + s` is step `s` of chain `c`.
//! A shard does whole chains.

use std::ops::ControlFlow;

use crate::checkpoint::{Fingerprint, Work, damaged};
use crate::error::{Error, Result};
use crate::run::Run;

/// A chain, as far as it has come.
pub(crate) trait Chain: Send {
    type Outcome;

    /// What the next step answers; numbers that have no meaning are NaN.
    fn step(&self) -> Result<Vec<f64>>;

    /// Goes on by an answer: `Break` if the chain is at its end before its last step.
    fn follow(&mut self, answer: &[f64]) -> Result<ControlFlow<()>>;

    /// What has come of it, without the data that its steps need.
    fn outcome(self) -> Self::Outcome;
}

/// What has come of the chains so far, each with whether it is at its end.
pub(crate) struct Chains<O> {
    pub(crate) outcomes: Vec<(O, bool)>,
    /// For a call that cannot answer with so little.
    pub(crate) cancelled: Error,
}

/// Takes the missing steps of chains of at most `n_steps` steps, each of which answers
/// `answer_len` numbers.
///
/// What the learner and the importance of a call are is not known but by what they say: the last
/// chain's first answer is a part of the fingerprint, and is found anew by every call with a keeper.
pub(crate) fn work_through<C: Chain>(
    run: &Run<'_>,
    (n_chains, n_steps): (usize, usize),
    answer_len: usize,
    fingerprint: impl FnOnce() -> Fingerprint,
    begin: impl Fn(usize) -> Result<C> + Sync,
) -> Result<Chains<C::Outcome>> {
    if run.shard().is_some() && n_chains == 1 {
        return Err(Error::Data(
            "this method has no parts for other machines, because each of its steps follows from \
             the one before: run it without a shard"
                .to_owned(),
        ));
    }
    let work =
        Work::open_in_units(run, (n_chains * n_steps, n_steps), Some(answer_len), &[], || {
            let first = if n_steps > 0 { begin(n_chains - 1)?.step()? } else { Vec::new() };
            Ok(fingerprint().with_numbers("what the learner learns", &first))
        })?;
    // A chain from its answers, up to the first step that is missing.
    let replay = |chain: usize| -> Result<(C, usize, bool)> {
        let mut state = begin(chain)?;
        for step in 0..n_steps {
            let number = (chain * n_steps + step) as u64;
            let Some(answer) = work.look(|kept| kept.answers.get(&number).cloned()) else {
                return Ok((state, step, false));
            };
            if state.follow(&answer)?.is_break() {
                return Ok((state, step + 1, true));
            }
        }
        Ok((state, n_steps, true))
    };
    let mut lens: Vec<(usize, usize)> = Vec::new();
    for steps in work.missing().chunk_by(|a, b| a / n_steps == b / n_steps) {
        let chain = steps[0] / n_steps;
        // No call skips a step.
        let (_, first, over) = replay(chain)?;
        if !over && first + steps.len() != n_steps {
            return Err(damaged());
        }
        if !over {
            lens.push((chain, steps.len()));
        }
    }
    let all: Vec<usize> = lens.iter().map(|&(_, len)| len).collect();
    let outcome = work.run().in_turn(
        &all,
        |place| replay(lens[place].0).map(|(state, step, _)| (state, step)),
        |place, (state, step)| {
            let answer = state.step()?;
            let flow = state.follow(&answer)?;
            work.put(lens[place].0 * n_steps + *step, answer, Vec::new());
            *step += 1;
            work.keep()?;
            Ok(flow)
        },
    );
    let outcomes = (0..n_chains)
        .map(|chain| replay(chain).map(|(state, _, over)| (state.outcome(), over)))
        .collect::<Result<Vec<_>>>();
    let total = n_chains * n_steps;
    let cancelled = Error::Cancelled { done: work.close(outcome)?.answers.len(), total };
    Ok(Chains { outcomes: outcomes?, cancelled })
}
