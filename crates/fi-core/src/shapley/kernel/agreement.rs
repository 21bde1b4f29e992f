//! What a law makes of the players on which coalitions agree: eight players are a byte, and what
//! they bring stands in tables of all bytes.

use ndarray::{ArrayView1, ArrayView2};

use super::law::Law;

/// Players of a byte.
const EIGHT: usize = 8;

/// A law, and the coalitions with which others are compared.
pub(super) struct Agreement {
    eights: Vec<Eight>,
    /// `exp(−2 Σ cᵢ)`.
    opposite: f64,
}

/// What eight players bring.
struct Eight {
    /// Which of them are present, coalition by coalition.
    present: Vec<u8>,
    /// By the players on which two coalitions differ, bit by bit: `Π exp(−2 cᵢ)`,
    products: [f64; 256],
    /// and `Σ ± ρᵢ`, minus for these.
    sums: [f64; 256],
}

impl Agreement {
    /// From `(n_coalitions, n_players)` signs.
    pub(super) fn new(law: &Law, signs: ArrayView2<'_, f64>) -> Self {
        let n = signs.ncols();
        let eights = (0..n).step_by(EIGHT).map(|first| {
            let (mut products, mut sums) = ([1.0; 256], [0.0; 256]);
            for (bit, &coupling) in law.couplings.iter().skip(first).take(EIGHT).enumerate() {
                let (apart, rate) = ((-2.0 * coupling).exp(), coupling.tanh());
                for differ in 0..1 << bit {
                    let with = differ | 1 << bit;
                    products[with] = products[differ] * apart;
                    sums[with] = sums[differ] - rate;
                    sums[differ] += rate;
                }
            }
            let present = signs.outer_iter().map(|signs| byte(signs, first)).collect();
            Eight { present, products, sums }
        });
        Self { eights: eights.collect(), opposite: (-2.0 * law.couplings.sum()).exp() }
    }

    /// The parts of a coalition's covariances with the first of these that odd sets have, that even
    /// ones have, and `Σᵢ ± ρᵢ` over players, `+` where they agree; all in units of a value's
    /// variance. As many as there is room for.
    pub(super) fn with(&self, signs: ArrayView1<'_, f64>, [odd, even, rates]: [&mut [f64]; 3]) {
        even.fill(1.0);
        rates.fill(0.0);
        for (k, eight) in self.eights.iter().enumerate() {
            let own = byte(signs, k * EIGHT);
            let to = even.iter_mut().zip(rates.iter_mut()).zip(&eight.present);
            for ((product, sum), &present) in to {
                let differ = usize::from(own ^ present);
                *product *= eight.products[differ];
                *sum += eight.sums[differ];
            }
        }
        for (odd, even) in odd.iter_mut().zip(even) {
            let same = *even;
            // What is below all numbers is 0 both ways.
            let opposite = if same > 0.0 { self.opposite / same } else { 0.0 };
            (*odd, *even) = (0.5 * (same - opposite), 0.5 * (same + opposite));
        }
    }
}

/// Which of eight players from the first one are present.
fn byte(signs: ArrayView1<'_, f64>, first: usize) -> u8 {
    let players = signs.into_iter().skip(first).take(EIGHT).enumerate();
    players.fold(0, |byte, (bit, &sign)| byte | u8::from(sign < 0.0) << bit)
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
