//! A laid-out picture: shapes and texts at pixel positions, before any backend.

use std::path::Path;

use crate::color::{Color, Theme};
use crate::error::{Error, Result};
use crate::layout::clean;
use crate::{font, render};

/// Longest side that viewers and browsers open without trouble.
const LARGEST_SIDE: i64 = 30_000;

/// A laid-out picture that can be written as SVG or PNG.
///
/// The bytes depend on the picture only: texts are measured and drawn with a font that is part
/// of the crate, numbers are formatted in one fixed way. In an SVG, texts are real `<text>`
/// elements in *DejaVu Sans*, or the reader's sans-serif font where that is missing. A PNG has
/// two pixels per unit, so that it stays sharp.
///
/// The font has Latin, Greek and Cyrillic letters; see [`Figure::unknown_characters`] for others.
#[derive(Debug, Clone)]
pub struct Figure {
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) theme: Theme,
    pub(crate) shapes: Vec<Shape>,
}

/// What backends must be able to draw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Rectangle {
        x: i32,
        y: i32,
        width: i32,
        height: i32,
        fill: Color,
    },
    Line {
        from: (i32, i32),
        to: (i32, i32),
        color: Color,
    },
    /// A thin line through points.
    Path {
        points: Vec<(i32, i32)>,
        color: Color,
    },
    /// An area that lets what is below it shine through.
    Area {
        points: Vec<(i32, i32)>,
        color: Color,
    },
    Circle {
        x: i32,
        y: i32,
        radius: i32,
        color: Color,
        filled: bool,
    },
    Text(Text),
}

/// One line of text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    /// What is drawn.
    #[expect(clippy::struct_field_names, reason = "the text of a text")]
    pub(crate) text: String,
    /// The whole text where only a part is drawn.
    pub(crate) full: Option<String>,
    /// Where the anchor is.
    pub(crate) x: i32,
    /// The top of the text; turned texts have their top on the left.
    pub(crate) y: i32,
    pub(crate) size: i32,
    pub(crate) anchor: Anchor,
    /// Reads from bottom to top.
    pub(crate) turned: bool,
    pub(crate) color: Color,
}

/// Which part of a text stands at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The box of a text, in units of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TextBox {
    /// The text.
    pub text: String,
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl TextBox {
    fn meets(&self, other: &Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }
}

impl Figure {
    pub(crate) fn new(title: String, width: i32, height: i32, shapes: Vec<Shape>) -> Result<Self> {
        let (wide, high) = (i64::from(width), i64::from(height));
        if wide.max(high) > LARGEST_SIDE {
            return Err(Error::TooLarge { width: wide, height: high, limit: LARGEST_SIDE });
        }
        let (description, theme) = (String::new(), Theme::Light);
        Ok(Self { width, height, title, description, theme, shapes })
    }

    /// The same picture on another ground. Default light.
    pub fn with_theme(self, theme: Theme) -> Self {
        Self { theme, ..self }
    }

    /// What a screen reader says of an SVG, after the title.
    ///
    /// Beeswarms, waterfalls, dependence, dot and path charts describe themselves.
    pub fn with_description(self, description: &str) -> Self {
        Self { description: clean(description).trim().to_owned(), ..self }
    }

    /// Width in units; an SVG has one pixel per unit.
    pub fn width(&self) -> u32 {
        self.width as u32
    }

    /// Height in units.
    pub fn height(&self) -> u32 {
        self.height as u32
    }

    /// The picture as SVG text.
    ///
    /// # Errors
    ///
    /// [`Error::Drawing`] if the backend fails.
    pub fn svg(&self) -> Result<String> {
        render::svg(self)
    }

    /// The picture as the bytes of a PNG, two pixels per unit (one for very large pictures).
    ///
    /// # Errors
    ///
    /// [`Error::Drawing`] if the backend fails.
    pub fn png(&self) -> Result<Vec<u8>> {
        render::png(self)
    }

