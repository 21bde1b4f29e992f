//! Text as categories: numbered in alphabetical order, or as a model has numbered them.

use std::collections::BTreeMap;

/// Categories are whole numbers that single precision tells apart.
const MOST_CATEGORIES: usize = 1 << 24;

/// Different texts, numbered in the order in which they first occur.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) known: BTreeMap<String, u32>,
}

impl Texts {
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.known.get(text) {
            return number;
        }
        let next = self.known.len() as u32;
        self.known.insert(text.to_owned(), next);
        next
    }

    /// The texts in alphabetical order, and the place there of each number.
    pub(crate) fn sorted(self) -> (Vec<String>, Vec<usize>) {
        let mut place = vec![0; self.known.len()];
        let mut names = Vec::with_capacity(self.known.len());
        for (text, number) in self.known {
            place[number as usize] = names.len();
            names.push(text);
        }
        (names, place)
    }
}

/// Different numbers, numbered in the order in which they first occur; −0 and 0 are one.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    known: BTreeMap<u64, usize>,
}

impl Numbers {
    pub(crate) fn number(&mut self, value: f64) -> usize {
        let next = self.known.len();
        *self.known.entry((value + 0.0).to_bits()).or_insert(next)
    }
}

/// A feature that holds text.
#[derive(Debug)]
pub(crate) enum Coded {
    /// The numbers are given by a model.
    Known(BTreeMap<String, usize>, Vec<String>),
    /// They are found out, and are those of the alphabetical order in the end.
    Found(Texts),
}

impl Coded {
    /// The names of a model's categories, by their numbers.
    pub(crate) fn known(names: &[String]) -> Self {
        Self::Known(names.iter().cloned().zip(0..).collect(), names.to_vec())
    }

    /// The number of a text; else what is wrong with it.
    pub(crate) fn number(&mut self, text: &str) -> Result<f64, String> {
        match self {
            Self::Found(texts) => {
                let number = texts.number(text) as usize;
                if number < MOST_CATEGORIES {
                    return Ok(number as f64);
                }
                Err(format!(
                    "there are more than {MOST_CATEGORIES} different texts, leave the column out \
                     with `drop`"
                ))
            }
            Self::Known(numbers, names) => match numbers.get(text) {
                Some(&number) => Ok(number as f64),
                None => Err(format!(
                    "the model does not know the category `{}`, only {}; leave the cell empty \
                     (null) where it is missing",
                    shortened(text),
                    listed(names)
                )),
            },
        }
    }

    /// The categories, and the final number of each that was given.
    pub(crate) fn finish(self) -> (Vec<String>, Option<Vec<f64>>) {
        match self {
            Self::Known(_, names) => (names, None),
            Self::Found(texts) => {
                let (names, place) = texts.sorted();
                (names, Some(place.into_iter().map(|place| place as f64).collect()))
            }
        }
    }
}

/// The sentence for text in a column whose categories nobody knows.
pub(crate) const UNNUMBERED: &str = "the model does not say which number each category has: write \
                                     the numbers that it was trained on";

/// A cell for an error message, which must not be gigantic.
pub(crate) fn shortened(cell: &str) -> String {
    const SHOWN: usize = 40;
    if cell.chars().count() <= SHOWN {
        return cell.to_owned();
    }
    cell.chars().take(SHOWN).chain(['…']).collect()
}

/// Some names for an error message.
pub(crate) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("`{}`", shortened(name))).collect();
    let more =
        if names.len() > SHOWN { format!(", … ({} in all)", names.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
