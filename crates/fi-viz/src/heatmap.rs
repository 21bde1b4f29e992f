//! A matrix of coloured cells: methods × features, agreement, pairs.

use ndarray::Array2;

use crate::bars::LARGEST;
use crate::color::{BACKGROUND, Color, EMPTY, INK, SOFT_INK, diverging, sequential};
use crate::error::{Result, require};
use crate::figure::{Anchor, Figure};
use crate::font;
use crate::layout::{Canvas, MARGIN, NAME_SIZE, Name, SMALL_SIZE, widest};
use crate::number::{Axis, fixed, number};

const CHART: &str = "heatmap";
/// A side of more cells gets cells too small for a name each.
const MOST_NAMED: usize = 100;
/// The length in pixels of a side whose cells are too small for a name each.
const THINNED_SIDE: usize = 1400;

/// A matrix of coloured cells with named rows and columns.
///
/// Up to 100 rows or columns each have their name; beyond that every k-th is named, and a note
/// under the picture says so.
///
/// # When it misleads
///
/// Colours are compared over the whole matrix: rows with different units must be normalised
/// first, and then say nothing of size.
///
/// # Example
///
/// ```
/// use fi_viz::{ColorScale, Heatmap};
/// use ndarray::array;
///
/// let names = vec!["SHAP".to_owned(), "permutation".to_owned()];
/// let figure = Heatmap {
///     title: "Agreement".to_owned(),
///     rows: names.clone(),
///     columns: names,
///     values: array![[1.0, 0.8], [0.8, 1.0]],
///     scale: ColorScale::Diverging { max_abs: 1.0 },
///     legend_label: "Spearman's ρ".to_owned(),
///     ..Heatmap::default()
/// }
/// .figure()?;
/// assert!(figure.svg()?.contains("0.80"));
/// # Ok::<(), fi_viz::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// The title; may be empty. Default empty.
    pub title: String,
    /// Names of the rows. Default empty.
    pub rows: Vec<String>,
    /// Names of the columns. Default empty.
    pub columns: Vec<String>,
    /// `(n_rows, n_columns)`; NaN is an empty cell. Default empty.
    pub values: Array2<f64>,
    /// Which value has which colour. Default sequential over [0, 1].
    pub scale: ColorScale,
    /// Whether numbers stand in the cells. Default automatic.
    pub annotate: Annotate,
    /// Whether the diagonal is drawn. Default drawn.
    pub diagonal: Diagonal,
    /// What the rows are; may be empty. Default empty.
    pub row_title: String,
    /// What the columns are; may be empty. Default empty.
    pub column_title: String,
    /// What the values are, with their unit. Default empty.
    pub legend_label: String,
    /// A note under the picture. Default empty.
    pub caption: String,
}

/// Which value has which colour. Values outside take the colour of the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColorScale {
    /// From light yellow at `low` over green to dark blue at `high`.
    Sequential {
        /// The lightest value.
        low: f64,
        /// The darkest value; larger than `low`.
        high: f64,
    },
    /// From orange at `−max_abs` over white at 0 to purple at `max_abs`.
    Diverging {
        /// The value of the darkest colour; positive.
        max_abs: f64,
    },
}

impl ColorScale {
    /// A scale for these values: diverging if any is negative, else sequential from 0. NaN is
    /// passed over.
    pub fn fitting(values: &Array2<f64>) -> Self {
        // `min` and `max` pass over NaN.
        let low = values.iter().copied().fold(0.0, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        let largest = f64::max(high, -low);
        // Denormal ranges cannot be divided.
        let largest = if largest > 1e-290 { largest } else { 1.0 };
        if low < 0.0 {
            Self::Diverging { max_abs: largest }
        } else {
            Self::Sequential { low: 0.0, high: largest }
        }
    }

    fn ends(self) -> (f64, f64) {
        match self {
            Self::Sequential { low, high } => (low, high),
            Self::Diverging { max_abs } => (-max_abs, max_abs),
        }
    }

    fn color(self, value: f64) -> Color {
        let (low, high) = self.ends();
        let t = (value - low) / (high - low);
        match self {
            Self::Sequential { .. } => sequential(t),
            Self::Diverging { .. } => diverging(t),
        }
    }
}

/// Whether numbers stand in the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Annotate {
    /// In up to 20 columns and 60 rows: two decimals if the largest value is between 0.1 and 10,
    /// else three significant digits.
    #[default]
    Automatic,
    /// With so many decimals, at most 15.
    Digits(usize),
    /// Never.
    None,
}

/// Whether the diagonal of a square matrix is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Diagonal {
    /// As any other cell.
    #[default]
    Drawn,
    /// Left blank: pairs of a player with itself have no meaning.
    Blank,
}

impl Default for Heatmap {
    fn default() -> Self {
        Self {
            title: String::new(),
            rows: Vec::new(),
            columns: Vec::new(),
            values: Array2::zeros((0, 0)),
            scale: ColorScale::Sequential { low: 0.0, high: 1.0 },
            annotate: Annotate::default(),
            diagonal: Diagonal::default(),
            row_title: String::new(),
            column_title: String::new(),
            legend_label: String::new(),
            caption: String::new(),
        }
    }
}

