//! Completions and manual pages, generated from the command line definition.

use anyhow::Context;
use clap::builder::Resettable;

use super::Outcome;
use super::output::print;

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
pub fn man(name: Option<&str>, mut command: clap::Command) -> anyhow::Result<Outcome> {
    command.build();
    if let Some(name) = name {
        let found = command.find_subcommand(name);
        command = found
            .with_context(|| format!("there is no command `{name}`"))?
            .clone();
    }
    print(&page(&mut command).context("cannot render the manual page")?)?;
    Ok(Outcome::Fine)
}

/// The page of a command. Examples keep their line breaks, which clap_mangen would remove.
fn page(command: &mut clap::Command) -> std::io::Result<String> {
    let notes = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    *command = command.clone().after_help(Resettable::Reset);
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    page.push_str(".SH NOTES\n.nf\n");
    for line in notes.lines() {
        page.push_str(&literal(line));
        page.push('\n');
    }
    page.push_str(".fi\n");
    Ok(page)
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
}
