//! From a key to what it means.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::board::Words;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave.
    Quit,
    /// Leave what lies over the table; the program, where nothing does.
    CloseOrQuit,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One screen up.
    PageUp,
    /// One screen down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// All about the selected row.
    Open,
    /// Back to the table.
    Back,
    /// The other table.
    OtherView,
    /// The table at this place.
    Show(usize),
    /// Begin to type a search.
    Search,
    /// To the next match.
    SearchNext,
    /// To the match before.
    SearchPrevious,
    /// Begin to type a filter.
    Filter,
    /// Sort by the next column.
    Sort,
    /// Turn the order around.
    Reverse,
    /// Hold the frame, or go on.
    Pause,
    /// Frames more seldom.
    Slower,
    /// Frames more often.
    Faster,
    /// Copy the selected PID.
    Copy,
    /// Save the frame.
    Save,
    /// Show the keys.
    Help,
    /// One more character of the typed line.
    Type(char),
    /// Delete its last character.
    Erase,
    /// Delete all of it.
    EraseAll,
    /// The typed line is complete.
    Accept,
    /// Drop the typed line.
    Cancel,
}

/// The keys of the help, in groups; the table that `?` shows.
pub fn help(views: &str, fields: &str, words: &Words) -> Vec<(&'static str, String)> {
    let Words {
        row,
        search,
        filter,
        copied,
        ..
    } = words;
    vec![
        ("Tab, 1, 2", format!("the other view, {views}")),
        ("j k, arrows", "move".to_owned()),
        ("g G, Home End", "first, last row".to_owned()),
        ("PgUp PgDn", "one screen".to_owned()),
        ("Enter", format!("all about the selected {row}")),
        ("Esc", "back".to_owned()),
        ("/  n  N", format!("search {search}; next, previous match")),
        ("f", format!("filter: {filter} (empty: show all)")),
        ("", format!("fields: {fields}")),
        (
            "",
            "operators: = != > < >= <= ~(contains); and, or, ( )".to_owned(),
        ),
        ("s  r", "sort by the next column; reverse".to_owned()),
        ("Space", "pause, go on".to_owned()),
        ("+  -", "longer, shorter interval".to_owned()),
        (
            "y",
            format!("copy the {copied} (the terminal must allow OSC 52)"),
        ),
        ("e", "save the frame as JSON in this directory".to_owned()),
        ("q", "close this, or quit; Ctrl-C quits at once".to_owned()),
    ]
}

/// What a key means while a line is typed, or else.
pub fn action(key: KeyEvent, typing: bool) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Action::Quit),
            KeyCode::Char('z') => Some(Action::Suspend),
            KeyCode::Char('u') if typing => Some(Action::EraseAll),
            KeyCode::Char('h') if typing => Some(Action::Erase),
            KeyCode::Char('f') if !typing => Some(Action::PageDown),
            KeyCode::Char('b') if !typing => Some(Action::PageUp),
            _ => None,
        };
    }
    // Escape and a key soon after it arrive as one key with Alt, which has no meaning of its own.
    if key.modifiers.contains(KeyModifiers::ALT) && typing {
        return Some(Action::Cancel);
    }
    if typing {
        typed(key.code)
    } else {
        pressed(key.code)
    }
}

fn typed(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Enter => Action::Accept,
        KeyCode::Esc => Action::Cancel,
        KeyCode::Backspace => Action::Erase,
        KeyCode::Char(c) => Action::Type(c),
        _ => return None,
    })
}

fn pressed(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char('q') => Action::CloseOrQuit,
        KeyCode::Char('k') | KeyCode::Up => Action::Up,
        KeyCode::Char('j') | KeyCode::Down => Action::Down,
        KeyCode::Char('g') | KeyCode::Home => Action::First,
        KeyCode::Char('G') | KeyCode::End => Action::Last,
        KeyCode::PageUp => Action::PageUp,
        KeyCode::PageDown => Action::PageDown,
        KeyCode::Enter => Action::Open,
        KeyCode::Esc => Action::Back,
        KeyCode::Tab | KeyCode::BackTab => Action::OtherView,
        KeyCode::Char('1') => Action::Show(0),
        KeyCode::Char('2') => Action::Show(1),
        KeyCode::Char('/') => Action::Search,
        KeyCode::Char('n') => Action::SearchNext,
        KeyCode::Char('N') => Action::SearchPrevious,
        KeyCode::Char('f') => Action::Filter,
        KeyCode::Char('s') => Action::Sort,
        KeyCode::Char('r') => Action::Reverse,
        KeyCode::Char(' ') => Action::Pause,
        // `=` is `+` without the shift key.
        KeyCode::Char('+' | '=') => Action::Slower,
        KeyCode::Char('-') => Action::Faster,
        KeyCode::Char('y') => Action::Copy,
        KeyCode::Char('e') => Action::Save,
        KeyCode::Char('?') | KeyCode::F(1) => Action::Help,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers, typing: bool) -> Option<Action> {
        action(KeyEvent::new(code, modifiers), typing)
    }

    #[test]
    fn letters_are_text_while_typing() {
        let none = KeyModifiers::NONE;
        assert_eq!(
            press(KeyCode::Char('q'), none, true),
            Some(Action::Type('q'))
        );
        assert_eq!(
            press(KeyCode::Char('q'), none, false),
            Some(Action::CloseOrQuit)
        );
        assert_eq!(press(KeyCode::Esc, none, true), Some(Action::Cancel));
    }

    #[test]
    fn control_c_always_quits() {
        for typing in [true, false] {
            let action = press(KeyCode::Char('c'), KeyModifiers::CONTROL, typing);
            assert_eq!(action, Some(Action::Quit));
        }
    }

    #[test]
    fn escape_and_a_hasty_key_still_leave_the_line() {
        let action = press(KeyCode::Char('G'), KeyModifiers::ALT, true);
        assert_eq!(action, Some(Action::Cancel));
    }

    #[test]
    fn no_key_kills() {
        for code in [
            KeyCode::Char('K'),
            KeyCode::Char('x'),
            KeyCode::F(9),
            KeyCode::Delete,
        ] {
            assert_eq!(press(code, KeyModifiers::NONE, false), None);
        }
    }
}
