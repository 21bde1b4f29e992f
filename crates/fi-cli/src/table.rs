//! Tables and lines on stdout, as wide as the terminal.

use std::fmt::Display;
use std::io::Write as _;

use console::{Term, measure_text_width};

use crate::failure::{Done, Failure};

/// Names are not cut shorter than this while a column could be left out instead.
const READABLE: usize = 12;

/// Writes a line to stdout. A reader who has seen enough, such as `head`, ends the command.
pub(crate) fn say(line: impl Display) -> Done {
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::Unheard,
        _ => Failure::Work(anyhow::anyhow!("stdout cannot be written: {error}")),
    })
}

/// A cell is one line, whatever is in it.
fn line(cell: impl Into<String>) -> String {
    cell.into().replace(char::is_control, " ")
}

/// A table whose columns stand to the right, but for those that hold names.
pub(crate) struct Lines {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns of names, which can be cut short.
    names: Vec<usize>,
    /// Columns that go first where there is no room, before those at the end.
    dispensable: Vec<&'static str>,
}

impl Lines {
    pub(crate) fn new<S: Into<String>>(
        header: impl IntoIterator<Item = S>,
        names: &[usize],
    ) -> Self {
        let header = header.into_iter().map(line).collect();
        Self { header, rows: Vec::new(), names: names.to_vec(), dispensable: Vec::new() }
    }

    /// The columns that go first, in this order, where there is no room.
    pub(crate) fn without_room_for(self, columns: &[&'static str]) -> Self {
        Self { dispensable: columns.to_vec(), ..self }
    }

    pub(crate) fn push<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(line).collect());
    }

    /// Writes the table: whole into a file or pipe, fitted to the width of a terminal.
    pub(crate) fn print(&self) -> Done {
        let width = Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        say(self.text(width))
    }

    fn text(&self, width: Option<usize>) -> String {
        let cells = || std::iter::once(&self.header).chain(&self.rows);
        let mut widths: Vec<usize> = (0..self.header.len())
            .map(|column| cells().map(|row| measure_text_width(&row[column])).max().unwrap_or(0))
            .collect();
        let mut kept: Vec<usize> = (0..self.header.len()).collect();
        if let Some(width) = width {
            self.fit(width, &mut widths, &mut kept);
        }
        let line = |row: &Vec<String>| {
            let cell = |&column: &usize| {
                let text = shortened(&row[column], widths[column]);
                let space = " ".repeat(widths[column] - measure_text_width(&text));
                if self.names.contains(&column) {
                    format!("{text}{space}")
                } else {
                    format!("{space}{text}")
                }
            };
            format!("| {} |", kept.iter().map(cell).collect::<Vec<_>>().join(" | "))
        };
        let rule: Vec<String> = kept.iter().map(|&column| "-".repeat(widths[column] + 2)).collect();
        let mut text = format!("{}\n|{}|", line(&self.header), rule.join("|"));
        for row in &self.rows {
            text.push('\n');
            text.push_str(&line(row));
        }
        if kept.len() < self.header.len() {
            let gone = self.header.iter().enumerate().filter(|(column, _)| !kept.contains(column));
            let gone: Vec<&str> = gone.map(|(_, name)| name.as_str()).collect();
            let gone = match gone[..] {
                [only] => only.to_owned(),
                _ if gone.len() <= 4 => gone.join(", "),
                _ => format!("{} columns", gone.len()),
            };
            text += "\nno room for ";
            text += &gone;
        }
        text
    }

    /// Cuts names short and leaves columns out, until a line has at most so many characters.
    fn fit(&self, width: usize, widths: &mut [usize], kept: &mut Vec<usize>) {
        let taken = |widths: &[usize], kept: &[usize]| {
            kept.iter().map(|&column| widths[column] + 3).sum::<usize>() + 1
        };
        let cut = |widths: &mut [usize], kept: &[usize], least: usize| {
            // The longest first, a character at a time.
            while taken(widths, kept) > width {
                let names = self.names.iter().copied().filter(|name| kept.contains(name));
                let Some(longest) = names.max_by_key(|&name| (widths[name], name)) else { return };
                if widths[longest] <= least {
                    return;
                }
                widths[longest] -= 1;
            }
        };
        cut(widths, kept, READABLE);
        while taken(widths, kept) > width {
            let of_name = |name: &&str| kept.iter().position(|&c| self.header[c] == **name);
            let place = self.dispensable.iter().find_map(of_name);
            let place = place.or_else(|| kept.iter().rposition(|c| !self.names.contains(c)));
            // One column of numbers stays.
            let numbers = kept.iter().filter(|column| !self.names.contains(column)).count();
            let Some(place) = place.filter(|_| numbers > 1) else { break };
            kept.remove(place);
        }
        cut(widths, kept, 3);
    }
}

/// The beginning and the end of a text that is too wide.
fn shortened(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let mut shown = width.min(characters.len());
    loop {
        let (front, back) = (shown / 2, shown.saturating_sub(shown / 2 + 1));
        let front: String = characters[..front].iter().collect();
        let back: String = characters[characters.len() - back..].iter().collect();
        let short = format!("{front}…{back}");
        // Some characters are two columns wide.
        if measure_text_width(&short) <= width || shown <= 1 {
            return short;
        }
        shown -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Lines {
        let header = ["rank", "feature", "importance", "std", "ci_low", "ci_high"];
        let mut lines = Lines::new(header, &[1]).without_room_for(&["std"]);
        lines.push(["1", "mean radius of the left ankle", "0.25", "0.01", "0.2", "0.3"]);
        lines.push(["2", "b", "0.125", "0.01", "0.1", "0.15"]);
        lines
    }

    #[test]
    fn a_table_is_whole_where_there_is_room() {
        let text = "\
| rank | feature                       | importance |  std | ci_low | ci_high |
|------|-------------------------------|------------|------|--------|---------|
|    1 | mean radius of the left ankle |       0.25 | 0.01 |    0.2 |     0.3 |
|    2 | b                             |      0.125 | 0.01 |    0.1 |    0.15 |";
        assert_eq!(table().text(None), text);
        assert_eq!(table().text(Some(200)), text);
    }

    #[test]
    fn names_are_cut_and_columns_left_out_where_there_is_none() {
        let text = table().text(Some(62));
        assert!(text.lines().all(|line| measure_text_width(line) <= 62), "{text}");
        assert!(text.contains("std") && text.contains("…"), "{text}");
        let text = table().text(Some(40));
        assert!(text.lines().all(|line| measure_text_width(line) <= 40), "{text}");
        assert!(text.contains("| mean r…ankle |       0.25 |"), "{text}");
        assert!(text.ends_with("\nno room for std, ci_low, ci_high"), "{text}");
        // Narrower than any table: a name and a number stay.
        let text = table().text(Some(10));
        assert!(text.contains("m…e"), "{text}");
    }

    #[test]
    fn wide_characters_and_line_breaks_keep_columns_straight() {
        let mut lines = Lines::new(["name", "n"], &[0]);
        lines.push(["身長と体重の比率を表す特徴量", "1"]);
        lines.push(["two\nlines", "2"]);
        let text = lines.text(Some(24));
        let widths: Vec<usize> = text.lines().map(measure_text_width).collect();
        assert!(widths.iter().all(|&width| width == widths[0] && width <= 24), "{text}");
        assert_eq!(text.lines().count(), 4);
    }
}