/// One side of the matrix: how large a cell is and which names are drawn.
struct Side {
    names: Vec<Name>,
    cell: i32,
    /// Every `step`-th name is drawn.
    step: usize,
}

impl Side {
    fn new(names: &[String], cell: i32) -> Self {
        let n = names.len();
        let names = Name::all(names);
        if n <= MOST_NAMED {
            return Self { names, cell, step: 1 };
        }
        let cell = (THINNED_SIDE / n).max(1) as i32;
        Self { names, cell, step: 15_usize.div_ceil(cell as usize) }
    }

    fn length(&self) -> i32 {
        self.cell * self.names.len() as i32
    }

    fn centre(&self, i: usize) -> i32 {
        i as i32 * self.cell + self.cell / 2
    }

    fn drawn(&self) -> impl Iterator<Item = (usize, &Name)> {
        self.names.iter().enumerate().step_by(self.step)
    }
}

impl Heatmap {
    /// Lays the heatmap out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) without cells, for names that do not fit the matrix,
    /// an infinite value, or a scale that is empty; [`Error::TooLarge`](crate::Error::TooLarge).
    pub fn figure(&self) -> Result<Figure> {
        self.check()?;
        let numbers = self.numbers();
        let (rows, columns, upright) = self.sides(numbers.as_ref());
        let name_width = rows.drawn().map(|(_, n)| font::width(&n.text, NAME_SIZE)).max();
        let row_title = i32::from(!self.row_title.is_empty()) * 22;
        let x = MARGIN + row_title + name_width.unwrap_or(0) + 8;
        let (plot_width, plot_height) = (columns.length(), rows.length());
        let legend_width = plot_width.clamp(180, 300);
        let empty = self.values.iter().zip(0..).any(|(v, i)| v.is_nan() && !self.blank(i));
        let empty_width = if empty { 36 + font::width("no value", SMALL_SIZE) } else { 0 };
        let column_title_width = font::width(&self.column_title, NAME_SIZE);
        // The legend's last number may stand half a number beyond its bar.
        let inner = plot_width.max(legend_width + 30 + empty_width).max(column_title_width);
        let width = x + inner + MARGIN;

        let mut canvas = Canvas::default();
        let mut y = canvas.title(&self.title, width);
        if !self.column_title.is_empty() {
            let middle = x + plot_width.max(column_title_width) / 2;
            canvas.text(&self.column_title, (middle, y), NAME_SIZE, Anchor::Middle, SOFT_INK);
            y += 20;
        }
        let named: Vec<Name> = columns.drawn().map(|(_, name)| name.clone()).collect();
        y += if upright { widest(&named, NAME_SIZE) + 6 } else { 20 };
        for (j, name) in columns.drawn() {
            let centre = x + columns.centre(j);
            if upright {
                canvas.turned(name, (centre, y - 6), NAME_SIZE, Anchor::Start, INK);
            } else {
                canvas.name(name, (centre, y - 11), NAME_SIZE, Anchor::Middle, INK);
            }
        }
        for (i, name) in rows.drawn() {
            canvas.name(name, (x - 8, y + rows.centre(i)), NAME_SIZE, Anchor::End, INK);
        }
        self.cells(&mut canvas, (x, y), &rows, &columns, numbers.as_ref());
        let title_length = font::width(&self.row_title, NAME_SIZE);
        if row_title > 0 {
            let title = Name { text: self.row_title.clone(), full: None };
            let middle = y + plot_height.max(title_length) / 2;
            canvas.turned(&title, (MARGIN + 6, middle), NAME_SIZE, Anchor::Middle, SOFT_INK);
        }
        let below = plot_height.max(if row_title > 0 { title_length } else { 0 });
        let y = self.legend(&mut canvas, (x, y + below + 18), legend_width, empty);
        let y = canvas.caption(&self.whole_caption(&rows, &columns), y + 4, width);
        canvas.finish(&self.title, width, y)
    }

    fn check(&self) -> Result<()> {
        let (n_rows, n_columns) = self.values.dim();
        require(!self.values.is_empty(), CHART, || {
            "there are no cells, give at least one row and one column".to_owned()
        })?;
        require(self.rows.len() == n_rows && self.columns.len() == n_columns, CHART, || {
            format!(
                "its values have shape {:?}, but there are {} row and {} column names",
                self.values.shape(),
                self.rows.len(),
                self.columns.len()
            )
        })?;
        let bad = self.values.indexed_iter().find(|(_, v)| v.abs() > LARGEST);
        if let Some(((i, j), value)) = bad {
            require(false, CHART, || {
                format!(
                    "row `{}`, column `{}` is `{value}`, give a finite number or NaN for none",
                    self.rows[i], self.columns[j]
                )
            })?;
        }
        let (low, high) = self.scale.ends();
        let wide = low < high && high - low >= 1e-300 && low.abs().max(high.abs()) <= LARGEST;
        require(wide, CHART, || {
            format!(
                "its colours go from `{}` to `{}`, give a finite range that is not empty",
                number(low),
                number(high)
            )
        })?;
        let square = n_rows == n_columns;
        require(square || self.diagonal == Diagonal::Drawn, CHART, || {
            format!(
                "only a square matrix has a diagonal to leave blank, it is {n_rows} × {n_columns}"
            )
        })
    }

