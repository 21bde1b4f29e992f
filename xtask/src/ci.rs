//! `cargo xtask ci`: runs the very script that continuous integration runs.

use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) fn run() -> Result<()> {
    let status = Command::new("bash")
        .arg(crate::root().join(".ci/run"))
        .status()
        .context("bash cannot be started, install it")?;
    ensure!(status.success(), "the step above failed");
    Ok(())
}
