//! README.md and docs/: their commands run or parse, their JSON is what a server answers, their links lead somewhere, and
//! the reference pages are what the program says of itself.
//!
//! Each kind of block has one check, named in [`CHECKS`]. A block of another kind fails, so that none stays unchecked.

mod commands;
mod curl;
mod links;
mod names;
mod reference;
mod settings;
mod sql;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The kinds of blocks, and what checks them.
const CHECKS: [(&str, &str); 14] = [
    ("sh", "commands: `latchkey admin` is run, other commands are parsed; curl: requests are run"),
    ("json", "curl: compared with the response to the request before it"),
    ("sql", "sql: run; `tenant_isolation::postgres_versions`"),
    ("js", "resource_servers"),
    ("python", "resource_servers"),
    ("java", "resource_servers"),
    ("rust", "resource_servers"),
    ("nginx", "proxies"),
    ("haproxy", "proxies"),
    ("caddyfile", "proxies"),
    ("yaml", "proxies: shown, and tried by hand"),
    ("toml", "settings: a theme, whose members are read"),
    ("ini", "settings: a unit of systemd, whose command is parsed"),
    ("text", "nothing to run: drawings, formulas, a line of the log, the help of the command line"),
];

/// A page of the documents.
pub struct Page {
    /// Its path below the repository, such as `docs/install.md`.
    pub path: String,
    pub text: String,
}

/// A fenced block, without the indentation of its fence.
#[derive(Debug)]
pub struct Block {
    pub language: String,
    pub text: String,
    /// The line of its fence.
    pub line: usize,
}

/// README.md and every page of docs/.
pub fn pages() -> Vec<Page> {
    let mut names: Vec<_> = std::fs::read_dir(Path::new(ROOT).join("docs"))
        .expect("docs/")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .filter(|name| is_markdown(name))
        .map(|name| format!("docs/{name}"))
        .collect();
    names.sort();
    names.insert(0, "README.md".to_owned());
    names.into_iter().map(read).collect()
}

/// One page of docs/.
pub fn page(name: &str) -> Page {
    read(format!("docs/{name}"))
}

fn is_markdown(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "md")
}

fn read(path: String) -> Page {
    let text = std::fs::read_to_string(Path::new(ROOT).join(&path)).expect("a page");
    Page { path, text }
}

impl Page {
    /// The part below this heading, up to the next one of the same or a higher level.
    pub fn section(&self, heading: &str) -> Self {
        let level = heading.chars().take_while(|character| *character == '#').count();
        let mut fenced = false;
        let lines = self.text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| {
            fenced ^= line.trim_start().starts_with("```");
            let hashes = line.chars().take_while(|character| *character == '#').count();
            fenced || hashes == 0 || hashes > level
        });
        let text = lines.flat_map(|line| [line, "\n"]).collect::<String>();
        assert!(!text.is_empty(), "{}: {heading}", self.path);
        Self { path: self.path.clone(), text }
    }

    /// Its fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(Block, usize)> = None;
        for (number, line) in self.text.lines().enumerate() {
            let indentation = line.len() - line.trim_start().len();
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(language)) => {
                    let block =
                        Block { language: language.to_owned(), text: String::new(), line: number + 1 };
                    open = Some((block, indentation));
                }
                (None, None) => {}
                (Some(_), Some(_)) => blocks.extend(open.take().map(|(block, _)| block)),
                (Some((block, indented)), None) => {
                    block.text.push_str(line.get(*indented..).unwrap_or_default());
                    block.text.push('\n');
                }
            }
        }
        assert!(open.is_none(), "{}: a block without an end", self.path);
        blocks
    }

    /// Its shell blocks.
    pub fn shell(&self) -> impl Iterator<Item = Block> {
        self.blocks().into_iter().filter(|block| block.language == "sh")
    }

    /// The text outside of blocks, line by line with its number.
    fn prose(&self) -> Vec<(usize, &str)> {
        let mut fenced = false;
        let lines = self.text.lines().enumerate().filter(|(_, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        });
        lines.map(|(number, line)| (number + 1, line)).collect()
    }

    /// What stands in code font in the text, with its line.
    fn code(&self) -> Vec<(usize, &str)> {
        self.prose()
            .into_iter()
            .flat_map(|(number, line)| line.split('`').skip(1).step_by(2).map(move |code| (number, code)))
            .collect()
    }
}

/// A command in a shell, with the program on its PATH, the environment of `latchkey`, and `dir` as its directory.
pub fn shell(latchkey: &Command, dir: &Path, command: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_latchkey")).parent().expect("a directory").display();
    let mut shell = Command::new("sh");
    for (name, value) in latchkey.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["-c", &format!("PATH=\"{program}:$PATH\"; {command}")]).current_dir(dir);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// A new directory of a test, and of nobody else: several tests run the commands of one page.
fn directory(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("latchkey-documents-{}-{count}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
}

#[test]
fn every_block_has_a_check() {
    let mut unchecked = Vec::new();
    for page in pages() {
        for block in page.blocks() {
            if !CHECKS.iter().any(|(language, _)| *language == block.language) {
                unchecked.push(format!("{}:{}: {}", page.path, block.line, block.language));
            }
        }
    }
    assert!(unchecked.is_empty(), "{unchecked:#?}");
}

#[test]
fn the_readme_is_short_and_starts_with_both_commands() {
    let readme = read("README.md".to_owned());
    assert!(readme.text.len() <= 8 * 1024, "{} bytes", readme.text.len());
    let first_screen = readme.text.lines().take(30).collect::<Vec<_>>().join("\n");
    for command in
        ["cargo run --release -- demo --install-postgres", "LATCHKEY_INSTALL_POSTGRES=1 cargo test"]
    {
        assert!(first_screen.contains(&format!("```sh\n{command}\n```")), "{command}");
    }
}
