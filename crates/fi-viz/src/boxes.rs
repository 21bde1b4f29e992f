//! Horizontal box plots of replicates.

use fi_core::{Importance, quantile};

use crate::bars::LARGEST;
use crate::color::{AXIS, BACKGROUND, BLUE, INK, SKY, SOFT_INK, VERMILLION};
use crate::error::{Result, require};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::number::Axis;

const CHART: &str = "box plot";
const PLOT_WIDTH: i32 = 460;
/// With fewer values a box would pretend to know quartiles.
const FEWEST_FOR_BOX: usize = 5;

/// One horizontal box per group of values: median, quartiles, whiskers, outliers.
///
/// ```text
/// box       first to third quartile (linear interpolation, as NumPy's default), line: median
/// whiskers  to the furthest value within 1.5 interquartile ranges of the box
/// circles   all values beyond; all values of groups with fewer than 5
/// ```
///
/// # When it misleads
///
/// A box shows how single replicates scatter, not how sure their mean is: it does not shrink
/// with more replicates. Say in `caption` what varies from one replicate to the next.
///
/// # Example
///
/// ```
/// use fi_viz::BoxPlot;
///
/// let figure = BoxPlot {
///     title: "LOFO over folds".to_owned(),
///     groups: vec![("petal width".to_owned(), vec![0.2, 0.3, 0.25, 0.4, 0.1])],
///     x_label: "increase in log loss".to_owned(),
///     references: vec![("no loss".to_owned(), 0.0)],
///     ..BoxPlot::default()
/// }
/// .figure()?;
/// assert!(figure.png()?.starts_with(b"\x89PNG"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BoxPlot {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// Each row's name and values, from the top; a row without values stays empty. Default empty.
    pub groups: Vec<(String, Vec<f64>)>,
    /// What the values are, with their unit. Default empty.
    pub x_label: String,
    /// Vertical lines with a name, such as a published value. Default none.
    pub references: Vec<(String, f64)>,
    /// A note under the chart: what varies from one value to the next. Default empty.
    pub caption: String,
}

impl BoxPlot {
    /// The replicates of a result, the most important player on top.
    pub fn of(importance: &Importance) -> Self {
        let row = |i: usize| {
            (importance.features[i].clone(), importance.replicates.row(i).iter().copied().collect())
        };
        let caption = importance
            .replicate_kind
            .map_or_else(String::new, |kind| format!("Each value is one {kind:?}.").to_lowercase());
        let mut letters = caption.chars();
        let caption = letters.next().map_or_else(String::new, |first| {
            format!("{}{}", first.to_uppercase(), letters.as_str())
        });
        Self {
            title: importance.method.clone(),
            groups: importance.order().into_iter().map(row).collect(),
            x_label: importance
                .metric
                .as_ref()
                .map_or_else(|| "importance".to_owned(), |metric| format!("importance ({metric})")),
            references: Vec::new(),
            caption,
        }
    }

    /// Lays the plot out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without groups, without any value, or for a value
    /// that is not finite.
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let names: Vec<Name> = self.groups.iter().map(|(name, _)| Name::new(name)).collect();
        let pitch = if names.len() <= 30 { 26 } else { 18 };
        let x = MARGIN + widest(&names, NAME_SIZE) + 8;
        let axis = self.axis();

