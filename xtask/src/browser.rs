//! `cargo xtask browser`: looks at the page of `fi report` as its readers do.
//!
//! A headless Chromium opens pages of real data and of hostile names, sorts by each column,
//! chooses rows by mouse and by keyboard, goes through without JavaScript, in the dark, on a narrow
//! screen and to paper, and asserts on what it sees: that nothing was asked of a network, that no
//! script failed, that everything has a name and enough contrast. Screenshots go to
//! `target/browser`.

mod chromium;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use self::chromium::Chromium;
use crate::root;

/// Problems that a reader would stumble over.
const AUDIT: &str = include_str!("browser/audit.js");
/// Names that would run a script, end an element or turn a line round.
const HOSTILE: &str = "\
\"<script>document.title='run'</script>\",\"</script><img src=x onerror=alert(1)>\",\"a\"\"b'c&d\",長い名前,اسم العمود,target
1,9,3,4,2,no
2,7,1,5,9,no
3,8,4,1,5,no
4,6,2,2,7,no
5,4,5,3,3,no
6,5,3,6,8,yes
7,3,6,2,1,yes
8,1,2,7,6,yes
9,2,7,4,4,yes
10,0,4,8,2,yes
";

/// The options of `cargo xtask browser`.
#[derive(Args)]
pub(crate) struct Browser {
    /// The browser [default: the first Chromium on the path]
    #[arg(long, value_name = "FILE")]
    chromium: Option<PathBuf>,
    /// The command to test [default: builds it]
    #[arg(long, value_name = "FILE")]
    fi: Option<PathBuf>,
}

/// A page to look at, and how it is made: arguments of `fi`, of which the last writes it.
struct Case {
    name: &'static str,
    calls: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case {
        name: "classes",
        calls: &[
            "train forest --data iris.csv --target target --output classes.fi",
            "report --model classes.fi --data iris.csv --target target --output classes.html --title Iris",
        ],
    },
    Case {
        name: "numbers",
        calls: &[
            "train boosting --data diabetes.csv --target target --output numbers.fi",
            "report --model numbers.fi --data diabetes.csv --target target --output numbers.html --title Diabetes",
        ],
    },
    Case {
        name: "hostile",
        calls: &[
            "train mlp --data hostile.csv --target target --epochs 5 --output hostile.fi",
            "report --model hostile.fi --data hostile.csv --target target --output hostile.html --title </title><b>&",
        ],
    },
];

impl Browser {
    pub(crate) fn run(self) -> Result<()> {
        let browser = chromium::find(self.chromium.as_deref())?;
        let fi = match self.fi {
            // It is called from another folder.
            Some(fi) => std::path::absolute(&fi).with_context(|| fi.display().to_string())?,
            None => crate::docs_test::build()?,
        };
        let folder = root().join("target/browser");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(&folder)?;
        for name in ["iris.csv", "diabetes.csv"] {
            std::fs::copy(root().join("datasets").join(name), folder.join(name))?;
        }
        std::fs::write(folder.join("hostile.csv"), HOSTILE)?;
        let mut chromium = Chromium::start(&browser, &folder.join("profile"))?;
        for case in &CASES {
            for call in case.calls {
                let done = Command::new(&fi)
                    .args(call.split(' '))
                    .arg("--quiet")
                    .current_dir(&folder)
                    .status()
                    .with_context(|| format!("`{}` cannot be started", fi.display()))?;
                ensure!(done.success(), "fi {call}: it failed");
            }
            let mut visit = Visit { chromium: &mut chromium, folder: &folder, name: case.name };
            visit.all().with_context(|| format!("{}.html", case.name))?;
            println!("{}.html: seen", case.name);
        }
        drop(chromium);
        // The browser's own files are no result.
        std::fs::remove_dir_all(folder.join("profile")).ok();
        println!("screenshots: {}", folder.display());
        Ok(())
    }
}

/// One page, open.
struct Visit<'a> {
    chromium: &'a mut Chromium,
    folder: &'a Path,
    name: &'static str,
}

