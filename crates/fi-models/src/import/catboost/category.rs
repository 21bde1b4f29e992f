//! Which whole numbers a hash of CatBoost's stands for.
//!
//! CatBoost turns a category into text and keeps 32 bits of CityHash64 (version 1) of it; a JSON
//! model has only these, but for one that was saved with its data. Of a hash, all whole numbers
//! below a limit are found by trying them: a row whose number is among these passes the test in
//! CatBoost too.

use std::collections::BTreeMap;

use super::json::Features;
use super::shown;

/// Whole numbers below this are tried.
pub(super) const LIMIT: u32 = 1 << 17;

const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;
const MULTIPLIER: u64 = 0x9ddf_ea08_eb38_2d69;

/// The categories behind hashes.
pub(super) struct Categories {
    numbers: BTreeMap<u32, Vec<u32>>,
    /// The texts that the file tells.
    texts: BTreeMap<u32, String>,
}

impl Categories {
    /// Finds the whole numbers behind these hashes.
    pub(super) fn find(features: &Features, mut hashes: Vec<u32>) -> Self {
        let texts = features.cat_features_hash.iter().flatten();
        let texts = texts.map(|known| (known.hash, known.value.clone())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let mut numbers = BTreeMap::<u32, Vec<u32>>::new();
        if !hashes.is_empty() {
            for number in 0..LIMIT {
                let hash = hash(number.to_string().as_bytes());
                if hashes.binary_search(&hash).is_ok() {
                    numbers.entry(hash).or_default().push(number);
                }
            }
        }
        Self { numbers, texts }
    }

    /// The whole numbers with this hash; otherwise what the category is.
    pub(super) fn get(&self, hash: u32) -> Result<&[u32], String> {
        let numbers = self.numbers.get(&hash).map_or(&[][..], Vec::as_slice);
        let is_number = |text: &String| numbers.iter().any(|number| *text == number.to_string());
        match self.texts.get(&hash) {
            Some(text) if !is_number(text) => Err(format!("`{}`", shown(text))),
            None if numbers.is_empty() => Err(format!("the text with the hash {hash}")),
            _ => Ok(numbers),
        }
    }
}

/// CatBoost's hash of a text of 1 to 8 bytes.
fn hash(text: &[u8]) -> u32 {
    let n = text.len();
    let word = |start: usize| {
        let bytes = &text[start..start + 4];
        bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
    };
    let wide = if n >= 4 {
        mix(n as u64 + (word(0) << 3), word(n - 4))
    } else {
        let byte = |at: usize| u64::from(text[at]);
        let y = byte(0) + (byte(n / 2) << 8);
        let z = n as u64 + (byte(n - 1) << 2);
        shift(y.wrapping_mul(K2) ^ z.wrapping_mul(K3)).wrapping_mul(K2)
    };
    wide as u32
}

/// 64 bits of 128.
fn mix(low: u64, high: u64) -> u64 {
    let a = shift((low ^ high).wrapping_mul(MULTIPLIER));
    shift((high ^ a).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER)
}

fn shift(bits: u64) -> u64 {
    bits ^ bits >> 47
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_catboost_writes() {
        // From models that CatBoost trained on these categories.
        for (text, expected) in [
            ("7", -17_943_309),
            ("2", -1_284_790_409),
            ("b", 1_982_436_109),
            ("98765", -1_593_606_444),
            ("green", 1_390_465_085),
        ] {
            assert_eq!(hash(text.as_bytes()) as i32, expected, "{text}");
        }
    }

    #[test]
    fn a_number_is_found_by_its_hash_unless_the_file_says_that_it_is_text() {
        let seven = hash(b"7");
        let features = |texts: &str| -> Features {
            serde_json::from_str(&format!("{{\"cat_features_hash\": [{texts}]}}")).unwrap()
        };
        let found = Categories::find(&features(""), vec![seven, seven, hash(b"red")]);
        assert!(found.get(seven).unwrap().contains(&7));
        let error = found.get(hash(b"red")).unwrap_err();
        assert_eq!(error, format!("the text with the hash {}", hash(b"red")));
        let told = features(&format!("{{\"hash\": {seven}, \"value\": \"7\"}}"));
        assert!(Categories::find(&told, vec![seven]).get(seven).is_ok());
        let told = features(&format!("{{\"hash\": {seven}, \"value\": \"blue\"}}"));
        assert_eq!(Categories::find(&told, vec![seven]).get(seven).unwrap_err(), "`blue`");
    }
}
