//! Names as a page can show them: short, and of letters that may stand in HTML.

use crate::report::Findings;

/// A name longer than this is shortened where it is shown.
const LONGEST_NAME: usize = 80;

/// A text of at most so many characters, which loses its middle, and without control characters.
pub(crate) fn clipped(text: &str, longest: usize) -> String {
    let n = text.chars().count();
    if n <= longest {
        return text.chars().map(visible).collect();
    }
    let half = longest / 2;
    let (head, tail) = (text.chars().take(half), text.chars().skip(n - half));
    head.chain(['…']).chain(tail).map(visible).collect()
}

/// HTML has no control characters, not even escaped.
fn visible(letter: char) -> char {
    if letter.is_control() || u32::from(letter) & 0xFFFE == 0xFFFE {
        return '\u{FFFD}';
    }
    letter
}

/// A name as it is shown.
pub(crate) fn shown(name: &str) -> String {
    clipped(name, LONGEST_NAME)
}

/// The same findings by names that can be shown. Names of different features may become the same,
/// so that nothing is looked up by a name any more.
pub(crate) fn by_shown_names(findings: &Findings) -> Findings {
    let mut findings = findings.clone();
    let shorten = |names: &mut Vec<String>| names.iter_mut().for_each(|name| *name = shown(name));
    findings.importances.iter_mut().for_each(|importance| shorten(&mut importance.features));
    shorten(&mut findings.attribution.features);
    shorten(&mut findings.features);
    findings.categories.iter_mut().flatten().for_each(shorten);
    shorten(&mut findings.outputs);
    shorten(&mut findings.answer_names);
    findings.answers.iter_mut().for_each(shorten);
    findings.curves.iter_mut().for_each(|curve| curve.feature = shown(&curve.feature));
    findings.correlation.iter_mut().for_each(|correlation| shorten(&mut correlation.names));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_middle_and_their_control_characters() {
        assert_eq!(shown("plain"), "plain");
        assert_eq!(shown("a\0b\u{1b}c\u{FFFF}"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
        let long = shown(&format!("{}end", "x".repeat(1000)));
        assert_eq!(long.chars().count(), 81);
        assert!(long.starts_with("xxx") && long.ends_with("end"));
    }
}
