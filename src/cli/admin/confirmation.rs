//! The question before something is deleted.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::done::Error;

#[derive(Debug, Args)]
pub(super) struct Confirmation {
    /// Delete without asking for confirmation.
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Asks on the terminal whether `what` is to be deleted. Without a terminal nobody can answer, so `--yes` is needed.
    pub(super) fn ask(&self, what: &str) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        let (input, output) = (std::io::stdin(), std::io::stderr());
        if !input.is_terminal() || !output.is_terminal() {
            return Err(format!(
                "this deletes {what} and must be confirmed, but there is no terminal: run again with --yes"
            )
            .into());
        }
        if is_confirmed(what, input.lock(), output)? {
            return Ok(());
        }
        Err("nothing was deleted".into())
    }
}

/// Whether the answer to the question is yes.
fn is_confirmed(what: &str, mut input: impl BufRead, mut output: impl Write) -> std::io::Result<bool> {
    write!(output, "Delete {what}? This cannot be undone. [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_confirms_a_deletion() {
        for (answer, confirmed) in [
            ("y\n", true),
            ("YES\n", true),
            (" yes \n", true),
            ("\n", false),
            ("", false),
            ("no\n", false),
            ("yep\n", false),
        ] {
            let mut shown = Vec::new();
            assert_eq!(
                is_confirmed("the user ada", answer.as_bytes(), &mut shown).unwrap(),
                confirmed,
                "{answer:?}"
            );
            assert_eq!(shown, b"Delete the user ada? This cannot be undone. [y/N] ");
        }
    }
}