        let mut canvas = Canvas::default();
        let references = self.place_references(&axis);
        // The name of a line near the edge needs room beside the plot.
        let over = references.iter().map(|r| r.end - PLOT_WIDTH).max().unwrap_or(0).max(0);
        let width = x + PLOT_WIDTH + MARGIN + over.max(8);
        let levels = references.iter().map(|r| r.level + 1).max().unwrap_or(0);
        let top = canvas.title(&self.title, width);
        let y = top + levels * 16;
        let height = names.len() as i32 * pitch + 8;
        canvas.grid(&axis, (x, y), (PLOT_WIDTH, height));
        if axis.low < 0.0 && axis.high > 0.0 {
            let zero = x + axis.position(0.0, PLOT_WIDTH).round() as i32;
            canvas.rectangle(zero, y, 1, height, AXIS);
        }
        for reference in &references {
            let label_top = top + reference.level * 16;
            let line = x + reference.pixel;
            let mut dash = label_top;
            while dash < y + height {
                canvas.rectangle(line, dash, 1, 4.min(y + height - dash), VERMILLION);
                dash += 7;
            }
            let start = (x + reference.start, label_top + 7);
            canvas.name(&reference.name, start, SMALL_SIZE, Anchor::Start, VERMILLION);
        }
        for (row, (_, values)) in self.groups.iter().enumerate() {
            let middle = y + 4 + row as i32 * pitch + pitch / 2;
            canvas.name(&names[row], (x - 8, middle), NAME_SIZE, Anchor::End, INK);
            if values.is_empty() {
                let note = Name::new("no values");
                let note_width = font::width(&note.text, SMALL_SIZE);
                canvas.rectangle(x + 6, middle - 6, note_width + 4, 13, BACKGROUND);
                canvas.name(&note, (x + 8, middle), SMALL_SIZE, Anchor::Start, SOFT_INK);
            } else {
                row_of(&mut canvas, values, &axis, (x, middle), pitch * 3 / 5);
            }
        }
        let y = canvas.axis(&axis, &self.x_label, x, y + height, PLOT_WIDTH);
        let y = canvas.caption(&self.whole_caption(), y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn check(&self) -> Result<()> {
        require(!self.groups.is_empty(), CHART, || {
            "there are no groups, give at least one".to_owned()
        })?;
        for (name, values) in &self.groups {
            let bad = values.iter().position(|v| !v.is_finite() || v.abs() > LARGEST);
            require(bad.is_none(), CHART, || {
                let i = bad.unwrap_or(0);
                format!("value {i} of `{name}` is `{}`, leave out what is not finite", values[i])
            })?;
        }
        for (name, value) in &self.references {
            require(value.abs() <= LARGEST, CHART, || {
                format!("the line `{name}` is at `{value}`, give a finite number")
            })?;
        }
        require(self.groups.iter().any(|(_, values)| !values.is_empty()), CHART, || {
            "no group has a value, give at least one".to_owned()
        })
    }

    fn axis(&self) -> Axis {
        let all = self.groups.iter().flat_map(|(_, values)| values);
        let all = all.chain(self.references.iter().map(|(_, value)| value));
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
        let room = (high - low) * 0.03;
        Axis::new(low - room, high + room, PLOT_WIDTH, SMALL_SIZE)
    }

    /// The names of the lines, each on the right of its line, on as many levels as they need:
    /// a name that reaches over another line stands above the top of that line.
    fn place_references(&self, axis: &Axis) -> Vec<Reference> {
        let mut lines: Vec<Reference> = self
            .references
            .iter()
            .map(|(name, value)| {
                let name = Name::new(name);
                let pixel = axis.position(*value, PLOT_WIDTH).round() as i32;
                let start = pixel + 4;
                let end = start + font::width(&name.text, SMALL_SIZE);
                Reference { name, pixel, start, end, level: 0 }
            })
            .collect();
        // From right to left, because names reach to the right.
        lines.sort_by_key(|line| std::cmp::Reverse(line.pixel));
        for i in 1..lines.len() {
            let over = lines[..i].iter().filter(|other| other.pixel <= lines[i].end + 4);
            lines[i].level = over.map(|other| other.level + 1).max().unwrap_or(0);
        }
        // Levels were counted from the plot upwards, rows are counted downwards.
        let top = lines.iter().map(|line| line.level).max().unwrap_or(0);
        for line in &mut lines {
            line.level = top - line.level;
        }
        lines
    }

    fn whole_caption(&self) -> String {
        let longest = self.groups.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let how = if longest < FEWEST_FOR_BOX {
            "Circles: single values."
        } else {
            "Box: quartiles and median; whiskers: within 1.5 interquartile ranges; circles: \
             values beyond."
        };
        format!("{} {how}", self.caption).trim().to_owned()
    }
}

struct Reference {
    name: Name,
    pixel: i32,
    start: i32,
    end: i32,
    level: i32,
}

fn row_of(canvas: &mut Canvas, values: &[f64], axis: &Axis, (x, y): (i32, i32), thick: i32) {
    let pixel = |value: f64| x + axis.position(value, PLOT_WIDTH).round() as i32;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.len() < FEWEST_FOR_BOX {
        for &value in &sorted {
            canvas.circle(pixel(value), y, 4, BLUE, false);
        }
        return;
    }
    let [Some(first), Some(median), Some(third)] = [0.25, 0.5, 0.75].map(|q| quantile(&sorted, q))
    else {
        return;
    };
    let reach = 1.5 * (third - first);
    let inside = |value: &&f64| **value >= first - reach && **value <= third + reach;
    let low = sorted.iter().find(inside).copied().unwrap_or(first).min(first);
    let high = sorted.iter().rev().find(inside).copied().unwrap_or(third).max(third);
    canvas.rectangle(pixel(low), y, pixel(high) - pixel(low) + 1, 1, INK);
    for end in [low, high] {
        canvas.rectangle(pixel(end), y - thick / 4, 1, thick / 4 * 2 + 1, INK);
    }
    let (left, right) = (pixel(first), pixel(third));
    let (top, box_width, height) = (y - thick / 2, right - left + 1, thick / 2 * 2 + 1);
    canvas.rectangle(left, top, box_width, height, SKY);
    canvas.frame(left, top, box_width, height, BLUE);
    canvas.rectangle(pixel(median) - 1, top, 3, height, INK);
    let mut last = None;
    for &value in sorted.iter().filter(|value| !inside(value)) {
        // Equal circles on one pixel would only make the file larger.
        if last != Some(pixel(value)) {
            canvas.circle(pixel(value), y, 3, BLUE, false);
            last = Some(pixel(value));
        }
    }
}