    /// Whether the cell at this place in row-major order is on a blank diagonal.
    fn blank(&self, place: usize) -> bool {
        let n = self.columns.len();
        self.diagonal == Diagonal::Blank && place / n == place % n
    }

    /// The numbers in the cells, if they are to be drawn.
    fn numbers(&self) -> Option<Array2<String>> {
        let text = |write: &dyn Fn(f64) -> String| {
            Some(self.values.map(|&v| if v.is_nan() { String::new() } else { write(v) }))
        };
        match self.annotate {
            Annotate::None => None,
            Annotate::Digits(digits) => text(&|v| fixed(v, digits.min(15))),
            Annotate::Automatic => {
                let (n_rows, n_columns) = self.values.dim();
                if n_rows > 60 || n_columns > 20 {
                    return None;
                }
                let largest = self.values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
                if (0.1..10.0).contains(&largest) { text(&|v| fixed(v, 2)) } else { text(&number) }
            }
        }
    }

    /// Rows, columns, and whether the columns' names stand upright.
    fn sides(&self, numbers: Option<&Array2<String>>) -> (Side, Side, bool) {
        let (n_rows, n_columns) = self.values.dim();
        let room = |n: usize| (800 / n as i32).clamp(17, 30);
        let (cell_width, cell_height) = match numbers {
            None => (room(n_columns), room(n_rows)),
            Some(texts) => {
                let widths = texts.iter().map(|text| font::width(text, SMALL_SIZE));
                ((widths.max().unwrap_or(0) + 12).max(40), if n_rows <= 30 { 26 } else { 18 })
            }
        };
        let rows = Side::new(&self.rows, cell_height);
        let columns = Side::new(&self.columns, cell_width);
        let widest = widest(&columns.names, NAME_SIZE) + 12;
        let fits = n_columns as i32 * widest.max(cell_width) <= 680;
        if columns.step == 1 && fits {
            let columns = Side { cell: widest.max(cell_width), ..columns };
            return (rows, columns, false);
        }
        (rows, columns, true)
    }

    fn cells(
        &self,
        canvas: &mut Canvas,
        (x, y): (i32, i32),
        rows: &Side,
        columns: &Side,
        numbers: Option<&Array2<String>>,
    ) {
        // A gap between cells, where they are large enough to have one.
        let gap = i32::from(rows.cell.min(columns.cell) >= 10);
        for (place, ((i, j), &value)) in self.values.indexed_iter().enumerate() {
            if self.blank(place) {
                continue;
            }
            let color = if value.is_nan() { EMPTY } else { self.scale.color(value) };
            let (left, top) = (x + j as i32 * columns.cell, y + i as i32 * rows.cell);
            canvas.rectangle(left, top, columns.cell - gap, rows.cell - gap, color);
            if let Some(numbers) = numbers {
                let name = Name { text: numbers[(i, j)].clone(), full: None };
                let centre = (x + columns.centre(j), y + rows.centre(i));
                canvas.name(&name, centre, SMALL_SIZE, Anchor::Middle, color.readable_ink());
            }
        }
    }

    /// A bar with the scale's colours and numbers; returns its lower end.
    fn legend(&self, canvas: &mut Canvas, (x, y): (i32, i32), width: i32, empty: bool) -> i32 {
        const STEPS: i32 = 60;
        let (low, high) = self.scale.ends();
        let edge = |i: i32| i * width / STEPS;
        for i in 0..STEPS {
            let value = low + (high - low) * (f64::from(i) + 0.5) / f64::from(STEPS);
            canvas.rectangle(x + edge(i), y, edge(i + 1) - edge(i), 14, self.scale.color(value));
        }
        if empty {
            let left = x + width + 30;
            canvas.rectangle(left, y, 14, 14, EMPTY);
            let name = Name::new("no value");
            canvas.name(&name, (left + 20, y + 7), SMALL_SIZE, Anchor::Start, SOFT_INK);
        }
        canvas.frame(x, y, width, 14, BACKGROUND);
        let axis = Axis::new(low, high, width, SMALL_SIZE);
        canvas.axis(&axis, &self.legend_label, x, y + 15, width)
    }

    fn whole_caption(&self, rows: &Side, columns: &Side) -> String {
        let mut notes = vec![self.caption.clone()];
        let (low, high) = self.scale.ends();
        if self.values.iter().any(|&v| v < low || v > high) {
            notes.push("Values outside the scale have the colour of its end.".to_owned());
        }
        for (what, side) in [("row", rows), ("column", columns)] {
            if side.step > 1 {
                notes.push(format!("One {what} name in {} is written.", side.step));
            }
        }
        notes.join(" ").trim().to_owned()
    }
}
