//! The weights of coalitions, in closed form and without large factorials.

/// Up to so many features on a path the weights are looked up.
const MOST: usize = 64;

/// Integrals over the size of a coalition.
///
/// ```text
/// β(a, b) = ∫₀¹ tᵃ (1 − t)ᵇ dt = a! b! / (a + b + 1)!
/// ```
///
/// A leaf that the row reaches where `e` features come from it and `r` from a background row
/// weighs `β(e − 1, r)` for a feature among the `e`, and `−β(e, r − 1)` for one among the `r`.
#[derive(Debug, Clone)]
pub(super) struct Beta {
    /// `(MOST + 1)²` numbers, row `a`, column `b`.
    table: Vec<f64>,
}

impl Beta {
    pub(super) fn new() -> Self {
        let mut table: Vec<f64> = (0..=MOST).map(|b| 1.0 / (b + 1) as f64).collect();
        for a in 1..=MOST {
            for b in 0..=MOST {
                // β(a, b) = β(a − 1, b) · a / (a + b + 1)
                let before = table[(a - 1) * (MOST + 1) + b];
                table.push(before * a as f64 / (a + b + 1) as f64);
            }
        }
        Self { table }
    }

    /// `β(a, b)`; 0 where it is below the smallest number.
    #[inline]
    pub(super) fn get(&self, a: usize, b: usize) -> f64 {
        if a <= MOST && b <= MOST { self.table[a * (MOST + 1) + b] } else { product(a, b) }
    }
}

/// `β` as a product of factors below 1, so that nothing overflows, however many there are.
fn product(a: usize, b: usize) -> f64 {
    let (few, many) = (a.min(b), a.max(b));
    let mut beta = 1.0 / (many + 1) as f64;
    for k in 1..=few {
        beta *= k as f64 / (k + many + 1) as f64;
        if beta == 0.0 {
            break;
        }
    }
    beta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_ones_follow_the_factorials() {
        let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
        let beta = Beta::new();
        for (a, b) in (0..12).flat_map(|a| (0..12).map(move |b| (a, b))) {
            let expected = factorial(a) * factorial(b) / factorial(a + b + 1);
            assert!((beta.get(a, b) / expected - 1.0).abs() < 1e-14, "{a} {b}");
        }
    }

    #[test]
    fn large_ones_neither_overflow_nor_jump() {
        let beta = Beta::new();
        // β(a, b) = β(a + 1, b) + β(a, b + 1), across the end of the table.
        for (a, b) in [(MOST, MOST), (MOST, 3), (2, MOST), (400, 90), (0, 100_000)] {
            let sum = beta.get(a + 1, b) + beta.get(a, b + 1);
            assert!((sum / beta.get(a, b) - 1.0).abs() < 1e-12, "{a} {b}");
        }
        assert_eq!(beta.get(100_000, 100_000), 0.0);
        assert_eq!(beta.get(0, 99_999), 1e-5);
    }
}
