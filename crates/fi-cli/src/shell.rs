//! `fi completions` and `fi man`: what a shell and `man` want to know of this command.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::failure::{Done, Failure};
use crate::table::say;

/// The options of `fi completions`.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell; what it reads goes to stdout
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Done {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut crate::help::command(), "fi", &mut text);
        say(String::from_utf8_lossy(&text).trim_end())
    }
}

/// The options of `fi man`.
#[derive(Args)]
pub(crate) struct Man {
    /// The folder to write fi.1 and the pages of its commands to
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(&self) -> Done {
        if !self.folder.is_dir() {
            return Failure::call(format!(
                "there is no folder `{}` to write manual pages to: make it first",
                self.folder.display()
            ));
        }
        clap_mangen::generate_to(crate::help::command(), &self.folder).map_err(|error| {
            anyhow::anyhow!("`{}` cannot be written: {error}", self.folder.display())
        })?;
        Ok(())
    }
}
