//! Which instructions a kernel may use, asked of the processor at run time.

/// The instructions that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Level {
    /// Those that every processor of this kind has.
    Plain,
    /// AVX2 and fused multiplication and addition.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
    /// AVX-512 besides.
    #[cfg(target_arch = "x86_64")]
    Avx512(Detected),
}

/// Only made once the processor said that it has what is named beside it.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Detected(());

impl Level {
    /// The most of this processor.
    #[inline]
    pub(in super::super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                return Self::Avx512(Detected(()));
            }
            if avx2 {
                return Self::Avx2(Detected(()));
            }
        }
        Self::Plain
    }

    /// Every level this processor has, the plain one first.
    #[cfg(test)]
    pub(in super::super) fn all() -> Vec<Self> {
        match Self::detect() {
            Self::Plain => vec![Self::Plain],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(seen) => vec![Self::Plain, Self::Avx2(seen)],
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(seen) => vec![Self::Plain, Self::Avx2(seen), Self::Avx512(seen)],
        }
    }
}
