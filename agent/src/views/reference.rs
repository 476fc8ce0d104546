//! Completions and manual pages, generated from the command line definition.

use anyhow::Context;
use clap::builder::Resettable;

use super::Outcome;
use super::output::print;
use crate::cli::DEFAULT_SOCKET;

/// Prints the completion script of a shell.
pub fn completions(
    shell: clap_complete::Shell,
    mut commands: clap::Command,
) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut commands, "reapwatch", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Fine)
}

/// Prints the manual page, or the page of one command.
pub fn man(name: Option<&str>, command: clap::Command) -> anyhow::Result<Outcome> {
    // There is no page on `help`.
    let mut command = command.disable_help_subcommand(true);
    let names: Vec<_> = command
        .get_subcommands()
        .map(|it| it.get_name().to_owned())
        .collect();
    command.build();
    if let Some(name) = name {
        let found = command.find_subcommand(name);
        command = found
            .with_context(|| format!("there is no command `{name}`"))?
            .clone();
    }
    print(&page(&mut command, name, &names).context("cannot render the manual page")?)?;
    Ok(Outcome::Fine)
}

/// The page of a command.
fn page(
    command: &mut clap::Command,
    name: Option<&str>,
    names: &[String],
) -> std::io::Result<String> {
    let notes = command.get_after_help().map(ToString::to_string);
    *command = command
        .clone()
        .disable_help_subcommand(true)
        .after_help(Resettable::Reset);
    let mut page = Vec::new();
    let version = format!("reapwatch {}", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command.clone()).source(version);
    man.render(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    if let Some(name) = name {
        // The views of `replay` have no pages but those of the commands.
        page = page.replace(&format!("reapwatch\\-{name}\\-"), "reapwatch\\-");
        let views = command.get_subcommands().map(clap::Command::get_name);
        for view in views.filter(|view| !names.iter().any(|it| it == view)) {
            page = page.replace(&format!("reapwatch\\-{view}(1)"), view);
        }
    }
    for (head, lines) in sections(&notes.unwrap_or_default()) {
        page += &section(&head, &lines);
    }
    page += &section("FILES", &files(name));
    page += &see_also(name, names);
    Ok(page)
}

/// The notes by their headings, which are lines such as `Examples:`.
fn sections(notes: &str) -> Vec<(String, Vec<&str>)> {
    let mut sections = vec![("NOTES".to_owned(), Vec::new())];
    for line in notes.lines() {
        match line.strip_suffix(':') {
            Some(head) if !head.starts_with(' ') && head.len() < 40 => {
                sections.push((head.to_uppercase(), Vec::new()));
            }
            _ => {
                let last = sections.last_mut().expect("there is always one");
                last.1.push(line);
            }
        }
    }
    sections
}

/// A section whose lines stay as they are; nothing without lines.
fn section(head: &str, lines: &[&str]) -> String {
    let blank = |line: &&&str| line.trim().is_empty();
    let begin = lines.iter().take_while(blank).count();
    let end = lines.len() - lines.iter().rev().take_while(blank).count();
    if begin >= end {
        return String::new();
    }
    let lines = lines[begin..end].iter().map(|line| literal(line) + "\n");
    let lines: String = lines.collect();
    format!(".SH {head}\n.nf\n{lines}.fi\n")
}

fn files(name: Option<&str>) -> Vec<&'static str> {
    const SETTINGS: [&str; 2] = [
        "$XDG_CONFIG_HOME/reapwatch/top.json, ~/.config/reapwatch/top.json",
        "       what the live view remembers: filters, sort order, idle rows, grouping, interval",
    ];
    match name {
        None | Some("agent") => vec![
            DEFAULT_SOCKET,
            "       the socket of the agent, which all views ask by default",
            "/etc/default/reapwatch",
            "       options of the agent, if it runs as a service from the Debian package",
        ],
        Some("top") => SETTINGS.to_vec(),
        Some("completions" | "man" | "record" | "replay") => Vec::new(),
        Some(_) => vec![
            DEFAULT_SOCKET,
            "       the socket of the agent that is asked by default",
        ],
    }
}

/// The pages that exist beside this one.
fn see_also(name: Option<&str>, names: &[String]) -> String {
    let others = names.iter().filter(|other| Some(other.as_str()) != name);
    let mut pages: Vec<_> = others
        .map(|other| format!("\\fBreapwatch\\-{other}\\fR(1)"))
        .collect();
    if name.is_some() {
        pages.insert(0, "\\fBreapwatch\\fR(1)".to_owned());
    }
    format!(".SH SEE ALSO\n{}\n", pages.join(",\n"))
}

/// A line escaped for roff.
fn literal(line: &str) -> String {
    let line = line
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    if line.starts_with('.') {
        format!("\\&{line}")
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roff_leaves_literal_lines_alone() {
        assert_eq!(literal(".items[] -b"), "\\&.items[] \\-b");
        assert_eq!(literal("jq '.x\\'"), "jq \\(aq.x\\e\\(aq");
    }

    #[test]
    fn notes_become_sections() {
        let notes = "Some words.\n\nExamples:\n  reapwatch top\n\nExit status:\n  0  success";
        let found = sections(notes);
        let heads: Vec<_> = found.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(heads, ["NOTES", "EXAMPLES", "EXIT STATUS"]);
        let text = section("EXAMPLES", &found[1].1);
        assert_eq!(text, ".SH EXAMPLES\n.nf\n  reapwatch top\n.fi\n");
        assert_eq!(section("FILES", &[]), "");
    }
}
