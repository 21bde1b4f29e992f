//! `cargo xtask docs-test PAGE|FOLDER…`: runs what pages of the documentation tell their reader to
//! run, and compares what they show with what comes of it.
//!
//! A page's `sh` and `python` blocks run in order in a fresh folder under `target/docs-test`, with
//! the built `fi` on the path, the data sets beside them as in the project's folder, and the
//! scripts of the page's own folder. A block right behind `<!-- not run -->` is left out. The first
//! block that fails ends it.
//!
//! A `text` block right behind one that ran is what that prints, errors among it; in it, `…` stands
//! for any text, and on a line of its own for any lines. A picture beside the page must be the one
//! that the blocks made. `--write` brings both up to date instead.

use std::ffi::OsString;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::root;

/// The options of `cargo xtask docs-test`.
#[derive(Args)]
pub(crate) struct DocsTest {
    /// The pages, such as docs/recurrent-networks.md, or folders of pages
    #[arg(required = true)]
    pages: Vec<PathBuf>,
    /// The Python to run `python` blocks with
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// The command to test [default: builds it]
    #[arg(long, value_name = "FILE")]
    fi: Option<PathBuf>,
    /// Write what the blocks print and the pictures they make into the pages, where they differ
    #[arg(long)]
    write: bool,
}

/// What a page says.
#[derive(Debug, Default, PartialEq)]
struct Page {
    blocks: Vec<Block>,
    /// The places of pictures, from the page.
    pictures: Vec<String>,
}

/// What is run.
#[derive(Debug, PartialEq)]
struct Block {
    language: String,
    text: String,
    line: usize,
    /// Where the page shows what it prints.
    shown: Option<Range<usize>>,
}

impl DocsTest {
    pub(crate) fn run(self) -> Result<()> {
        let mut pages = Vec::new();
        for path in &self.pages {
            if path.is_dir() {
                let all = crate::tidy::files(path)?;
                pages
                    .extend(all.into_iter().filter(|file| file.extension() == Some("md".as_ref())));
            } else {
                pages.push(path.clone());
            }
        }
        let fi = match &self.fi {
            Some(fi) => fi.clone(),
            None => build()?,
        };
        let mut n_blocks = 0;
        for page in &pages {
            n_blocks += self.run_page(page, &fi)?;
        }
        let names: Vec<String> = self.pages.iter().map(|page| page.display().to_string()).collect();
        ensure!(n_blocks > 0, "{} has no block of sh or python to run", names.join(", "));
        println!("{n_blocks} blocks ran in {}", root().join("target/docs-test").display());
        Ok(())
    }

    /// How many blocks ran.
    fn run_page(&self, path: &Path, fi: &Path) -> Result<usize> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| name.to_string())?;
        let page = read(&text);
        if page.blocks.is_empty() {
            return Ok(0);
        }
        let folder = fresh_folder(path)?;
        // The page as it is to be, up to a place in what it is.
        let (mut new, mut at) = (String::new(), 0);
        for block in &page.blocks {
            let line = block.line;
            let printed = self
                .run_block(block, &folder, fi)
                .with_context(|| format!("{name}:{line}: this block failed\n\n{}", block.text))?;
            println!("{name}:{line}: {} runs", block.language);
            let Some(shown) = &block.shown else { continue };
            if is_shown(&text[shown.clone()], &printed) {
                continue;
            }
            if !self.write {
                bail!(
                    "{name}:{line}: this block prints something else than the page shows\n\n\
                     {}\nprints\n\n{printed}",
                    block.text
                );
            }
            new.push_str(&text[at..shown.start]);
            new.push_str(&printed);
            at = shown.end;
        }
        new.push_str(&text[at..]);
        if new != text {
            std::fs::write(path, new).with_context(|| name.to_string())?;
        }
        let beside = path.parent().context("the page is in a folder")?;
        for picture in &page.pictures {
            let (made, kept) = (folder.join(picture), beside.join(picture));
            let bytes = std::fs::read(&made)
                .with_context(|| format!("{name}: no block makes the picture `{picture}`"))?;
            if std::fs::read(&kept).ok().as_ref() != Some(&bytes) {
                ensure!(self.write, "{name}: the blocks make another picture `{picture}`");
                std::fs::write(&kept, bytes).with_context(|| kept.display().to_string())?;
            }
        }
        Ok(page.blocks.len())
    }

    /// What a block prints.
    fn run_block(&self, block: &Block, folder: &Path, fi: &Path) -> Result<String> {
        let mut path = OsString::from(fi.canonicalize()?.parent().context("fi is in a folder")?);
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = if block.language == "python" {
            // A name without a folder is looked up on the path.
            let is_name = self.python.components().count() == 1;
            let python =
                if is_name { self.python.clone() } else { std::path::absolute(&self.python)? };
            let mut python = Command::new(python);
            python.args(["-c", &block.text]);
            python
        } else {
            let mut shell = Command::new("sh");
            shell.args(["-euc", &block.text]);
            shell
        };
        // One pipe for both, as in a terminal.
        let (mut both, end) = std::io::pipe()?;
        command.current_dir(folder).env("PATH", &path).stdout(end.try_clone()?).stderr(end);
        let mut child =
            command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        drop(command);
        let mut bytes = Vec::new();
        both.read_to_end(&mut bytes)?;
        let status = child.wait()?;
        let mut printed = String::new();
        for line in String::from_utf8_lossy(&bytes).lines() {
            printed.push_str(line.trim_end());
            printed.push('\n');
        }
        ensure!(status.success(), "{printed}");
        Ok(printed)
    }
}

