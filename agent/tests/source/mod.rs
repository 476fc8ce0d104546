//! Source files as text: what they mention, derive and test.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// Its path from the folder that was read.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Source {
    /// Each path that the code names, `use` trees spelt out; tests and comments are left out.
    pub(crate) fn paths(&self) -> Vec<String> {
        let code = self.code();
        let mut paths = Vec::new();
        let mut rest = code.as_str();
        while let Some(at) = find_import(rest) {
            let (before, tree) = rest.split_at(at);
            paths.extend(written_out(before));
            let (tree, after) = tree.split_once(';').unwrap_or((tree, ""));
            spell_out("", tree, &mut paths);
            rest = after;
        }
        paths.extend(written_out(rest));
        paths
    }

    /// The last names of all derived traits.
    pub(crate) fn derives(&self) -> Vec<String> {
        let code = self.code();
        let lists = code
            .split("derive(")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'));
        let names = lists.flat_map(|(list, _)| list.split(','));
        names
            .map(|name| name.rsplit("::").next().unwrap_or(name).trim().to_owned())
            .collect()
    }

    /// Names of its test functions.
    pub(crate) fn tests(&self) -> Vec<String> {
        let mut tests = Vec::new();
        let mut is_test = false;
        for line in self.text.lines().map(str::trim) {
            if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some(at) = find_word(line, "fn") {
                let name = line[at + 2..].trim().split('(').next().unwrap_or_default();
                tests.push(name.to_owned());
                is_test = false;
            }
        }
        tests
    }

    /// The text without comments and without the module of tests at its end.
    fn code(&self) -> String {
        let mut code = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            let opens = |next: &&str| next.trim_end().ends_with('{');
            if line.starts_with("#[cfg(test)]") && lines.peek().is_some_and(opens) {
                break;
            }
            if !line.trim_start().starts_with("//") {
                code.push_str(line);
                code.push('\n');
            }
        }
        code
    }
}

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All source files under `folder`; in `src`, without those that are tests.
pub(crate) fn read_sources(folder: &str) -> Vec<Source> {
    let root = workspace().join(folder);
    let mut files = Vec::new();
    list(&root, &mut files);
    files.sort();
    let mut sources: Vec<_> = files
        .iter()
        .map(|file| Source {
            name: file
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned(),
            text: fs::read_to_string(file).unwrap(),
        })
        .collect();
    if folder == "agent/src" {
        let tests: Vec<_> = sources.iter().flat_map(test_modules).collect();
        sources.retain(|source| {
            !source
                .name
                .split(['/', '.'])
                .any(|p| tests.iter().any(|t| t == p))
        });
    }
    assert!(!sources.is_empty(), "no sources in {folder}");
    sources
}

/// Names of the files that are tests, from their `#[cfg(test)] mod name;`.
fn test_modules(source: &Source) -> Vec<String> {
    let mut modules = Vec::new();
    for rest in source.text.split("#[cfg(test)]").skip(1) {
        let Some((head, _)) = rest.split_once(';') else {
            continue;
        };
        if let Some((_, path)) = head.split_once("path = \"") {
            modules.extend(path.split_once(".rs").map(|(name, _)| name.to_owned()));
        }
        let words: Vec<_> = head.split_whitespace().collect();
        if let [.., "mod", name] = words.as_slice()
            && !head.contains('{')
        {
            modules.push((*name).to_owned());
        }
    }
    modules
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Spells out one `use` tree: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn spell_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim().trim_start_matches("::");
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        let path = path.trim_end_matches("::self").trim_end_matches("::*");
        paths.push(format!("{prefix}{path}"));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let mut depth = 0;
    for branch in group.split(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        character == ',' && depth == 0
    }) {
        match branch.trim() {
            "" => {}
            "self" => paths.push(prefix.trim_end_matches("::").to_owned()),
            branch => spell_out(&prefix, branch, paths),
        }
    }
}

/// Paths such as `std::fs::read` in the midst of code.
fn written_out(code: &str) -> Vec<String> {
    let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
    let words = code
        .split(|character| !is_part(character))
        .filter(|word| word.contains("::"));
    words
        .map(|word| word.trim_matches(':').to_owned())
        .collect()
}

/// Where the tree of the next `use` begins.
fn find_import(code: &str) -> Option<usize> {
    let mut start = 0;
    code.split_inclusive('\n').find_map(|line| {
        let at = start;
        start += line.len();
        let (before, _) = line.split_at(find_word(line, "use")?);
        let is_import = before.trim().is_empty() || before.trim().starts_with("pub");
        is_import.then_some(at + before.len() + "use".len())
    })
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        !text[..*at].ends_with(is_name) && text[at + word.len()..].starts_with(char::is_whitespace)
    })
}
