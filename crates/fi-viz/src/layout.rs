//! What all charts share: a list of shapes that grows, titles, captions, names, axes.

use crate::color::{AXIS, Color, GRID, INK, SOFT_INK};
use crate::error::Result;
use crate::figure::{Anchor, Figure, Shape, Text};
use crate::font;
use crate::number::Axis;

pub(crate) const MARGIN: i32 = 16;
pub(crate) const TITLE_SIZE: i32 = 16;
pub(crate) const NAME_SIZE: i32 = 12;
pub(crate) const SMALL_SIZE: i32 = 11;
/// Longer names are shortened in the middle.
const LONGEST_NAME: usize = 40;

/// A name as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) full: Option<String>,
}

impl Name {
    /// Control characters become spaces; more than 40 characters lose their middle.
    pub(crate) fn new(name: &str) -> Self {
        let name = clean(name);
        let characters: Vec<char> = name.chars().collect();
        if characters.len() <= LONGEST_NAME {
            return Self { text: name, full: None };
        }
        let start: String = characters[..26].iter().collect();
        let end: String = characters[characters.len() - 13..].iter().collect();
        let text = format!("{}…{}", start.trim_end(), end.trim_start());
        Self { text, full: Some(name) }
    }

    pub(crate) fn all(names: &[String]) -> Vec<Self> {
        names.iter().map(|name| Self::new(name)).collect()
    }
}

/// The width of the widest name.
pub(crate) fn widest(names: &[Name], size: i32) -> i32 {
    names.iter().map(|name| font::width(&name.text, size)).max().unwrap_or(0)
}

/// The room that [`Canvas::y_axis`] needs, from the picture's edge to the plot.
pub(crate) fn left_of(axis: &Axis) -> i32 {
    let ticks = axis.ticks.iter().map(|(_, text)| font::width(text, SMALL_SIZE)).max();
    MARGIN + 22 + ticks.unwrap_or(0) + 8
}

/// Control characters and what XML cannot hold become spaces.
pub(crate) fn clean(text: &str) -> String {
    let bad =
        |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}');
    text.chars().map(|c| if bad(c) { ' ' } else { c }).collect()
}

