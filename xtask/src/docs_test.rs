//! `cargo xtask docs-test PAGE`: runs what a page of the documentation tells its reader to run.
//!
//! The page's `sh` and `python` blocks run in order in a fresh folder under `target/docs-test`,
//! with the built `fi` on the path and the data sets beside them as in the project's folder. A
//! block right behind `<!-- not run -->` is left out. The first block that fails ends it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::root;

/// The options of `cargo xtask docs-test`.
#[derive(Args)]
pub(crate) struct DocsTest {
    /// The page, such as docs/recurrent-networks.md
    page: PathBuf,
    /// The Python to run `python` blocks with
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// The command to test [default: builds it]
    #[arg(long, value_name = "FILE")]
    fi: Option<PathBuf>,
}

/// What is run.
#[derive(Debug, PartialEq)]
struct Block {
    language: String,
    text: String,
    line: usize,
}

impl DocsTest {
    pub(crate) fn run(self) -> Result<()> {
        let page = self.page.display();
        let text = std::fs::read_to_string(&self.page).with_context(|| page.to_string())?;
        let blocks = blocks(&text);
        ensure!(!blocks.is_empty(), "{page} has no block of sh or python to run");
        let fi = match self.fi {
            Some(fi) => fi,
            None => build()?,
        };
        let folder = fresh_folder(&self.page)?;
        let mut path = OsString::from(fi.canonicalize()?.parent().context("fi is in a folder")?);
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(std::env::var_os("PATH").unwrap_or_default());
        for Block { language, text, line } in &blocks {
            let mut command = if language == "python" {
                let mut python = Command::new(&self.python);
                python.args(["-c", text]);
                python
            } else {
                let mut shell = Command::new("sh");
                shell.args(["-euc", text]);
                shell
            };
            let output = command.current_dir(&folder).env("PATH", &path).output();
            let output = output.with_context(|| format!("{command:?} cannot be started"))?;
            let said = [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned());
            if !output.status.success() {
                let [out, error] = said;
                bail!("{page}:{line}: this block failed\n\n{text}\n{out}\n{error}");
            }
            println!("{page}:{line}: {language} runs\n{}", said[0]);
        }
        println!("{} blocks ran in {}", blocks.len(), folder.display());
        Ok(())
    }
}

/// The blocks to run, in order.
fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut left_out, mut open) = (Vec::new(), false, None::<Block>);
    for (event, range) in Parser::new(page).into_offset_iter() {
        match event {
            Event::Html(html) => left_out = html.trim() == "<!-- not run -->",
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                let runs = ["sh", "python"].contains(&&*language) && !left_out;
                let line = page[..range.start].matches('\n').count() + 1;
                let (language, text) = (language.to_string(), String::new());
                open = runs.then_some(Block { language, text, line });
            }
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                blocks.extend(open.take());
                left_out = false;
            }
            Event::End(TagEnd::HtmlBlock) | Event::Start(Tag::HtmlBlock) => {}
            _ => left_out = false,
        }
    }
    blocks
}

/// Builds the command as it is now.
pub(crate) fn build() -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "-p", "fi-cli"])
        .current_dir(root())
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "fi cannot be built");
    Ok(root().join("target/debug").join(format!("fi{}", std::env::consts::EXE_SUFFIX)))
}

/// An empty folder for a page, but for the data sets.
fn fresh_folder(page: &Path) -> Result<PathBuf> {
    let name = page.file_stem().context("the page has no name")?;
    let folder = root().join("target/docs-test").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let data_sets = folder.join("datasets");
    std::fs::create_dir_all(&data_sets)?;
    for entry in std::fs::read_dir(root().join("datasets"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), data_sets.join(entry.file_name()))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_a_page_are_found_in_order() {
        let page = "# Page\n\n```sh\n\\fi a\n```\n\n<!-- not run -->\n```sh\nno\n```\n\n```python\n\
                    1\n\n2\n```\n<!-- not run -->\n\nText.\n\n```sh\nb\n```\n\n```json\n{}\n```\n";
        let block = |language: &str, text: &str, line| {
            let (language, text) = (language.to_owned(), text.to_owned());
            Block { language, text, line }
        };
        let expected =
            [block("sh", "\\fi a\n", 3), block("python", "1\n\n2\n", 12), block("sh", "b\n", 21)];
        assert_eq!(blocks(page), expected);
    }
}