impl Visit<'_> {
    fn all(&mut self) -> Result<()> {
        self.set_scripts(true)?;
        self.open()?;
        self.audited("light")?;
        self.shot("light", 1280)?;
        self.sorts()?;
        self.rows()?;
        self.quiet()?;
        let written = self.words_of("#row-table")?;
        self.keyboard()?;
        self.quiet()?;

        self.media(&[("prefers-color-scheme", "dark")], "")?;
        self.open()?;
        self.audited("dark")?;
        self.shot("dark", 1280)?;
        self.media(&[], "print")?;
        self.audited("print")?;
        self.paper()?;
        self.media(&[], "")?;
        self.narrow()?;

        self.set_scripts(false)?;
        self.open()?;
        self.without_scripts(&written)?;
        self.shot("no-script", 1280)?;
        self.quiet()?;
        self.set_scripts(true)
    }

    fn open(&mut self) -> Result<()> {
        let file = self.folder.join(format!("{}.html", self.name));
        self.chromium.open(&format!("file://{}", file.display()))
    }

    fn set_scripts(&mut self, on: bool) -> Result<()> {
        let params = json!({"value": !on});
        self.chromium.call("Emulation.setScriptExecutionDisabled", params).map(drop)
    }

    fn media(&mut self, features: &[(&str, &str)], media: &str) -> Result<()> {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let params = json!({"media": media, "features": features});
        self.chromium.call("Emulation.setEmulatedMedia", params).map(drop)
    }

    /// What must be true in the page.
    fn holds(&mut self, what: &str, expression: &str) -> Result<()> {
        let seen = self.chromium.ask(expression)?;
        ensure!(seen == json!(true), "{what}: `{expression}` is {seen}");
        Ok(())
    }

    fn text(&mut self, expression: &str) -> Result<String> {
        Ok(self.chromium.ask(expression)?.as_str().unwrap_or_default().to_owned())
    }

    fn words_of(&mut self, selector: &str) -> Result<String> {
        // Texts alone: how a browser lays them out is no part of them.
        self.text(&format!(
            "[document.querySelector('{selector} caption'), \
             ...document.querySelectorAll('{selector} tbody th, {selector} tbody td')]\
             .map((cell) => cell.textContent).join('|')"
        ))
    }

    /// The whole page as a picture.
    fn shot(&mut self, what: &str, width: u32) -> Result<()> {
        let metrics = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false,
        });
        self.chromium.call("Emulation.setDeviceMetricsOverride", metrics)?;
        let layout = self.chromium.call("Page.getLayoutMetrics", json!({}))?;
        let size = &layout["cssContentSize"];
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1,
        });
        let params = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.chromium.call("Page.captureScreenshot", params)?;
        self.save(&shot["data"], &format!("{}-{what}.png", self.name))
    }

    fn save(&self, data: &Value, name: &str) -> Result<()> {
        let bytes = STANDARD.decode(data.as_str().unwrap_or_default());
        let bytes = bytes.ok().with_context(|| format!("{name} is no base64"))?;
        ensure!(bytes.len() > 5000, "{name} is empty");
        Ok(std::fs::write(self.folder.join(name), bytes)?)
    }

    fn paper(&mut self) -> Result<()> {
        let paper = self.chromium.call("Page.printToPDF", json!({"printBackground": true}))?;
        self.save(&paper["data"], &format!("{}.pdf", self.name))
    }

    fn audited(&mut self, what: &str) -> Result<()> {
        let problems = self.chromium.ask(AUDIT)?;
        ensure!(problems == json!([]), "{what}: {problems:#}");
        // What a screen reader is told, as the browser computes it.
        let tree = self.chromium.call("Accessibility.getFullAXTree", json!({}))?;
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        ensure!(nodes.len() > 50, "{what}: a screen reader finds {} things", nodes.len());
        let speaking = ["button", "combobox", "image", "link", "table", "heading", "region"];
        for node in nodes.iter().filter(|node| node["ignored"] == json!(false)) {
            let role = node["role"]["value"].as_str().unwrap_or_default();
            let name = node["name"]["value"].as_str().unwrap_or_default();
            ensure!(
                !speaking.contains(&role) || !name.trim().is_empty(),
                "{what}: a {role} has no name: {node}"
            );
        }
        Ok(())
    }

    /// Nothing was asked but the page itself, and nothing was complained of.
    fn quiet(&mut self) -> Result<()> {
        for event in &self.chromium.events {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    let own = url.starts_with("file://") && url.contains(self.name);
                    ensure!(own, "the page asked for {url}");
                }
                "Runtime.exceptionThrown" => bail!("a script failed: {params:#}"),
                "Runtime.consoleAPICalled" => bail!("the console holds {params:#}"),
                "Log.entryAdded" => bail!("the browser complained: {params:#}"),
                "Page.javascriptDialogOpening" => bail!("a script opened a dialog: {params:#}"),
                _ => {}
            }
        }
        self.holds("no foreign script ran", "document.title !== 'run'")
    }

    /// Each column, both ways.
    fn sorts(&mut self) -> Result<()> {
        let buttons = "document.querySelectorAll('#importances thead button')";
        let n = self.chromium.ask(&format!("{buttons}.length"))?.as_u64().unwrap_or(0);
        ensure!(n >= 4, "there are {n} columns to sort by");
        for i in 0..n {
            let button = format!("{buttons}[{i}]");
            let head = format!("{button}.closest('th')");
            let mut seen = Vec::new();
            for _ in 0..2 {
                self.chromium.click(&button)?;
                let order = self.text(&format!("{head}.getAttribute('aria-sort')"))?;
                let one = "document.querySelectorAll('[aria-sort]').length === 1";
                self.holds("one column is sorted by", one)?;
                let sign = if order == "ascending" { "1" } else { "-1" };
                self.holds(
                    &format!("column {i}, {order}"),
                    &format!(
                        "[...document.querySelectorAll('#importances tbody tr')]\
                         .map((row) => row.cells[{i}])\
                         .map((cell) => 'key' in cell.dataset ? Number(cell.dataset.key) : cell.textContent)\
                         .every((value, i, all) => i === 0 || (typeof value === 'string' \
                           ? {sign} * value.localeCompare(all[i - 1], undefined, {{numeric: true}}) \
                           : {sign} * (value - all[i - 1])) >= 0)"
                    ),
                )?;
                let said = self.text("document.getElementById('said').textContent")?;
                ensure!(said.contains(&order), "a screen reader hears `{said}`, not {order}");
                seen.push(order);
            }
            seen.sort();
            ensure!(seen == ["ascending", "descending"], "column {i} was sorted {seen:?}");
        }
        Ok(())
    }

    /// Rows by mouse and by list; the table must add up.
    fn rows(&mut self) -> Result<()> {
        let adds_up = "(() => {
            const number = (text) => text === '' || text === '–' ? 0 : Number(text.replaceAll('−', '-'));
            const column = [...document.querySelectorAll('#row-table tbody tr')].map((row) => number(row.cells[2].textContent));
            const last = column.pop();
            const sum = column.reduce((a, b) => a + b, 0);
            const size = column.reduce((a, b) => a + Math.abs(b), 0);
            return Math.abs(sum - last) <= 0.01 * size + 1e-12;
        })()";
        self.holds("the choice of a row is there", "!document.getElementById('picker').hidden")?;
        self.holds("the first row adds up", adds_up)?;
        let before = self.words_of("#row-table")?;
        self.chromium.click("document.getElementById('row-after')")?;
        self.holds("the next row adds up", adds_up)?;
        let next = self.words_of("#row-table")?;
        ensure!(before != next, "the next row shows the same table");
        self.chromium.click("document.getElementById('row-before')")?;
        let again = self.words_of("#row-table")?;
        ensure!(before == again, "going back shows another table");
        for choice in ["row-choice", "output-choice"] {
            let present = format!("document.getElementById('{choice}') !== null");
            if self.chromium.ask(&present)? == json!(true) {
                self.chromium.ask(&format!(
                    "(() => {{ const e = document.getElementById('{choice}'); \
                     e.selectedIndex = e.length - 1; e.dispatchEvent(new Event('change')); }})()"
                ))?;
                self.holds("the last choice adds up", adds_up)?;
            }
        }
        let said = self.text("document.getElementById('row-said').textContent")?;
        ensure!(said.contains("together"), "a screen reader hears `{said}`");
        self.chromium.ask(
            "for (const id of ['row-choice', 'output-choice']) { \
             const e = document.getElementById(id); \
             if (e) { e.selectedIndex = 0; e.dispatchEvent(new Event('change')); } }",
        )?;
        Ok(())
    }

    /// Everything with the Tab key, and what keys do there.
    fn keyboard(&mut self) -> Result<()> {
        self.open()?;
        let active = "(() => { const e = document.activeElement; \
             if (e === document.body) return null; \
             const s = getComputedStyle(e); \
             return [e.id || e.getAttribute('aria-label') || e.textContent.slice(0, 40), \
             s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]; })()";
        let mut reached: Vec<String> = Vec::new();
        let (mut sorted, mut stepped, mut chosen) = (false, false, false);
        for _ in 0..300 {
            self.chromium.press("Tab")?;
            let seen = self.chromium.ask(active)?;
            let Some(name) = seen[0].as_str().map(str::to_owned) else { break };
            ensure!(seen[1] == json!(true), "`{name}` does not show that it has the focus");
            if reached.contains(&name) && reached.first() == Some(&name) {
                break;
            }
            if name.starts_with("rank,") && !sorted {
                self.chromium.press("Enter")?;
                let by = "document.activeElement.closest('th').hasAttribute('aria-sort')";
                self.holds("Enter sorts by the column", by)?;
                sorted = true;
            }
            if name == "row-choice" {
                let before = self.words_of("#row-table")?;
                self.chromium.press("ArrowDown")?;
                ensure!(self.words_of("#row-table")? != before, "ArrowDown chooses no other row");
                chosen = true;
            }
            if name == "row-after" {
                let before = self.words_of("#row-table")?;
                self.chromium.press("Space")?;
                ensure!(self.words_of("#row-table")? != before, "Space shows no other row");
                stepped = true;
            }
            reached.push(name);
        }
        ensure!(sorted && chosen && stepped, "the keyboard reaches {reached:?} only");
        let first = reached.first().map(String::as_str);
        ensure!(first == Some("Skip to the content"), "the first stop is {first:?}");
        Ok(())
    }

    /// On a telephone tables scroll in themselves, and the page does not.
    fn narrow(&mut self) -> Result<()> {
        self.open()?;
        self.shot("narrow", 360)?;
        self.holds(
            "the page is no wider than a telephone",
            "document.scrollingElement.scrollWidth <= 360",
        )
    }

    /// Tables, pictures and one row are there, and nothing that would do nothing.
    fn without_scripts(&mut self, written: &str) -> Result<()> {
        let visible = |selector: &str, at_least: usize| {
            format!(
                "[...document.querySelectorAll('{selector}')]\
                 .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height > 0)\
                 .length >= {at_least}"
            )
        };
        self.holds("tables are there", &visible("#importances tbody tr", 2))?;
        self.holds("pictures are there", &visible("figure svg", 3))?;
        self.holds("one row is there", &visible("#row-table tbody tr", 3))?;
        self.holds("it is said what is missing", &visible("noscript p", 1))?;
        self.holds("no button is there", "document.querySelectorAll('thead button').length === 0")?;
        self.holds("no choice is there", "document.getElementById('picker').hidden")?;
        let seen = self.words_of("#row-table")?;
        ensure!(seen == written, "the script writes another row:\n{seen}\n{written}");
        Ok(())
    }
}
