//! `cargo xtask tidy`, also a test: the project's rules that no compiler checks.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::root;

/// A Rust file longer than this is split; a file's own `tests.rs` is not counted.
const MAX_LINES: usize = 800;

pub(crate) fn run() -> Result<()> {
    let problems = problems(&root())?;
    if problems.is_empty() {
        println!("tidy");
        return Ok(());
    }
    bail!("{} rules are broken:\n{}", problems.len(), problems.join("\n"))
}

fn problems(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in files(root)? {
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if !["rs", "md", "toml", "py"].contains(&extension) {
            continue;
        }
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("{name} cannot be read"))?;
        for (i, line) in text.lines().enumerate() {
            if line.ends_with([' ', '\t']) && extension != "md" {
                problems.push(format!("{name}:{}: space at the end of the line", i + 1));
            }
        }
        if extension == "rs" {
            problems.extend(rust_problems(&name, &text));
        }
        if extension == "md" {
            problems.extend(link_problems(&name, &path, &text));
        }
    }
    problems.extend(data_problems(root)?);
    problems.extend(crate::methods::problems(root)?);
    Ok(problems)
}

fn rust_problems(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push(format!("{name}: begin with `//!` and the question the file answers"));
    }
    let n_lines = text.lines().count();
    if n_lines > MAX_LINES && !name.ends_with("tests.rs") {
        problems.push(format!("{name}: {n_lines} lines, split it below {MAX_LINES}"));
    }
    if text.contains(&["#[", "ignore"].concat()) {
        problems.push(format!("{name}: a test is switched off"));
    }
    problems
}

/// Relative links of a Markdown file must lead somewhere, and to a heading that is there.
fn link_problems(name: &str, path: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for piece in text.split("](").skip(1) {
        let link = piece.split([')', ' ']).next().unwrap_or_default();
        if link.is_empty() || link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (target, heading) = link.split_once('#').unwrap_or((link, ""));
        let file = match path.parent() {
            Some(folder) if !target.is_empty() => folder.join(target),
            _ => path.to_owned(),
        };
        if !file.exists() {
            problems.push(format!("{name}: the link `{target}` leads nowhere"));
        } else if !heading.is_empty() && file.extension() == Some("md".as_ref()) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if !text.lines().any(|line| line.starts_with('#') && anchor(line) == heading) {
                problems.push(format!("{name}: the link `{link}` leads to no heading"));
            }
        }
    }
    problems
}

/// What a heading is called in links.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Every data set is one file, one provenance entry and one registry line.
fn data_problems(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in files(&root.join("datasets"))? {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let found = match extension.unwrap_or_default() {
            "csv" => fi_bench::data_sets::load(name).err(),
            "npy" => fi_bench::data_sets::load_sequences(name).err(),
            _ => None,
        };
        let file = path.strip_prefix(root).unwrap_or(&path).display();
        problems.extend(found.map(|error| format!("{file}: {error:#}")));
    }
    Ok(problems)
}

/// All files below a folder, sorted, without hidden folders and build output.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        assert_eq!(problems(&root()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn each_broken_rule_is_named() {
        let long = "//! x\n".repeat(MAX_LINES + 1);
        assert_eq!(rust_problems("a.rs", &long), ["a.rs: 801 lines, split it below 800"]);
        assert_eq!(rust_problems("a.rs", "fn main() {}").len(), 1);
        let here = root().join("README.md");
        assert_eq!(
            link_problems("README.md", &here, "[x](no-such-file.md) [y](Cargo.toml)"),
            ["README.md: the link `no-such-file.md` leads nowhere"]
        );
        let text = "[x](CONTRIBUTING.md#golden-numbers) [y](CONTRIBUTING.md#no) [z](#without-code)";
        assert_eq!(
            link_problems("README.md", &here, text),
            ["README.md: the link `CONTRIBUTING.md#no` leads to no heading"]
        );
        assert_eq!(anchor("## What is in `a.md`, then?"), "what-is-in-amd-then");
    }
}