/// The blocks to run, in order, and the pictures.
fn read(text: &str) -> Page {
    let (mut page, mut left_out) = (Page::default(), false);
    // The block that is open, and whether what comes next is right behind one that ran.
    let (mut open, mut is_behind) = (None::<Block>, false);
    let mut shown = None::<Range<usize>>;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Html(html) => left_out = html.trim() == "<!-- not run -->",
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                if is_behind && &*language == "text" {
                    let behind_fence =
                        range.start + text[range.clone()].find('\n').unwrap_or(0) + 1;
                    shown = Some(behind_fence..behind_fence);
                }
                let runs = ["sh", "python"].contains(&&*language) && !left_out;
                let line = text[..range.start].matches('\n').count() + 1;
                let (language, text) = (language.to_string(), String::new());
                open = runs.then_some(Block { language, text, line, shown: None });
            }
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&text);
                } else if let Some(shown) = &mut shown {
                    shown.end = range.end;
                } else {
                    is_behind = false;
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some(shown) = shown.take()
                    && let Some(block) = page.blocks.last_mut()
                {
                    block.shown = Some(shown);
                }
                is_behind = open.is_some();
                page.blocks.extend(open.take());
                left_out = false;
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                // One in another folder is another page's.
                if !dest_url.contains('/') {
                    page.pictures.push(dest_url.to_string());
                }
                (left_out, is_behind) = (false, false);
            }
            Event::End(TagEnd::HtmlBlock) | Event::Start(Tag::HtmlBlock) => is_behind = false,
            _ => (left_out, is_behind) = (false, false),
        }
    }
    page
}

/// Whether a page shows what was printed.
fn is_shown(shown: &str, printed: &str) -> bool {
    fn lines(shown: &[&str], printed: &[&str]) -> bool {
        match (shown.split_first(), printed.split_first()) {
            (None, first) => first.is_none(),
            (Some((&"…", rest)), _) => (0..=printed.len()).any(|n| lines(rest, &printed[n..])),
            (Some((line, rest)), Some((is, others))) => in_line(line, is) && lines(rest, others),
            (Some(_), None) => false,
        }
    }
    fn in_line(shown: &str, printed: &str) -> bool {
        let Some((before, behind)) = shown.split_once('…') else { return shown == printed };
        let Some(rest) = printed.strip_prefix(before) else { return false };
        rest.char_indices().any(|(at, _)| in_line(behind, &rest[at..])) || in_line(behind, "")
    }
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    lines(&shown, &printed)
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

/// A folder for a page, with the data sets and the scripts that stand beside the page.
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
    let beside = std::path::absolute(page)?;
    for entry in std::fs::read_dir(beside.parent().context("the page is in a folder")?)? {
        let entry = entry?;
        if entry.path().extension() == Some("py".as_ref()) {
            std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
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
            Block { language, text, line, shown: None }
        };
        let blocks = vec![
            block("sh", "\\fi a\n", 3),
            block("python", "1\n\n2\n", 12),
            block("sh", "b\n", 21),
        ];
        assert_eq!(read(page), Page { blocks, pictures: Vec::new() });
    }

    #[test]
    fn what_a_block_prints_stands_right_behind_it() {
        let page = "```sh\na\n```\n\n```text\none\n\ntwo\n```\n\n```sh\nb\n```\n\nText.\n\n```text\nno\n\
                    ```\n\n![x](x.svg) ![y](far/y.svg)\n\n```sh\nc\n```\n```text\n```\n";
        let page_read = read(page);
        let shown: Vec<Option<&str>> = page_read
            .blocks
            .iter()
            .map(|block| block.shown.clone().map(|place| &page[place]))
            .collect();
        assert_eq!(shown, [Some("one\n\ntwo\n"), None, Some("")]);
        assert_eq!(page_read.pictures, ["x.svg"]);
    }

    #[test]
    fn dots_stand_for_text_in_a_line_and_for_lines() {
        let printed = "rank  1\n\n12 rows in 3.4 s\nend\n";
        let fits =
            ["rank  1\n\n12 rows in 3.4 s\nend", "rank  1\n…\nend\n", "…\n12 rows in … s\n…\n"];
        for shown in fits {
            assert!(is_shown(shown, printed), "{shown}");
        }
        for shown in
            ["rank  1\n", "rank  1\n…\n12 rows\nend\n", "rank … rows in …\nend", "", "…\nen"]
        {
            assert!(!is_shown(shown, printed), "{shown}");
        }
    }
}