    /// Writes the picture, as SVG or PNG by the file's extension. The file appears whole or not
    /// at all.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] for another extension; [`Error::Write`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let bytes = match extension.as_deref() {
            Some("svg") => self.svg()?.into_bytes(),
            Some("png") => self.png()?,
            _ => return Err(Error::Format { path: path.to_owned() }),
        };
        write_atomic(path, &bytes).map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// The box of every text drawn, so that a check can prove that none is cut or covered.
    pub fn texts(&self) -> Vec<TextBox> {
        self.shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Text(text) => Some(text.bounds()),
                _ => None,
            })
            .collect()
    }

    /// All pairs of texts whose boxes overlap; empty for every picture made here.
    pub fn overlaps(&self) -> Vec<(TextBox, TextBox)> {
        let mut boxes = self.texts();
        boxes.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
        let mut pairs = Vec::new();
        for (i, a) in boxes.iter().enumerate() {
            for b in boxes[i + 1..].iter().take_while(|b| b.y < a.y + a.height) {
                if a.meets(b) {
                    pairs.push((a.clone(), b.clone()));
                }
            }
        }
        pairs
    }

    /// All texts that leave the picture; empty for every picture made here.
    pub fn cut_texts(&self) -> Vec<TextBox> {
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let inside = |b: &TextBox| {
            b.x >= 0.0 && b.y >= 0.0 && b.x + b.width <= width && b.y + b.height <= height
        };
        self.texts().into_iter().filter(|text| !inside(text)).collect()
    }

    /// Characters that the shipped font lacks, sorted: a PNG shows an empty box in their place,
    /// an SVG shows them in the reader's font.
    pub fn unknown_characters(&self) -> Vec<char> {
        let mut unknown: Vec<char> = self
            .texts()
            .iter()
            .flat_map(|text| text.text.chars())
            .filter(|&c| !font::knows(c))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }
}

impl Text {
    /// The box from the accents of capitals to the tails of letters.
    fn bounds(&self) -> TextBox {
        let length = f64::from(font::width(&self.text, self.size));
        let before = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => length / 2.0,
            Anchor::End => length,
        };
        let (x, y, size) = (f64::from(self.x), f64::from(self.y), f64::from(self.size));
        let (rise, thickness) = (font::RISE * size, (1.0 + font::RISE) * size);
        let text = self.text.clone();
        if self.turned {
            let y = y + before - length;
            TextBox { text, x: x - rise, y, width: thickness, height: length }
        } else {
            TextBox { text, x: x - before, y: y - rise, width: length, height: thickness }
        }
    }
}

/// Written beside and renamed, readable by whom the system's default allows.
fn write_atomic(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fi-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::INK;

    fn text(text: &str, x: i32, y: i32, anchor: Anchor, turned: bool) -> Shape {
        let text = text.to_owned();
        Shape::Text(Text { text, full: None, x, y, size: 10, anchor, turned, color: INK })
    }

    #[test]
    fn covered_and_cut_texts_are_found() {
        let figure = |shapes| Figure::new(String::new(), 100, 100, shapes).unwrap();
        let one = text("middle", 50, 50, Anchor::Middle, false);
        let clear = figure(vec![one.clone(), text("below", 50, 62, Anchor::Middle, false)]);
        assert!(clear.overlaps().is_empty() && clear.cut_texts().is_empty());
        let covered = figure(vec![one.clone(), text("below", 50, 61, Anchor::Middle, false)]);
        assert_eq!(covered.overlaps().len(), 1);
        let crossed = figure(vec![one, text("upright", 50, 70, Anchor::Start, true)]);
        assert_eq!(crossed.overlaps().len(), 1);
        let cut = figure(vec![
            text("left", 10, 50, Anchor::End, false),
            text("top", 50, 1, Anchor::Start, false),
            text("right", 90, 50, Anchor::Start, false),
            text("upright", 50, 20, Anchor::Start, true),
        ]);
        assert_eq!(cut.cut_texts().len(), 4);
    }
}
