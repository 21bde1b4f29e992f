//! What a law makes of the players on which coalitions agree: eight players are a byte, and what
//! they bring stands in tables of all bytes.

use ndarray::{ArrayView1, ArrayView2};

use super::law::Law;

/// Players of a byte.
const EIGHT: usize = 8;

/// A law, and the coalitions with which others are compared.
pub(super) struct Agreement {
    /// By the players of each eight on which two coalitions differ, bit by bit: `Π exp(−2 cᵢ)`, and
    /// `Σ ± ρᵢ`, minus for these.
    eights: Vec<[[f64; 2]; 256]>,
    /// Which players are present, coalition by coalition, a byte for each eight.
    present: Vec<u8>,
    /// `exp(−2 Σ cᵢ)`.
    opposite: f64,
}

impl Agreement {
    /// From `(n_coalitions, n_players)` signs.
    pub(super) fn new(law: &Law, signs: ArrayView2<'_, f64>) -> Self {
        let eights = (0..signs.ncols()).step_by(EIGHT).map(|first| {
            let mut eight = [[1.0, 0.0]; 256];
            for (bit, &coupling) in law.couplings.iter().skip(first).take(EIGHT).enumerate() {
                let (apart, rate) = ((-2.0 * coupling).exp(), coupling.tanh());
                for differ in 0..1 << bit {
                    let [product, sum] = eight[differ];
                    eight[differ] = [product, sum + rate];
                    eight[differ | 1 << bit] = [product * apart, sum - rate];
                }
            }
            eight
        });
        let opposite = (-2.0 * law.couplings.sum()).exp();
        let present = signs.outer_iter().flat_map(bytes).collect();
        Self { eights: eights.collect(), present, opposite }
    }

    /// The parts of a coalition's covariances with the first of these that odd sets have, that even
    /// ones have, and `Σᵢ ± ρᵢ` over players, `+` where they agree; all in units of a value's
    /// variance. As many as there is room for.
    pub(super) fn with(&self, signs: ArrayView1<'_, f64>, [odd, even, rates]: [&mut [f64]; 3]) {
        let own: Vec<u8> = bytes(signs).collect();
        let to = odd.iter_mut().zip(even).zip(rates);
        for (((odd, even), rates), present) in to.zip(self.present.chunks_exact(own.len())) {
            let (mut same, mut sum) = (1.0, 0.0);
            for ((eight, own), present) in self.eights.iter().zip(&own).zip(present) {
                let [product, rates] = eight[usize::from(own ^ present)];
                same *= product;
                sum += rates;
            }
            // What is below all numbers is 0 both ways.
            let opposite = if same > 0.0 { self.opposite / same } else { 0.0 };
            (*odd, *even, *rates) = (0.5 * (same - opposite), 0.5 * (same + opposite), sum);
        }
    }
}

/// Which players are present, a byte for each eight.
fn bytes(signs: ArrayView1<'_, f64>) -> impl Iterator<Item = u8> {
    (0..signs.len()).step_by(EIGHT).map(move |first| {
        let players = signs.into_iter().skip(first).take(EIGHT).enumerate();
        players.fold(0, |byte, (bit, &sign)| byte | u8::from(sign < 0.0) << bit)
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn tables_hold_what_sums_over_players_come_to() {
        for n in [1, 7, 8, 9, 24, 30] {
            let mut rng = Rng::new(4, n as u64);
            let couplings = Array1::from_shape_simple_fn(n, || 0.5 * rng.uniform());
            let law = Law { couplings, white: 0.1, single: 0.0 };
            let mut sign = || if rng.uniform() < 0.5 { -1.0 } else { 1.0 };
            let signs = Array2::from_shape_simple_fn((20, n), &mut sign);
            let total = law.couplings.sum();
            let agreement = Agreement::new(&law, signs.view());
            for a in 0..20 {
                let [mut odd, mut even, mut rates] = [[0.0; 20]; 3];
                agreement.with(signs.row(a), [&mut odd, &mut even, &mut rates]);
                for b in 0..20 {
                    let agree = &signs.row(a) * &signs.row(b);
                    let sum = agree.dot(&law.couplings);
                    let same = 0.5 * (sum - total).exp();
                    let opposite = 0.5 * (-sum - total).exp();
                    let near = |found: f64, expected: f64| {
                        assert!((found - expected).abs() < 1e-14, "{n}: {found} {expected}");
                    };
                    near(odd[b], same - opposite);
                    near(even[b], same + opposite);
                    near(rates[b], agree.dot(&law.couplings.mapv(f64::tanh)));
                }
            }
        }
    }
}
