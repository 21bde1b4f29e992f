//! Findings as one HTML file that needs nothing else.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fi_io::Provenance;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::report::Findings;
use crate::shown::{by_shown_names, clipped, shown};
use crate::words::{summary, warnings};
use crate::{pictures, rows, table};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// No page has more bytes.
pub const LARGEST_PAGE: usize = 3_000_000;

const LONGEST_TITLE: usize = 300;
const LONGEST_WORD: usize = 4000;

/// How findings are shown, and what else the reader must know to make them again.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The page's title; default `What matters to the model`.
    pub title: String,
    /// The call that makes the page again, one argument each; default empty: none is shown.
    pub command: Vec<String>,
    /// The files that model and data came from, with their SHA-256; default none.
    pub provenance: Provenance,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            title: "What matters to the model".to_owned(),
            command: Vec::new(),
            provenance: Provenance::default(),
        }
    }
}

/// A section: its anchor, its heading, its content.
type Section = (&'static str, &'static str, Markup);

impl Page {
    /// The page as text. The same findings give the same bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Picture`] if a picture cannot be drawn, such as one of infinite numbers;
    /// [`Error::TooLarge`] for more than [`LARGEST_PAGE`] bytes.
    pub fn html(&self, findings: &Findings) -> Result<String> {
        let sections = self.sections(&by_shown_names(findings))?;
        let title = clipped(&self.title, LONGEST_TITLE);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content=(concat!("fi ", env!("CARGO_PKG_VERSION")));
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        h1 { bdi { (title) } }
                        nav aria-label="On this page" {
                            ul { @for (anchor, heading, _) in &sections {
                                li { a href={ "#" (anchor) } { (heading) } }
                            } }
                        }
                    }
                    main #content tabindex="-1" {
                        @for (anchor, heading, content) in &sections {
                            section aria-labelledby={ (anchor) } {
                                h2 id=(anchor) { (heading) }
                                (content)
                            }
                        }
                    }
                    p.visually-hidden #said role="status" {}
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        let text = page.into_string() + "\n";
        if text.len() > LARGEST_PAGE {
            return Err(Error::TooLarge { bytes: text.len(), limit: LARGEST_PAGE });
        }
        Ok(text)
    }

    /// Writes the page. The file appears whole or not at all.
    ///
    /// # Errors
    ///
    /// As for [`Page::html`]; [`Error::File`] if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>, findings: &Findings) -> Result<()> {
        let text = self.html(findings)?;
        Ok(fi_io::write_atomic(path, |file| file.write_all(text.as_bytes()))?)
    }

    fn sections(&self, findings: &Findings) -> Result<Vec<Section>> {
        let said = warnings(findings);
        let mut sections: Vec<Section> = vec![(
            "summary",
            "In short",
            html! {
                @for sentence in summary(findings) { p { bdi { (sentence) } } }
                @if !said.is_empty() {
                    p { a href="#warnings" { "Read the warnings" } " before trusting this." }
                }
            },
        )];
        if !said.is_empty() {
            sections.push((
                "warnings",
                "Warnings",
                html! {
                    ul.warnings { @for (text, methods) in &said {
                        li { bdi { (text) } " " span.of { "(" bdi { (listed(methods)) } ")" } }
                    } }
                },
            ));
        }
        sections.push((
            "importance",
            "How much each feature matters",
            html! {
                (table::importances(findings))
                div.figures { (pictures::bars(findings)?) }
            },
        ));
        if let Some(picture) = pictures::agreement(findings)? {
            sections.push(("agreement", "Whether the methods agree", picture));
        }
        sections.push((
            "swarms",
            "How features move single predictions",
            html! {
                div.figures { (pictures::swarms(findings)?) (pictures::dependence(findings)?) }
            },
        ));
        if !findings.curves.is_empty() {
            let curves = pictures::curves(findings)?;
            sections.push((
                "curves",
                "How predictions follow a feature on average",
                html! { div.figures { (curves) } },
            ));
        }
        if let Some(picture) = pictures::correlation(findings)? {
            sections.push(("correlation", "Which features go together", picture));
        }
        sections.push(("rows", "One row at a time", rows::picker(findings)?));
        sections.push(("again", "How to make this again", self.again(findings)));
        Ok(sections)
    }

    fn again(&self, findings: &Findings) -> Markup {
        let command: Vec<String> =
            self.command.iter().map(|word| quoted(&clipped(word, LONGEST_WORD))).collect();
        html! {
            @if !command.is_empty() {
                pre role="region" tabindex="0" aria-label="Command line" { code { (command.join(" ")) } }
            }
            p {
                "Seed " (findings.seed) ", fi " (env!("CARGO_PKG_VERSION"))
                ". The same seed, version and files give the same page, on any number of threads."
            }
            @if self.provenance.files().next().is_some() {
                div.wide role="region" aria-labelledby="files-caption" tabindex="0" {
                    table.files {
                        caption #files-caption { "The files that went in" }
                        thead { tr { th scope="col" { "File" } th scope="col" { "SHA-256" } } }
                        tbody { @for (file, sha256) in self.provenance.files() {
                            tr {
                                th scope="row" { bdi { (shown(file)) } }
                                td { code { (sha256) } }
                            }
                        } }
                    }
                }
            }
            h3 { "What was done" }
            ul { @for note in &findings.notes { li { (note) } } }
        }
    }
}

/// Names for a sentence, which must not be gigantic.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, … ({} in all)", names.len()) } else { shown }
}

/// An argument as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Lets the page's own script run, known by its hash, and nothing else be loaded or sent.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; base-uri \
         'none'; form-action 'none'"
    )
}
