//! `report.html`: the Markdown report as one self-contained page with its pictures inside.

use anyhow::Result;
use maud::{DOCTYPE, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{Comparison, figures};

const STYLE: &str = "\
body{font:16px/1.55 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:72rem;margin:2rem auto;padding:0 1rem}\
h1{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid #ddd;padding-bottom:.3rem}\
p,li{max-width:46rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .7rem;border-bottom:1px solid #e5e5e5;text-align:right;white-space:nowrap}\
th:first-child,td:first-child{text-align:left}\
tbody tr:hover{background:#f5f7fa}thead th{border-bottom:2px solid #999}\
figure{margin:1.5rem 0;overflow-x:auto}figure svg{max-width:100%;height:auto}\
figcaption{color:#555;font-size:14px}code{background:#f3f3f3;padding:.1em .3em;border-radius:3px}\
pre code{display:block;padding:.8rem;overflow-x:auto}";

/// The page.
pub(super) fn page(comparison: &Comparison, markdown: &str) -> Result<String> {
    let mut pictures = Vec::new();
    for (name, figure) in figures::all(comparison)? {
        pictures.push((format!("{name}.svg"), figure.svg()?));
    }
    let title = comparison.data.provenance.title.as_str();
    Ok(document(&format!("{title}: VIANN against MDI"), markdown, &pictures))
}

/// A self-contained page of a Markdown text and the pictures that it links.
pub(crate) fn document(title: &str, markdown: &str, pictures: &[(String, String)]) -> String {
    let body = body(markdown, pictures);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (PreEscaped(body)) } }
        }
    }
    .into_string()
        + "\n"
}

/// Markdown as HTML, with a linked picture replaced by itself and an anchor on each heading.
fn body(markdown: &str, pictures: &[(String, String)]) -> String {
    let mut events = Vec::new();
    let mut parser = Parser::new_ext(markdown, Options::ENABLE_TABLES);
    while let Some(event) = parser.next() {
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => {
                let caption: String = parser
                    .by_ref()
                    .take_while(|event| !matches!(event, Event::End(TagEnd::Image)))
                    .filter_map(|event| {
                        if let Event::Text(text) = event { Some(text.to_string()) } else { None }
                    })
                    .collect();
                let svg = pictures.iter().find(|(name, _)| **name == *dest_url);
                let svg = svg.map_or("", |(_, svg)| svg.as_str());
                // The XML declaration has no place inside a page.
                let svg = svg.find("<svg").map_or("", |start| &svg[start..]);
                let figure = html! {
                    figure role="img" aria-label=(caption) {
                        (PreEscaped(svg))
                        figcaption { (caption) }
                    }
                };
                events.push(Event::Html(figure.into_string().into()));
            }
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => {
                let inside: Vec<Event<'_>> = parser
                    .by_ref()
                    .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))))
                    .collect();
                let text: String = inside
                    .iter()
                    .filter_map(|event| {
                        if let Event::Text(text) = event { Some(text.as_ref()) } else { None }
                    })
                    .collect();
                let heading = html! { h2 id=(anchor(&text)) { (text) } };
                events.push(Event::Html(heading.into_string().into()));
            }
            Event::Start(Tag::Table(alignments)) => {
                events.push(Event::Html(CowStr::Borrowed("<div class=\"wide\">")));
                events.push(Event::Start(Tag::Table(alignments)));
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                events.push(Event::Html(CowStr::Borrowed("</div>")));
            }
            // Raw HTML in the report can only come from a name in the data: show it as text.
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            other => events.push(other),
        }
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    html
}

/// The anchor that Markdown viewers give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_go_inside_and_names_stay_text() {
        let svg = "<?xml version=\"1.0\"?>\n<svg><text>x</text></svg>".to_owned();
        let page = body(
            "## Two words\n\n![a & b](bar.svg)\n\n<script>alert(1)</script>\n",
            &[("bar.svg".into(), svg)],
        );
        assert!(page.contains("<h2 id=\"two-words\">Two words</h2>"), "{page}");
        assert!(page.contains("<svg><text>x</text></svg>") && !page.contains("<?xml"), "{page}");
        assert!(page.contains("a &amp; b") && !page.contains("<script>"), "{page}");
    }
}
