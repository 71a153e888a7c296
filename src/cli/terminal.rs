//! What a person sees while a device waits: lines, a QR code and a status line that counts down.

use std::{
    env, fmt,
    io::{self, IsTerminal, Write},
};

use crate::device_client::{Ink, printable, qr_rows};

const USUAL_COLUMNS: usize = 80;
/// The 256-colour black and white; the first sixteen colours follow the user's theme.
const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";
const RESET: &str = "\u{1b}[0m";

/// Where a command's result goes; what people read must not mix with JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Results {
    /// The result is text and goes to standard output with everything else.
    Text,
    /// The result is JSON on standard output; everything else goes to standard error.
    Json,
}

/// Whether the status line can be redrawn in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Live,
    /// A file, a pipe or a terminal that cannot move its cursor.
    Still,
}

/// Whether ANSI colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Ansi,
    /// Not a terminal, or `NO_COLOR` is set.
    Plain,
}

pub struct Terminal {
    sink: Box<dyn Write + Send>,
    motion: Motion,
    colours: Colours,
    columns: usize,
    /// How many columns of the status line are drawn.
    drawn: usize,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { motion, colours, columns, .. } = self;
        write!(formatter, "Terminal({motion:?}, {colours:?}, {columns} columns)")
    }
}

impl Terminal {
    /// The terminal this process runs in, if it runs in one.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "these variables describe the terminal and set nothing")]
    pub fn of_process(results: Results) -> Self {
        let (sink, is_terminal): (Box<dyn Write + Send>, _) = match results {
            Results::Text => (Box::new(io::stdout()), io::stdout().is_terminal()),
            Results::Json => (Box::new(io::stderr()), io::stderr().is_terminal()),
        };
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_colourless = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let motion = if is_terminal && !is_dumb { Motion::Live } else { Motion::Still };
        let colours = if motion == Motion::Live && !is_colourless { Colours::Ansi } else { Colours::Plain };
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        Self { columns: columns.unwrap_or(USUAL_COLUMNS), ..Self::with_sink(sink, motion, colours) }
    }

    /// Output to `sink`, 80 columns wide.
    #[must_use]
    pub fn with_sink(sink: Box<dyn Write + Send>, motion: Motion, colours: Colours) -> Self {
        Self { sink, motion, colours, columns: USUAL_COLUMNS, drawn: 0 }
    }

    /// Writes one line. Anything in it that could steer the terminal is removed, as it may come from a server.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.end_status()?;
        writeln!(self.sink, "{}", printable(text))?;
        self.sink.flush()
    }

    pub fn lines(&mut self, texts: &[&str]) -> io::Result<()> {
        texts.iter().try_for_each(|text| self.line(text))
    }

    /// Draws `url` as a QR code (RFC 8628 §3.3.1) below `caption`, or neither when the terminal is too narrow for it.
    pub fn qr_code(&mut self, caption: &str, url: &str) -> io::Result<()> {
        // Without colours the blocks come in the text colour, and most terminals write light text on dark.
        let ink = if self.colours == Colours::Ansi { Ink::Dark } else { Ink::Light };
        let fits = |rows: &Vec<String>| rows.iter().all(|row| row.chars().count() <= self.columns);
        let Some(rows) = qr_rows(url, ink).filter(fits) else {
            return Ok(());
        };
        self.line(caption)?;
        for row in rows {
            match self.colours {
                Colours::Ansi => writeln!(self.sink, "{BLACK_ON_WHITE}{row}{RESET}")?,
                Colours::Plain => writeln!(self.sink, "{row}")?,
            }
        }
        self.sink.flush()
    }

    /// Shows `text` in place of the previous status. Where nothing can be redrawn, only the first one is shown.
    pub fn status(&mut self, text: &str) -> io::Result<()> {
        let text = printable(text);
        // A line that wraps could not be redrawn.
        let fitting: String = text.chars().take(self.columns.saturating_sub(1)).collect();
        let length = fitting.chars().count();
        match self.motion {
            Motion::Live => write!(self.sink, "\r{fitting:0$}", self.drawn.max(length))?,
            Motion::Still if self.drawn == 0 => writeln!(self.sink, "{text}")?,
            Motion::Still => return Ok(()),
        }
        self.drawn = length;
        self.sink.flush()
    }

    pub fn end_status(&mut self) -> io::Result<()> {
        let drawn = std::mem::take(&mut self.drawn);
        if self.motion == Motion::Live && drawn > 0 {
            write!(self.sink, "\r{:drawn$}\r", "")?;
        }
        self.sink.flush()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        pub(crate) fn terminal(&self, motion: Motion, colours: Colours) -> Terminal {
            Terminal::with_sink(Box::new(self.clone()), motion, colours)
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn colours_are_set_and_reset_on_every_row_or_never() {
        for (colours, expected) in [(Colours::Ansi, true), (Colours::Plain, false)] {
            let paper = Paper::default();
            paper.terminal(Motion::Live, colours).qr_code("", "https://as.example/device").unwrap();
            let is_set = |row: &str| row.starts_with(BLACK_ON_WHITE) && row.ends_with(RESET);
            assert!(
                paper
                    .text()
                    .lines()
                    .skip(1)
                    .all(|row| is_set(row) == expected && row.contains('\u{1b}') == expected)
            );
        }
    }

    #[test]
    fn a_narrow_terminal_gets_no_torn_code() {
        let paper = Paper::default();
        let mut terminal = Terminal { columns: 20, ..paper.terminal(Motion::Live, Colours::Ansi) };
        terminal.qr_code("Scan", "https://as.example/device").unwrap();
        assert_eq!(paper.text(), "");
    }

    #[test]
    fn a_status_is_redrawn_on_a_terminal_and_said_once_elsewhere() {
        for (motion, expected) in
            [(Motion::Live, "\r10 left\r9 left \r      \rdone\n"), (Motion::Still, "10 left\ndone\n")]
        {
            let paper = Paper::default();
            let mut terminal = paper.terminal(motion, Colours::Plain);
            terminal.status("10 left").unwrap();
            terminal.status("9 left").unwrap();
            terminal.line("do\u{1b}ne").unwrap();
            assert_eq!(paper.text(), expected);
        }
    }
}
