//! A headless Chromium, spoken to through a pipe in the DevTools protocol.
//!
//! Of the protocol a dozen calls are needed, and the crates that hold all of it are built from
//! 60,000 generated lines; JSON is enough. A pipe needs no port, so that runs cannot meet.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

/// Where packages put the browser.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// A loaded machine may take long to answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// The browser to run: the one that was named, or the first on the path.
pub(super) fn find(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        anyhow!(
            "there is no Chromium on the path: install it (Debian's package is called chromium), \
             or name one with --chromium FILE"
        )
    })
}

/// A running browser with one page; it ends when it is dropped.
pub(super) struct Chromium {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    next_id: u64,
    /// What happened meanwhile, in order.
    pub(super) events: VecDeque<Value>,
}

impl Chromium {
    pub(super) fn start(browser: &Path, profile: &Path) -> Result<Self> {
        // The protocol's descriptors are 3 and 4, which a shell can set and a child process of
        // std cannot.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#])
            .arg(browser)
            .args(["--headless=new", "--remote-debugging-pipe", "--no-first-run"])
            // Containers run as root, where the sandbox refuses, and their shared memory is small.
            // The pages are our own.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--hide-scrollbars", "--force-device-scale-factor=1"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{}` cannot be started", browser.display()))?;
        let to = child.stdin.take().context("the browser has an input")?;
        let output = child.stdout.take().context("the browser has an output")?;
        let (send, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Ok(bytes) = message else { break };
                let Ok(value) = serde_json::from_slice(&bytes) else { break };
                if send.send(value).is_err() {
                    break;
                }
            }
        });
        let (session, events) = (None, VecDeque::new());
        let mut chromium = Self { child, to, from, session, next_id: 0, events };
        let target = chromium.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = chromium.call("Target.attachToTarget", attach)?;
        chromium.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Runtime", "Log", "Accessibility"] {
            chromium.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(chromium)
    }

    /// Calls a method and waits for its answer.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.next_id += 1;
        let mut message = json!({"id": self.next_id, "method": method});
        message["params"] = params;
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.to.write_all(&bytes).context("the browser has gone")?;
        loop {
            let mut answer = self.hear(method)?;
            if answer["id"] == json!(self.next_id) {
                if let Some(error) = answer.get("error") {
                    bail!("{method}: {error}");
                }
                return Ok(answer["result"].take());
            }
            self.events.push_back(answer);
        }
    }

    fn hear(&self, what: &str) -> Result<Value> {
        self.from
            .recv_timeout(PATIENCE)
            .with_context(|| format!("the browser did not answer {what}"))
    }

    /// Opens an address and waits until it is loaded. Events before are forgotten.
    pub(super) fn open(&mut self, url: &str) -> Result<()> {
        self.events.clear();
        let answer = self.call("Page.navigate", json!({"url": url}))?;
        if let Some(error) = answer["errorText"].as_str() {
            bail!("{url}: {error}");
        }
        let loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.events.iter().any(loaded) {
            let event = self.hear("that the page is loaded")?;
            self.events.push_back(event);
        }
        Ok(())
    }

    /// The value of an expression in the page.
    pub(super) fn ask(&mut self, expression: &str) -> Result<Value> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", params)?;
        if let Some(error) = answer.get("exceptionDetails") {
            bail!("`{expression}` failed in the page: {error}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// Clicks with the mouse into the middle of the element that an expression answers with.
    pub(super) fn click(&mut self, element: &str) -> Result<()> {
        let place = self.ask(&format!(
            "(() => {{ const e = {element}; e.scrollIntoView({{block: 'center', inline: 'center'}}); \
             const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", params)?;
        }
        Ok(())
    }

    /// Presses a key: `Tab`, `Enter`, `Space`, `ArrowDown`, ….
    pub(super) fn press(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Space" => (32, " "),
            "ArrowUp" => (38, ""),
            "ArrowDown" => (40, ""),
            other => bail!("the key `{other}` is not known here"),
        };
        let name = if key == "Space" { " " } else { key };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({
                "type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code,
            });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", params)?;
        }
        Ok(())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // A browser that was asked to go closes its own children.
        self.session = None;
        let closed = self.call("Browser.close", json!({}));
        if closed.is_err() {
            // It may be gone already; there is nobody to tell.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
