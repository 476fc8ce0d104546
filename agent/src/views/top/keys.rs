//! Maps keys to actions.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::frame::Words;

/// User actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Quit.
    Quit,
    /// Close the overlay, or quit if there is none.
    CloseOrQuit,
    /// Suspend.
    Suspend,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// Details of the selected row.
    Open,
    /// Back to the table.
    Back,
    /// The other table.
    OtherView,
    /// The table at this place.
    Show(usize),
    /// Start typing a search.
    Search,
    /// To the next match.
    SearchNext,
    /// To the previous match.
    SearchPrevious,
    /// Start typing a filter.
    Filter,
    /// Sort by the next column.
    Sort,
    /// Reverse the order.
    Reverse,
    /// Pause or resume.
    Pause,
    /// Longer interval.
    Slower,
    /// Shorter interval.
    Faster,
    /// Copy the selected PID.
    Copy,
    /// Save the frame.
    Save,
    /// Show the help.
    Help,
    /// A typed character.
    Type(char),
    /// Delete the last character.
    Erase,
    /// Clear the input line.
    EraseAll,
    /// Confirm the input line.
    Accept,
    /// Cancel the input line.
    Cancel,
}

/// The keys in the help that `?` shows.
pub fn help(views: &str, fields: &str, words: &Words) -> Vec<(&'static str, String)> {
    let Words {
        row,
        search,
        filter,
        copied,
        ..
    } = words;
    vec![
        ("Tab, 1, 2", format!("switch view: {views}")),
        ("j k, arrows", "move".to_owned()),
        ("g G, Home End", "first, last row".to_owned()),
        ("PgUp PgDn", "one page".to_owned()),
        ("Enter", format!("details of the selected {row}")),
        ("Esc", "back".to_owned()),
        ("/  n  N", format!("search {search}; next, previous match")),
        ("f", format!("filter: {filter} (empty: show all)")),
        ("", format!("fields: {fields}")),
        (
            "",
            "operators: = != > < >= <= ~(contains); and, or, ( )".to_owned(),
        ),
        ("s  r", "sort by the next column; reverse".to_owned()),
        ("Space", "pause, resume".to_owned()),
        ("+  -", "longer, shorter interval".to_owned()),
        (
            "y",
            format!("copy the {copied} (needs OSC 52 in the terminal)"),
        ),
        (
            "e",
            "save the frame as JSON in the current directory".to_owned(),
        ),
        ("q", "close this, or quit; Ctrl-C quits at once".to_owned()),
    ]
}

/// The action for a key; `typing` if the keys are text input.
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
    // Escape followed quickly by a key arrives as Alt and that key, which has no meaning.
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
        // `=` is the `+` key without shift.
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
    fn keys_are_text_while_typing() {
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
    fn escape_with_a_fast_key_still_cancels_input() {
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
