//! How a command fails: one sentence, and an exit code that says whose fault it is.

use std::process::ExitCode;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call was wrong: exit code 2.
    Call(String),
    /// The work failed: exit code 1, or 130 if it was interrupted.
    Work(anyhow::Error),
    /// It was interrupted, and what was finished is kept: exit code 130.
    Interrupted(String),
    /// Nobody reads stdout any more, as behind `| head -1`, and that is no mistake: exit code 0.
    Unheard,
}

/// Refuses an option that was given and has no meaning for the method.
pub(crate) fn known(given: bool, name: &str, takes: bool) -> Done {
    if given && !takes {
        return Failure::call(format!("--{name} has no meaning for this method"));
    }
    Ok(())
}

/// What every command answers.
pub(crate) type Done<T = ()> = Result<T, Failure>;

impl Failure {
    /// A call that cannot be answered as it stands.
    pub(crate) fn call<T>(sentence: impl Into<String>) -> Done<T> {
        Err(Self::Call(sentence.into()))
    }

    /// 1, 2 or 130.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Call(_) => 2,
            Self::Interrupted(_) => 130,
            Self::Unheard => 0,
            Self::Work(error) if is_interrupt(error) => 130,
            Self::Work(_) => 1,
        })
    }
}

fn is_interrupt(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(fi_core::Error::Cancelled { .. }))
        || error.downcast_ref().is_some_and(fi_report::Error::is_cancelled)
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(sentence) | Self::Interrupted(sentence) => f.write_str(sentence),
            Self::Unheard => f.write_str("nobody reads stdout"),
            Self::Work(error) if is_interrupt(error) => {
                write!(
                    f,
                    "{error}, of which nothing is kept: the same call begins anew; permutation, \
                     conditional-permutation, sage, lofo and select --no-honest go on where they \
                     stopped with --checkpoint FILE"
                )
            }
            Self::Work(error) => write!(f, "{error}"),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Work(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_interrupted_is_told_how_to_go_on() {
        let failure = Failure::from(fi_core::Error::Cancelled { done: 3, total: 9 });
        assert_eq!(
            failure.to_string(),
            "cancelled after 3 of 9 steps, of which nothing is kept: the same call begins anew; \
             permutation, conditional-permutation, sage, lofo and select --no-honest go on where \
             they stopped with --checkpoint FILE"
        );
        assert_eq!(failure.exit_code(), ExitCode::from(130));
        let failure = Failure::from(fi_core::Error::Data("no".into()));
        assert_eq!((failure.to_string(), failure.exit_code()), ("no".into(), ExitCode::from(1)));
        let failure = Failure::call::<()>("wrong").unwrap_err();
        assert_eq!(failure.exit_code(), ExitCode::from(2));
    }
}
