//! Numbers that stand side by side in a register: the same feature of several rows.

/// Single or double precision.
pub(super) trait Real:
    Copy
    + Send
    + Sync
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Neg<Output = Self>
    + 'static
{
    const ZERO: Self;
    const ONE: Self;
    /// The nearest number.
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    /// The largest number that is not above `x`; NaN stays NaN.
    fn below(x: f64) -> Self;
    fn next_down(self) -> Self;
    fn mul_add(self, factor: Self, term: Self) -> Self;
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    fn below(x: f64) -> Self {
        x
    }
    fn next_down(self) -> Self {
        Self::next_down(self)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self::mul_add(self, factor, term)
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as Self
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn below(x: f64) -> Self {
        let nearest = x as Self;
        if f64::from(nearest) > x { nearest.next_down() } else { nearest }
    }
    fn next_down(self) -> Self {
        Self::next_down(self)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self::mul_add(self, factor, term)
    }
}

/// `a b + c`, rounded once where the processor can (`FMA`), otherwise twice: in software, one
/// rounding costs a hundred times as much.
#[inline(always)]
pub(super) fn fma<const FMA: bool, T: Real>(a: T, b: T, c: T) -> T {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `L` numbers of as many rows: 64 bytes, two registers of AVX2.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lanes<T, const L: usize>(pub(super) [T; L]);

impl<T: Real, const L: usize> Lanes<T, L> {
    pub(super) const ZERO: Self = Self([T::ZERO; L]);

    #[inline(always)]
    pub(super) fn all(x: T) -> Self {
        Self([x; L])
    }

    #[inline(always)]
    pub(super) fn map(mut self, f: impl Fn(T) -> T) -> Self {
        for x in &mut self.0 {
            *x = f(*x);
        }
        self
    }

    #[inline(always)]
    pub(super) fn zip(mut self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        for (x, y) in self.0.iter_mut().zip(&other.0) {
            *x = f(*x, *y);
        }
        self
    }

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        self.zip(other, |x, y| x + y)
    }

    #[inline(always)]
    pub(super) fn minus(self, other: Self) -> Self {
        self.zip(other, |x, y| x - y)
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        self.zip(other, |x, y| x * y)
    }

    /// `self · factor + term`.
    #[inline(always)]
    pub(super) fn fma<const FMA: bool>(self, factor: Self, term: Self) -> Self {
        let mut sum = self;
        for i in 0..L {
            sum.0[i] = fma::<FMA, T>(self.0[i], factor.0[i], term.0[i]);
        }
        sum
    }
}
