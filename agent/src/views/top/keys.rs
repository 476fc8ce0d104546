//! Maps keys to actions.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::player::Move;

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
    /// Back to the table, or to all rows.
    Back,
    /// The next view.
    NextView,
    /// The previous view.
    PreviousView,
    /// The view at this place.
    Show(usize),
    /// Start typing a search.
    Search,
    /// To the next match.
    SearchNext,
    /// To the previous match.
    SearchPrevious,
    /// Start typing a filter.
    Filter,
    /// Choose the sort column.
    Sort,
    /// Reverse the order.
    Reverse,
    /// Show or hide idle rows.
    Idle,
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
    /// Group rows by workload, or not.
    Group,
    /// Show or close the tree.
    Tree,
    /// Move in a recording.
    Move(Move),
    /// Start typing a moment of a recording.
    GoTo,
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
pub const HELP: &[(&str, &str)] = &[
    ("Tab, 1 to 5", "switch view"),
    ("j k, arrows", "move"),
    ("g G, Home End", "first, last row"),
    ("PgUp PgDn", "one page"),
    ("Enter", "details of the selected row"),
    ("Esc", "back; in a table: clear search and filter"),
    ("/  n  N", "search for a name or PID; next, previous match"),
    ("f", "filter rows; an empty filter shows all"),
    ("c", "keep the rows of each workload together"),
    ("t", "tree of workloads, culprits and their zombies"),
    ("s  r", "choose the sort column; reverse"),
    (
        "i",
        "show or hide idle rows, such as parents without zombies",
    ),
    ("Space", "pause, resume"),
    ("+  -", "longer, shorter interval"),
    ("y", "copy the PID or name (needs OSC 52 in the terminal)"),
    ("e", "save the frame as JSON in the current directory"),
    ("q", "close this, or quit; Ctrl-C quits at once"),
];

/// The keys that control the time of a recording.
pub const PLAYER_HELP: &[(&str, &str)] = &[
    ("Space", "pause, play; at the end: play again"),
    (",  .", "one frame back, one frame on"),
    ("Left Right", "10 seconds back, on"),
    ("[  ]", "half as fast, twice as fast"),
    (
        "@",
        "go to a moment: 90s after the start, -30s before the end, 03:11:22, start, end",
    ),
];

/// The action for a key; `typing` if the keys are text input.
pub fn action(key: KeyEvent, typing: bool) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            // Ctrl-\\ arrives as either.
            KeyCode::Char('c' | '\\' | '4') => Some(Action::Quit),
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
        KeyCode::Tab => Action::NextView,
        KeyCode::BackTab => Action::PreviousView,
        KeyCode::Char(digit @ '1'..='9') => Action::Show(digit as usize - '1' as usize),
        KeyCode::Char('/') => Action::Search,
        KeyCode::Char('n') => Action::SearchNext,
        KeyCode::Char('N') => Action::SearchPrevious,
        KeyCode::Char('f') => Action::Filter,
        KeyCode::Char('s') => Action::Sort,
        KeyCode::Char('r') => Action::Reverse,
        KeyCode::Char('i') => Action::Idle,
        KeyCode::Char(' ') => Action::Pause,
        // `=` is the `+` key without shift.
        KeyCode::Char('+' | '=') => Action::Slower,
        KeyCode::Char('-') => Action::Faster,
        KeyCode::Char('y') => Action::Copy,
        KeyCode::Char('e') => Action::Save,
        KeyCode::Char('c') => Action::Group,
        KeyCode::Char('t') => Action::Tree,
        KeyCode::Char(',') => Action::Move(Move::StepBack),
        KeyCode::Char('.') => Action::Move(Move::Step),
        KeyCode::Left => Action::Move(Move::Back),
        KeyCode::Right => Action::Move(Move::Forward),
        KeyCode::Char('[') => Action::Move(Move::Slower),
        KeyCode::Char(']') => Action::Move(Move::Faster),
        KeyCode::Char('@') => Action::GoTo,
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
