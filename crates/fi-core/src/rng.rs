//! Random numbers: the only file that names a generator.
//!
//! Every task draws from its own counter-based stream `(seed, task)`, so what is drawn depends
//! on the seed alone and never on which thread came first.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// A stream of random numbers, addressed by a seed and a stream number.
///
/// # Example
///
/// ```
/// use fi_core::Rng;
///
/// let mut a = Rng::new(7, 0);
/// let mut b = Rng::new(7, 0);
/// assert_eq!(a.uniform(), b.uniform());
/// assert!(a.below(10) < 10);
/// ```
#[derive(Debug, Clone)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The stream `stream` of the seed `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// An integer in `0..n`, without bias; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // Lemire (2019), https://doi.org/10.1145/3230636: multiply, and reject the short end.
        let n = n as u64;
        let mut wide = u128::from(self.bits()) * u128::from(n);
        if (wide as u64) < n {
            let short = n.wrapping_neg() % n.max(1);
            while (wide as u64) < short {
                wide = u128::from(self.bits()) * u128::from(n);
            }
        }
        (wide >> 64) as usize
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A standard normal number (Box–Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Brings `items` into a random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// `amount` different numbers of `0..n` in random order; all of them if `amount ≥ n`.
    pub fn sample(&mut self, n: usize, amount: usize) -> Vec<usize> {
        let amount = amount.min(n);
        let mut items: Vec<usize> = (0..n).collect();
        for i in 0..amount {
            let j = i + self.below(n - i);
            items.swap(i, j);
        }
        items.truncate(amount);
        items
    }
}

/// Mixes a label into a seed (SplitMix64: Steele, Lea, Flood 2014,
/// <https://doi.org/10.1145/2660193.2660195>).
pub(crate) fn mix(seed: u64, label: u64) -> u64 {
    let mut z =
        seed ^ label.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_are_the_same_in_every_release() {
        let mut rng = Rng::new(42, 3);
        let drawn = [rng.bits(), rng.below(1000) as u64, rng.uniform().to_bits(), rng.bits()];
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 4] =
        [6_672_028_999_979_260_041, 592, 4_604_751_378_430_179_950, 9_220_930_015_223_506_592];

    #[test]
    fn below_is_uniform_and_normal_has_its_moments() {
        let mut rng = Rng::new(1, 0);
        let mut counts = [0_usize; 7];
        (0..70_000).for_each(|_| counts[rng.below(7)] += 1);
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 400), "{counts:?}");
        let drawn: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / 1e5;
        let square = drawn.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.02, "{mean} {square}");
    }

    #[test]
    fn a_shuffle_and_a_sample_lose_nothing() {
        let mut rng = Rng::new(2, 0);
        let mut items: Vec<usize> = (0..50).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
        let mut sample = rng.sample(20, 5);
        sample.sort_unstable();
        sample.dedup();
        assert_eq!(sample.len(), 5);
        assert_eq!(rng.sample(3, 9).len(), 3);
        assert_eq!(rng.below(0), 0);
        rng.shuffle(&mut Vec::<u8>::new());
    }
}
