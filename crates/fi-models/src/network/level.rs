//! Which instructions a kernel may use, asked of the processor at run time.
//!
//! [`Level::run`] compiles the same safe source once per level. All levels but the plain one
//! round fused multiplications and additions once, and do nothing else that depends on the width
//! of a register, so their bits are equal.
#![expect(unsafe_code, reason = "calls of code for a processor that was asked what it can do")]

use super::real::Real;

/// The instructions that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Those that every processor of this kind has.
    Plain,
    /// AVX2 and fused multiplication and addition.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
    /// AVX-512 (F, DQ, BW and VL) besides.
    #[cfg(target_arch = "x86_64")]
    Avx512(Detected),
}

/// Only made once the processor said that it has what is named beside it.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detected(());

impl Level {
    /// The most of this processor.
    #[inline]
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 {
                return Self::Avx512(Detected(()));
            }
            if avx2 {
                return Self::Avx2(Detected(()));
            }
        }
        Self::Plain
    }

    /// Does some work in the instructions of this level.
    #[inline]
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Self::Plain => work.run::<false>(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => {
                #[target_feature(enable = "avx2,fma")]
                fn run<W: Work>(work: W) -> W::Output {
                    work.run::<true>()
                }
                // SAFETY: `Detected` is only made on a processor with AVX2 and FMA.
                unsafe { run(work) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => {
                #[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
                fn run<W: Work>(work: W) -> W::Output {
                    work.run::<true>()
                }
                // SAFETY: here `Detected` is only made on a processor with AVX-512 besides.
                unsafe { run(work) }
            }
        }
    }

    /// Every level this processor has, the plain one first.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        match Self::detect() {
            Self::Plain => vec![Self::Plain],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(seen) => vec![Self::Plain, Self::Avx2(seen)],
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(seen) => vec![Self::Plain, Self::Avx2(seen), Self::Avx512(seen)],
        }
    }
}

/// Loops that are worth compiling for several processors.
pub(super) trait Work {
    type Output;

    /// Does it; `FMA` tells whether [`fma`] is an instruction. Must be `#[inline(always)]`, so
    /// that it becomes part of code for the processor at hand.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// `a b + c`, rounded once where the processor can (`FMA`), otherwise twice: in software, one
/// rounding costs a hundred times as much.
#[expect(clippy::inline_always, reason = "becomes one instruction")]
#[inline(always)]
pub(super) fn fma<const FMA: bool, T: Real>(a: T, b: T, c: T) -> T {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_end_with_the_one_that_is_used() {
        let all = Level::all();
        assert_eq!(all[0], Level::Plain);
        assert_eq!(all.last(), Some(&Level::detect()));
    }
}
