//! From shapes to bytes, through plotters' backends. Replacing plotters means replacing this file.

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color as _, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle,
};

use crate::color::{BACKGROUND, Color, Rgb, Theme};
use crate::error::{Error, Result};
use crate::figure::{Anchor, Figure, Shape, Text};
use crate::font;

/// Pictures with a longer side get one pixel per unit in a PNG.
const LARGEST_SHARP_SIDE: i32 = 4000;

/// plotters writes `size / 1.24` as the font size of an SVG.
const PLOTTERS_SIZE: f64 = 1.24;

/// How much of an area covers what is below.
const AREA_OPACITY: f64 = 0.25;

fn rgb(color: Color, theme: Theme) -> RGBColor {
    let Rgb(red, green, blue) = color.rgb(theme);
    RGBColor(red, green, blue)
}

fn drawing(error: impl std::fmt::Display) -> Error {
    Error::Drawing(error.to_string())
}

pub(crate) fn svg(figure: &Figure) -> Result<String> {
    let mut text = String::new();
    let size = (figure.width as u32, figure.height as u32);
    {
        let mut backend = SVGBackend::with_string(&mut text, size);
        shapes(&mut backend, figure, 1)?;
        for shape in &figure.shapes {
            if let Shape::Text(text) = shape {
                let angle =
                    if text.turned { FontTransform::Rotate270 } else { FontTransform::None };
                let size = f64::from(text.size) * PLOTTERS_SIZE;
                let family = FontFamily::Name(font::FAMILY);
                let style = TextStyle {
                    font: FontDesc::new(family, size, FontStyle::Normal).transform(angle),
                    color: rgb(text.color, figure.theme).to_backend_color(),
                    pos: Pos::new(
                        match text.anchor {
                            Anchor::Start => HPos::Left,
                            Anchor::Middle => HPos::Center,
                            Anchor::End => HPos::Right,
                        },
                        VPos::Top,
                    ),
                };
                backend.draw_text(&text.text, &style, (text.x, text.y)).map_err(drawing)?;
            }
        }
        backend.present().map_err(drawing)?;
    }
    Ok(with_titles(figure, &text))
}

/// Adds what plotters cannot write: the picture's title and description, which screen readers
/// read, and full names of shortened texts.
fn with_titles(figure: &Figure, svg: &str) -> String {
    let full_names = figure.shapes.iter().filter_map(|shape| match shape {
        Shape::Text(text) => Some(text.full.as_deref()),
        _ => None,
    });
    let mut out = String::with_capacity(svg.len() + 256);
    let (head, body) = svg.split_once(">\n").unwrap_or(("<svg", svg));
    out.push_str(head);
    out.push_str(" role=\"img\">\n");
    if !figure.title.is_empty() {
        out.extend(["<title>", &escape(&figure.title), "</title>\n"]);
    }
    if !figure.description.is_empty() {
        out.extend(["<desc>", &escape(&figure.description), "</desc>\n"]);
    }
    // Texts are escaped, so each `</text>` ends one, in order.
    let mut parts = body.split("</text>").peekable();
    let mut names = full_names;
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            out.push_str(part);
            break;
        }
        out.push_str(part.trim_end_matches('\n'));
        if let Some(name) = names.next().flatten() {
            out.extend(["<title>", &escape(name), "</title>"]);
        }
        out.push_str("</text>");
    }
    out.replace("opacity=\"1\" ", "")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(crate) fn png(figure: &Figure) -> Result<Vec<u8>> {
    let scale = if figure.width.max(figure.height) <= LARGEST_SHARP_SIDE { 2 } else { 1 };
    let (width, height) = ((figure.width * scale) as u32, (figure.height * scale) as u32);
    let mut pixels = vec![255; width as usize * height as usize * 3];
    {
        let mut backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        shapes(&mut backend, figure, scale)?;
        for shape in &figure.shapes {
            if let Shape::Text(text) = shape {
                draw_text(&mut backend, text, scale, figure.theme)?;
            }
        }
        backend.present().map_err(drawing)?;
    }
    encode(&pixels, width, height)
}

/// Everything but the texts, which come on top.
fn shapes<B: DrawingBackend>(backend: &mut B, figure: &Figure, scale: i32) -> Result<()> {
    let theme = figure.theme;
    let style =
        |color| ShapeStyle { color: rgb(color, theme).to_rgba(), filled: true, stroke_width: 1 };
    let (width, height) = (figure.width * scale, figure.height * scale);
    backend.draw_rect((0, 0), (width, height), &style(BACKGROUND), true).map_err(drawing)?;
    for shape in &figure.shapes {
        match shape {
            Shape::Rectangle { x, y, width, height, fill } => {
                let start = (x * scale, y * scale);
                let end = ((x + width) * scale, (y + height) * scale);
                backend.draw_rect(start, end, &style(*fill), true).map_err(drawing)?;
            }
            Shape::Line { from, to, color } => {
                let point = |(x, y): (i32, i32)| (x * scale, y * scale);
                let style = ShapeStyle { stroke_width: 2 * scale as u32, ..style(*color) };
                backend.draw_line(point(*from), point(*to), &style).map_err(drawing)?;
            }
            Shape::Path { points, color } => {
                let points = points.iter().map(|(x, y)| (x * scale, y * scale));
                // As thin at any scale: hundreds of lines must not close up.
                let style = ShapeStyle { filled: false, ..style(*color) };
                backend.draw_path(points, &style).map_err(drawing)?;
            }
            Shape::Area { points, color } => {
                let points = points.iter().map(|(x, y)| (x * scale, y * scale));
                let style =
                    ShapeStyle { color: rgb(*color, theme).mix(AREA_OPACITY), ..style(*color) };
                backend.fill_polygon(points, &style).map_err(drawing)?;
            }
            Shape::Circle { x, y, radius, color, filled } => {
                let centre = (x * scale, y * scale);
                let radius = (radius * scale) as u32;
                let disc = |backend: &mut B, radius, color| {
                    backend.draw_circle(centre, radius, &style(color), true).map_err(drawing)
                };
                disc(backend, radius, *color)?;
                if !filled {
                    disc(backend, radius - scale as u32, BACKGROUND)?;
                }
            }
            Shape::Text(_) => {}
        }
    }
    Ok(())
}

fn draw_text(backend: &mut BitMapBackend<'_>, text: &Text, scale: i32, theme: Theme) -> Result<()> {
    let length = font::advance(&text.text, f64::from(text.size * scale)).round() as i32;
    let before = match text.anchor {
        Anchor::Start => 0,
        Anchor::Middle => length / 2,
        Anchor::End => length,
    };
    let (x, y) = (text.x * scale, text.y * scale);
    let mut color = rgb(text.color, theme).to_backend_color();
    let mut result = Ok(());
    font::draw(&text.text, f64::from(text.size * scale), |dx, dy, coverage| {
        let along = dx - before;
        let point = if text.turned { (x + dy, y - along) } else { (x + along, y + dy) };
        color.alpha = coverage;
        if result.is_ok() && coverage > 0.0 {
            result = backend.draw_pixel(point, color).map_err(drawing);
        }
    });
    result
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Flat colours: whole rows repeat, and a filter would hide it.
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header().map_err(drawing)?;
    writer.write_image_data(pixels).map_err(drawing)?;
    writer.finish().map_err(drawing)?;
    Ok(bytes)
}
