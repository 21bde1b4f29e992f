//! `cargo xtask methods`: the tables of docs/methods.md from docs/methods.toml, and what `tidy` asks of
//! them: that no public method is missing from the tables, the property tests or the references.
//!
//! What a public method is, the sources say: a public function of a library that returns one of the
//! result types, or a type that a trait makes an estimator or explainer.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use syn::visit::Visit;

use crate::root;
use crate::tidy::files;

const TABLES: &str = "docs/methods.toml";
const PAGE: &str = "docs/methods.md";
const REFERENCES: &str = "docs/references.bib";
/// The libraries whose public methods are listed.
const LIBRARIES: [&str; 2] = ["crates/fi-core/src", "crates/fi-models/src"];
/// A function that returns one of these computes importances, or what is drawn of features.
const RESULTS: [&str; 11] = [
    "Importance",
    "Attribution",
    "Interaction",
    "Interactions",
    "Curve",
    "Surface",
    "FriedmanH",
    "DeletionCurves",
    "Selection",
    "TargetPermuted",
    "LimeExplanation",
];
/// A type with one of these traits is a method.
const TRAITS: [&str; 3] = ["Estimator", "Explainer", "PairEstimator"];

/// `docs/methods.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    /// Public functions that return a result and are no method, with the reason.
    no_methods: Vec<NoMethod>,
    family: Vec<Family>,
    method: Vec<Method>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoMethod {
    names: Vec<String>,
    reason: String,
}

/// A table of the page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    name: String,
    /// What the column of [`Method::removal`] is called.
    removal: String,
    /// What the column of [`Method::behaviour`] is called.
    behaviour: String,
}

/// A row of a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Method {
    name: String,
    family: String,
    /// Paths of what a user calls.
    r#where: Vec<String>,
    /// Whether it takes players.
    #[serde(default)]
    players: bool,
    /// How a feature is taken away, or what of the model is read.
    removal: String,
    /// What is watched.
    behaviour: String,
    /// How it becomes one number.
    summary: String,
    unit: String,
    /// Intervals, p-values, spreads.
    statistics: String,
    /// What kinds of columns and rows it knows.
    data: String,
    /// When it misleads.
    misleads: String,
    /// Keys of `references.bib`, each perhaps after a note and a colon.
    sources: Vec<String>,
    /// Property tests, as `file::function`.
    tests: Vec<String>,
}

/// Writes the tables into the page.
pub(crate) fn run() -> Result<()> {
    let root = root();
    let path = root.join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| format!("{PAGE} cannot be read"))?;
    let new = with_tables(&page, &tables(&root)?, &references(&root)?)?;
    if new != page {
        fi_io::write_atomic(&path, |file| file.write_all(new.as_bytes()))?;
    }
    Ok(())
}

/// Everything that is wrong with tables, page, tests and references.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let (tables, references) = (tables(root)?, references(root)?);
    let mut problems = Vec::new();
    let page = std::fs::read_to_string(root.join(PAGE))?;
    match with_tables(&page, &tables, &references) {
        Ok(new) if new == page => {}
        Ok(_) => {
            problems.push(format!("{PAGE}: not what {TABLES} says, run `cargo xtask methods`"));
        }
        Err(error) => problems.push(format!("{error:#}")),
    }
    let listed: BTreeSet<&str> = tables
        .method
        .iter()
        .flat_map(|method| method.r#where.iter().flat_map(|path| called(path)))
        .chain(tables.no_methods.iter().flat_map(|no| no.names.iter().map(String::as_str)))
        .collect();
    let public = public_methods(root)?;
    for (name, file) in &public {
        if !listed.contains(name.as_str()) {
            problems.push(format!("{file}: the method `{name}` is missing from {TABLES}"));
        }
    }
    for no in &tables.no_methods {
        if no.reason.is_empty() {
            problems.push(format!("{TABLES}: `{}` are no methods, but why?", no.names.join(", ")));
        }
    }
    for method in &tables.method {
        if method.tests.is_empty() {
            problems.push(format!("{TABLES}: `{}` has no property test", method.name));
        }
        for test in &method.tests {
            if let Err(error) = find_test(root, test) {
                problems.push(format!("{TABLES}: `{}`: {error:#}", method.name));
            }
        }
    }
    Ok(problems)
}