/// Lines of at most this many pixels; a word that is longer is broken.
pub(crate) fn wrap(text: &str, size: i32, pixels: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in clean(text).split_whitespace() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if font::width(&longer, size) <= pixels {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if font::width(&line, size) > pixels && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Shapes on their way to a [`Figure`].
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    shapes: Vec<Shape>,
    /// What a screen reader says.
    pub(crate) description: String,
}

impl Canvas {
    pub(crate) fn rectangle(&mut self, x: i32, y: i32, width: i32, height: i32, fill: Color) {
        if width > 0 && height > 0 {
            self.shapes.push(Shape::Rectangle { x, y, width, height, fill });
        }
    }

    /// The outline of a rectangle, drawn inside it.
    pub(crate) fn frame(&mut self, x: i32, y: i32, width: i32, height: i32, color: Color) {
        self.rectangle(x, y, width, 1, color);
        self.rectangle(x, y + height - 1, width, 1, color);
        self.rectangle(x, y, 1, height, color);
        self.rectangle(x + width - 1, y, 1, height, color);
    }

    pub(crate) fn line(&mut self, from: (i32, i32), to: (i32, i32), color: Color) {
        self.shapes.push(Shape::Line { from, to, color });
    }

    pub(crate) fn path(&mut self, points: Vec<(i32, i32)>, color: Color) {
        self.shapes.push(Shape::Path { points, color });
    }

    pub(crate) fn area(&mut self, points: Vec<(i32, i32)>, color: Color) {
        self.shapes.push(Shape::Area { points, color });
    }

    pub(crate) fn circle(&mut self, x: i32, y: i32, radius: i32, color: Color, filled: bool) {
        self.shapes.push(Shape::Circle { x, y, radius, color, filled });
    }

    /// A text whose top is at `y`.
    pub(crate) fn text(
        &mut self,
        text: &str,
        (x, y): (i32, i32),
        size: i32,
        anchor: Anchor,
        color: Color,
    ) {
        self.push(Name { text: clean(text), full: None }, (x, y), size, anchor, color, false);
    }

    /// A name whose capitals are centred on `y`.
    pub(crate) fn name(
        &mut self,
        name: &Name,
        (x, y): (i32, i32),
        size: i32,
        anchor: Anchor,
        color: Color,
    ) {
        self.push(name.clone(), (x, y - font::middle(size)), size, anchor, color, false);
    }

    /// A name that reads from bottom to top, whose capitals are centred on `x`.
    pub(crate) fn turned(
        &mut self,
        name: &Name,
        (x, y): (i32, i32),
        size: i32,
        anchor: Anchor,
        color: Color,
    ) {
        self.push(name.clone(), (x - font::middle(size), y), size, anchor, color, true);
    }

    fn push(
        &mut self,
        name: Name,
        (x, y): (i32, i32),
        size: i32,
        anchor: Anchor,
        color: Color,
        turned: bool,
    ) {
        let Name { text, full } = name;
        if !text.trim().is_empty() {
            self.shapes.push(Shape::Text(Text { text, full, x, y, size, anchor, turned, color }));
        }
    }

    /// The title in lines from the top margin; returns where the chart may begin.
    pub(crate) fn title(&mut self, title: &str, width: i32) -> i32 {
        let mut y = MARGIN;
        for line in wrap(title, TITLE_SIZE, width - 2 * MARGIN) {
            self.text(&line, (MARGIN, y), TITLE_SIZE, Anchor::Start, INK);
            y += 22;
        }
        if y > MARGIN { y + 8 } else { y }
    }

    /// A caption in lines below the chart; returns where the picture may end.
    pub(crate) fn caption(&mut self, caption: &str, y: i32, width: i32) -> i32 {
        let mut y = y;
        for line in wrap(caption, SMALL_SIZE, width - 2 * MARGIN) {
            y += 4;
            self.text(&line, (MARGIN, y), SMALL_SIZE, Anchor::Start, SOFT_INK);
            y += 12;
        }
        y
    }

    /// Grid lines behind a chart.
    pub(crate) fn grid(&mut self, axis: &Axis, (x, y): (i32, i32), (width, height): (i32, i32)) {
        for (value, _) in &axis.ticks {
            let tick = x + axis.position(*value, width).round() as i32;
            self.rectangle(tick, y, 1, height, GRID);
        }
    }

    /// Names beside the ends of their lines, from `(height, name)`, pushed apart where ends are
    /// close; returns the lower end of the last.
    pub(crate) fn end_names(
        &mut self,
        mut ends: Vec<(i32, usize)>,
        names: &[Name],
        (x, top, bottom): (i32, i32, i32),
        colors: &[Color],
    ) -> i32 {
        ends.sort_unstable();
        let mut free = top;
        let last = |n: usize| bottom - (n as i32) * 16;
        for (rank, &(y, i)) in ends.iter().enumerate() {
            let y = y.min(last(ends.len() - 1 - rank)).max(free);
            free = y + 16;
            self.name(&names[i], (x, y), NAME_SIZE, Anchor::Start, colors[i]);
        }
        free - 8
    }

    /// Axis line, ticks, their numbers and the label under a chart; returns its lower end.
    pub(crate) fn axis(&mut self, axis: &Axis, label: &str, x: i32, y: i32, width: i32) -> i32 {
        self.rectangle(x, y, width + 1, 1, AXIS);
        for (value, text) in &axis.ticks {
            let tick = x + axis.position(*value, width).round() as i32;
            self.rectangle(tick, y, 1, 5, AXIS);
            self.text(text, (tick, y + 9), SMALL_SIZE, Anchor::Middle, SOFT_INK);
        }
        let mut y = y + 9 + 13;
        for line in wrap(&axis.label(label), NAME_SIZE, width.max(200)) {
            y += 4;
            self.text(&line, (x + width / 2, y), NAME_SIZE, Anchor::Middle, INK);
            y += 13;
        }
        y
    }

    /// Axis line, grid, numbers and turned label left of a plot.
    pub(crate) fn y_axis(
        &mut self,
        axis: &Axis,
        label: &str,
        (left, top): (i32, i32),
        (width, height): (i32, i32),
    ) {
        for (value, text) in &axis.ticks {
            let row = top + height - axis.position(*value, height).round() as i32;
            self.rectangle(left, row, width, 1, GRID);
            let tick = Name { text: text.clone(), full: None };
            self.name(&tick, (left - 8, row), SMALL_SIZE, Anchor::End, SOFT_INK);
        }
        self.rectangle(left, top, 1, height, AXIS);
        let label = Name::new(&axis.label(label));
        self.turned(&label, (MARGIN + 6, top + height / 2), NAME_SIZE, Anchor::Middle, INK);
    }

    pub(crate) fn finish(self, title: &str, width: i32, bottom: i32) -> Result<Figure> {
        let description = self.description;
        let figure = Figure::new(clean(title), width, bottom + MARGIN, self.shapes)?;
        Ok(figure.with_description(&description))
    }
}
