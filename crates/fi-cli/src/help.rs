//! What `fi --help` shows: every command on one line with an example, on one screen.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use crate::Cli;

/// An example of each command, without `fi` in front.
const EXAMPLES: [(&str, &str); 12] = [
    ("train", "train forest --data iris.csv --target species --output iris.fi"),
    ("predict", "predict --model iris.fi --data iris.csv --output p.npy"),
    ("inspect", "inspect booster.json"),
    ("importance", "importance permutation --model iris.fi --data d.csv --target y"),
    ("explain", "explain shap --model booster.json --data d.csv --output shap.npy"),
    ("interactions", "interactions shap --model booster.json --data d.csv"),
    ("select", "select boruta --learner forest --data d.csv --target y"),
    ("compare", "compare --models a.fi,b.json --methods shap,lofo --data d.csv --target y"),
    ("plot", "plot heatmap pairs.csv --output pairs.svg"),
    ("report", "report --model iris.fi --data d.csv --target y --output r.html"),
    ("completions", "completions bash > /etc/bash_completion.d/fi"),
    ("man", "man /usr/local/share/man/man1"),
];

const TEMPLATE: &str = "\
{about}
Usage: {usage}

One example of each command; `fi COMMAND --help` says what it does and takes:
{after-help}
Everywhere: --seed N, --threads N, --quiet, --help, --version
Models: XGBoost, LightGBM, CatBoost, ONNX, scikit-learn, PyTorch, Keras, fi.
Data: a table or an array. Write \\fi: a bare fi closes an if of the shell.
";

/// The command with its help.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let known = |name: &str| command.get_subcommands().any(|known| known.get_name() == name);
    let mut examples = String::new();
    for (_, example) in EXAMPLES.iter().filter(|(name, _)| known(name)) {
        // Writing to a text cannot fail.
        let _ = writeln!(examples, "  \\fi {example}");
    }
    command.after_help(examples).help_template(TEMPLATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_screen_with_an_example_of_each_command() {
        for long in [false, true] {
            let mut command = command();
            let text = if long { command.render_long_help() } else { command.render_help() };
            let text = text.to_string();
            assert!(text.lines().count() <= 24, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            for known in command.get_subcommands().filter(|known| known.get_name() != "help") {
                let example = format!("  \\fi {} ", known.get_name());
                assert!(text.contains(&example), "no example of {}: {text}", known.get_name());
            }
        }
    }

    #[test]
    fn the_command_holds_together() {
        command().debug_assert();
    }
}
