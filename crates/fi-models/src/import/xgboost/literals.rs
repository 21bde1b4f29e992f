//! `NaN` and `Infinity` in JSON, which has no such numbers but XGBoost writes them.
//!
//! Up to version 2, `NaN` is the threshold of a split on categories; since 3.2 `-Infinity` is
//! that of a split that only parts missing values from the others.

use std::borrow::Cow;

use super::number::{INFINITY, NAN, NEGATIVE_INFINITY};

/// The same JSON with a whole number for each such literal, which
/// [`Single`](super::number::Single) takes back. Copied only if there is one.
pub(super) fn replace(json: &[u8]) -> Cow<'_, [u8]> {
    let mut replaced: Option<Vec<u8>> = None;
    // All before it is copied, if anything is.
    let mut done = 0;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        let rest = &json[at..];
        let (length, number) = match byte {
            b'"' => {
                at += text_length(rest);
                continue;
            }
            b'N' if rest.starts_with(b"NaN") => (3, NAN.to_string()),
            b'I' if rest.starts_with(b"Infinity") => (8, INFINITY.to_string()),
            b'-' if rest.starts_with(b"-Infinity") => (9, NEGATIVE_INFINITY.to_string()),
            _ => {
                at += 1;
                continue;
            }
        };
        let copy = replaced.get_or_insert_default();
        copy.extend_from_slice(&json[done..at]);
        copy.extend_from_slice(number.as_bytes());
        at += length;
        done = at;
    }
    match replaced {
        None => Cow::Borrowed(json),
        Some(mut copy) => {
            copy.extend_from_slice(&json[done..]);
            Cow::Owned(copy)
        }
    }
}

/// How long the text is that starts here, with both quotes; to the end if it is cut off.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    for (index, &byte) in json.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::super::number::Single;
    use super::*;

    #[test]
    fn literals_become_numbers_and_texts_stay() {
        let json = br#"["NaN \" NaN", 1E0]"#;
        assert!(matches!(replace(json), Cow::Borrowed(same) if same == json));
        let json = br"[NaN,Infinity, -Infinity ,-2.5E-1,3,1e-45,16777217E0]";
        let replaced = replace(json);
        let numbers: Vec<Single> = serde_json::from_slice(&replaced).unwrap();
        let numbers: Vec<f32> = numbers.into_iter().map(|Single(x)| x).collect();
        assert!(numbers[0].is_nan());
        let rest = [f32::INFINITY, f32::NEG_INFINITY, -0.25, 3.0, f32::from_bits(1), 16_777_216.0];
        assert_eq!(numbers[1..], rest);
    }

    #[test]
    fn what_is_cut_off_is_not_read_past_its_end() {
        let json = br#"{"a\"": [NaN, -Infinity]}"#;
        for end in 0..json.len() {
            let _ = replace(&json[..end]);
        }
    }
}
