//! Numbers as XGBoost writes them: one of several types in one place, or a text.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// What [`super::literals`] writes for `NaN`, which is no JSON: a whole number that no float is.
pub(super) const NAN: u64 = u64::MAX - 1;
/// For `Infinity`.
pub(super) const INFINITY: u64 = u64::MAX;
/// For `-Infinity`.
pub(super) const NEGATIVE_INFINITY: i64 = i64::MIN + 1;

/// A number of single precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Single(pub(super) f32);

/// Yes or no: `true`, or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

/// A count that is written as a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

/// One base score, or one for each output: `"5E-1"`, `"[5E-1,2E-1]"`, or numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct BaseScore(pub(super) Vec<f32>);

impl<'de> Deserialize<'de> for Single {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Single;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E: Error>(self, x: f64) -> Result<Single, E> {
                Ok(Single(x as f32))
            }

            fn visit_u64<E: Error>(self, x: u64) -> Result<Single, E> {
                Ok(Single(match x {
                    NAN => f32::NAN,
                    INFINITY => f32::INFINITY,
                    x => x as f32,
                }))
            }

            fn visit_i64<E: Error>(self, x: i64) -> Result<Single, E> {
                Ok(Single(if x == NEGATIVE_INFINITY { f32::NEG_INFINITY } else { x as f32 }))
            }
        }
        // Asked for single precision, serde_json rounds the decimals once and not twice.
        deserializer.deserialize_f32(Visit)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0, 1, true or false")
            }

            fn visit_bool<E: Error>(self, x: bool) -> Result<Flag, E> {
                Ok(Flag(x))
            }

            fn visit_u64<E: Error>(self, x: u64) -> Result<Flag, E> {
                match x {
                    0 => Ok(Flag(false)),
                    1 => Ok(Flag(true)),
                    x => Err(E::invalid_value(Unexpected::Unsigned(x), &self)),
                }
            }

            fn visit_i64<E: Error>(self, x: i64) -> Result<Flag, E> {
                match x {
                    0 => Ok(Flag(false)),
                    1 => Ok(Flag(true)),
                    x => Err(E::invalid_value(Unexpected::Signed(x), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count from 0")
            }

            fn visit_u64<E: Error>(self, x: u64) -> Result<Count, E> {
                Ok(Count(x))
            }

            fn visit_i64<E: Error>(self, x: i64) -> Result<Count, E> {
                u64::try_from(x)
                    .map(Count)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(x), &self))
            }

            fn visit_str<E: Error>(self, x: &str) -> Result<Count, E> {
                x.parse().map(Count).map_err(|_| E::invalid_value(Unexpected::Str(x), &self))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

impl FromStr for BaseScore {
    type Err = std::num::ParseFloatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        list.unwrap_or(text)
            .split(',')
            .map(|one| one.trim().parse())
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<'de> Deserialize<'de> for BaseScore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = BaseScore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a base score or a list of them")
            }

            fn visit_f64<E: Error>(self, x: f64) -> Result<BaseScore, E> {
                Ok(BaseScore(vec![x as f32]))
            }

            fn visit_u64<E: Error>(self, x: u64) -> Result<BaseScore, E> {
                Ok(BaseScore(vec![x as f32]))
            }

            fn visit_i64<E: Error>(self, x: i64) -> Result<BaseScore, E> {
                Ok(BaseScore(vec![x as f32]))
            }

            fn visit_str<E: Error>(self, x: &str) -> Result<BaseScore, E> {
                x.parse().map_err(|_| E::invalid_value(Unexpected::Str(x), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<BaseScore, A::Error> {
                let mut scores = Vec::new();
                while let Some(Single(score)) = list.next_element()? {
                    scores.push(score);
                }
                Ok(BaseScore(scores))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}