/// The type and the function of a path, without its modules.
fn called(path: &str) -> impl Iterator<Item = &str> {
    let last = path.rsplit("::").next();
    let is_called = move |name: &&str| name.starts_with(char::is_uppercase) || Some(*name) == last;
    path.split("::").filter(is_called)
}

fn tables(root: &Path) -> Result<Tables> {
    let text = std::fs::read_to_string(root.join(TABLES))
        .with_context(|| format!("{TABLES} cannot be read"))?;
    toml::from_str(&text).with_context(|| format!("{TABLES} does not parse"))
}

fn find_test(root: &Path, test: &str) -> Result<()> {
    let (file, function) = test.split_once("::").context("a test is a file::function")?;
    let text = std::fs::read_to_string(root.join(file))
        .with_context(|| format!("{file} cannot be read"))?;
    ensure!(text.contains(&format!("fn {function}(")), "{file} has no test `{function}`");
    Ok(())
}

/// An entry of `references.bib`.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    key: String,
    label: String,
    link: Option<String>,
}

fn references(root: &Path) -> Result<Vec<Reference>> {
    let text = std::fs::read_to_string(root.join(REFERENCES))
        .with_context(|| format!("{REFERENCES} cannot be read"))?;
    parse_references(&text)
}

/// Reads entries that begin with `@` and end with a line `}`, one field a line.
fn parse_references(text: &str) -> Result<Vec<Reference>> {
    let mut references: Vec<Reference> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(head) = line.strip_prefix('@') else { continue };
        let key = head.split_once('{').map(|(_, key)| key.trim_end_matches(','));
        let key = key.with_context(|| format!("{REFERENCES}: `{line}` has no key"))?;
        ensure!(
            references.iter().all(|reference| reference.key != key),
            "{REFERENCES}: `{key}` stands there twice"
        );
        let (mut authors, mut year, mut link) = (String::new(), String::new(), None);
        loop {
            let line = lines.next().with_context(|| format!("{REFERENCES}: `{key}` has no end"))?;
            if line == "}" {
                break;
            }
            ensure!(!line.starts_with('@'), "{REFERENCES}: `{key}` has no line with `}}` alone");
            let Some((field, value)) = line.split_once('=') else { continue };
            let value = value.trim().trim_end_matches(',');
            let value = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')).unwrap_or(value);
            match field.trim() {
                "author" => authors = surnames(value),
                "year" => value.clone_into(&mut year),
                "doi" => link = Some(format!("https://doi.org/{value}")),
                "url" => link = link.or_else(|| Some(value.to_owned())),
                "eprint" => link = link.or_else(|| Some(format!("https://arxiv.org/abs/{value}"))),
                _ => {}
            }
        }
        let label = format!("{authors} {year}").trim().to_owned();
        references.push(Reference { key: key.to_owned(), label, link });
    }
    Ok(references)
}

/// `A`, `A, B, C`, or `A et al.` of four and more.
fn surnames(authors: &str) -> String {
    let names: Vec<String> = authors
        .split(" and ")
        .map(|author| plain(author.split(',').next().unwrap_or(author).trim()))
        .collect();
    match names.as_slice() {
        [first, _, _, _, ..] => format!("{first} et al."),
        names => names.join(", "),
    }
}

/// TeX's accents as letters.
fn plain(text: &str) -> String {
    const LETTERS: [(&str, &str); 23] = [
        (r"{\'a}", "á"),
        (r"{\'e}", "é"),
        (r"{\'i}", "í"),
        (r"{\'\i}", "í"),
        (r"{\'o}", "ó"),
        (r"{\'u}", "ú"),
        (r#"{\"a}"#, "ä"),
        (r#"{\"o}"#, "ö"),
        (r#"{\"u}"#, "ü"),
        (r"{\o}", "ø"),
        (r"{\c{s}}", "ş"),
        (r"{\`e}", "è"),
        (r"{\c{c}}", "ç"),
        (r"{\v{S}}", "Š"),
        (r"{\v{s}}", "š"),
        (r"{\v{c}}", "č"),
        (r"{\~a}", "ã"),
        (r"{\~n}", "ñ"),
        (r"{\ss}", "ß"),
        (r"{\'E}", "É"),
        (r"{\'A}", "Á"),
        (r"{\aa}", "å"),
        (r"{\l}", "ł"),
    ];
    let accents = |text: String, (tex, letter): &(&str, &str)| text.replace(tex, letter);
    LETTERS.iter().fold(text.to_owned(), accents).replace(['{', '}'], "")
}

/// The page with the tables between its marks.
fn with_tables(page: &str, tables: &Tables, references: &[Reference]) -> Result<String> {
    let mut page = page.to_owned();
    for method in &tables.method {
        ensure!(
            tables.family.iter().any(|family| family.name == method.family),
            "{TABLES}: `{}` is of no family `{}`",
            method.name,
            method.family
        );
    }
    for family in &tables.family {
        let (start, end) = (
            format!("<!-- methods: {} -->\n", family.name),
            format!("<!-- end: {} -->\n", family.name),
        );
        let (before, rest) = page
            .split_once(&start)
            .with_context(|| format!("{PAGE} has no line `{}`", start.trim_end()))?;
        let (_, after) = rest
            .split_once(&end)
            .with_context(|| format!("{PAGE} has no line `{}`", end.trim_end()))?;
        let table = table(family, tables, references)?;
        page = format!("{before}{start}{table}{end}{after}");
    }
    Ok(page)
}

fn table(family: &Family, tables: &Tables, references: &[Reference]) -> Result<String> {
    let mut text = format!(
        "| method | where | {} | {} | summary | unit | statistics | data | misleads | source |\n{}|\n",
        family.removal,
        family.behaviour,
        "| --- ".repeat(10)
    );
    for method in tables.method.iter().filter(|method| method.family == family.name) {
        let mark = if method.players { "¹" } else { "" };
        let paths: Vec<String> = method.r#where.iter().map(|path| format!("`{path}`")).collect();
        let sources = method.sources.iter().map(|source| cited(source, references));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let Method { name, removal, behaviour, summary, unit, statistics, data, misleads, .. } =
            method;
        let _ = writeln!(
            text,
            "| {name}{mark} | {} | {removal} | {behaviour} | {summary} | {unit} | {statistics} | {data} | {misleads} | {} |",
            paths.join(", "),
            sources.join("; ")
        );
    }
    Ok(text)
}

/// `note: key` as `note: [Author Year](link)`.
fn cited(source: &str, references: &[Reference]) -> Result<String> {
    let (note, key) = source.rsplit_once(": ").map_or(("", source), |(note, key)| (note, key));
    let Some(reference) = references.iter().find(|reference| reference.key == key) else {
        bail!("{TABLES}: `{key}` is missing from {REFERENCES}");
    };
    let label = &reference.label;
    let link = reference.link.as_ref().map_or(label.clone(), |link| format!("[{label}]({link})"));
    Ok(if note.is_empty() { link } else { format!("{note}: {link}") })
}

/// Names of public methods, and the files they are in.
fn public_methods(root: &Path) -> Result<Vec<(String, String)>> {
    let mut found = BTreeSet::new();
    for library in LIBRARIES {
        for path in files(&root.join(library))? {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if !is_rust || name.ends_with("tests.rs") || name.contains("/tests/") {
                continue;
            }
            let text = std::fs::read_to_string(&path).with_context(|| name.clone())?;
            let file = syn::parse_file(&text).with_context(|| format!("{name} does not parse"))?;
            let mut search = Search { names: Vec::new() };
            search.visit_file(&file);
            found.extend(search.names.into_iter().map(|method| (method, name.clone())));
        }
    }
    Ok(found.into_iter().collect())
}

/// Collects the names of functions and types that are methods.
struct Search {
    names: Vec<String>,
}

impl<'ast> Visit<'ast> for Search {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if is_public(&function.vis) && returns_result(&function.sig) {
            self.names.push(function.sig.ident.to_string());
        }
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let syn::Type::Path(path) = &*block.self_ty else { return };
        let Some(name) = path.path.segments.last().map(|segment| segment.ident.to_string()) else {
            return;
        };
        if let Some((_, of, _)) = &block.trait_ {
            let of = of.segments.last().map(|segment| segment.ident.to_string());
            if of.is_some_and(|of| TRAITS.contains(&of.as_str())) {
                self.names.push(name);
            }
            return;
        }
        for item in &block.items {
            let syn::ImplItem::Fn(function) = item else { continue };
            if !is_public(&function.vis) || !returns_result(&function.sig) {
                continue;
            }
            // What a result makes of itself has a name of its own.
            if RESULTS.contains(&name.as_str()) {
                self.names.push(function.sig.ident.to_string());
            } else {
                self.names.push(name.clone());
            }
        }
    }
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

/// Whether a result type, perhaps in a `Result` or a `Vec`, is returned.
fn returns_result(signature: &syn::Signature) -> bool {
    struct Names(Vec<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            self.0.push(segment.ident.to_string());
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_return_type(&signature.output);
    names.0.iter().any(|name| RESULTS.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut search = Search { names: Vec::new() };
        search.visit_file(&syn::parse_str(text).unwrap());
        search.names
    }

    #[test]
    fn public_functions_with_results_and_estimators_are_methods() {
        let text = "
            impl Lofo { pub fn importance(&self) -> Result<Vec<Importance>> { x() } }
            impl Lofo { fn helper(&self) -> Importance { x() } }
            impl Importance { pub fn new() -> Result<Importance> { x() } pub fn order(&self) {} }
            impl Estimator for Exact { fn estimate(&self) {} }
            impl Model for Trees { fn predict(&self) {} }
            pub fn impurity() -> Result<Importance> { x() }
            pub(crate) fn inner() -> Result<Importance> { x() }
            mod tests { pub fn in_a_test() -> Importance { x() } }";
        assert_eq!(found(text), ["Lofo", "new", "Exact", "impurity"]);
    }

    #[test]
    fn modules_are_no_methods() {
        let names = |path| called(path).collect::<Vec<_>>();
        assert_eq!(names("fi_core::lime::Lime"), ["Lime"]);
        assert_eq!(names("fi_models::tree::impurity"), ["impurity"]);
        assert_eq!(names("fi_models::tree::Trees::oob"), ["Trees", "oob"]);
    }

    #[test]
    fn references_become_links() {
        let text = "@article{a2001,\n  author = {M{\\\"u}ller, A. and B, C.},\n  year = {2001},\n  \
                    doi = {10.1/x}\n}\n@misc{b,\n  author = {A, A and B, B and C, C and D, D},\n  \
                    year = {1999}\n}\n";
        let references = parse_references(text).unwrap();
        assert_eq!(
            cited("a2001", &references).unwrap(),
            "[Müller, B 2001](https://doi.org/10.1/x)"
        );
        assert_eq!(cited("why: b", &references).unwrap(), "why: A et al. 1999");
        let error = cited("c", &references).unwrap_err().to_string();
        assert_eq!(error, "docs/methods.toml: `c` is missing from docs/references.bib");
        let error = parse_references("@misc{b,\n@misc{c,\n}\n").unwrap_err().to_string();
        assert_eq!(error, "docs/references.bib: `b` has no line with `}` alone");
        let twice = parse_references("@misc{b,\n}\n@misc{b,\n}\n").unwrap_err().to_string();
        assert_eq!(twice, "docs/references.bib: `b` stands there twice");
    }

    #[test]
    fn a_missing_test_is_named() {
        let error = find_test(&root(), "xtask/src/methods.rs::no_such").unwrap_err().to_string();
        assert_eq!(error, "xtask/src/methods.rs has no test `no_such`");
        assert!(find_test(&root(), "xtask/src/methods.rs::a_missing_test_is_named").is_ok());
    }
}
