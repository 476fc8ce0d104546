//! Styles on the screen. Colour only repeats what words or symbols show.

use ratatui::style::{Color, Modifier, Style};

use crate::views::Look;
use crate::views::column::Tone;

/// A style that applies only if colour is on.
pub fn colored(look: Look, color: Color) -> Style {
    if look.color {
        Style::new().fg(color)
    } else {
        Style::new()
    }
}

/// Bold.
pub fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Of a tone.
pub fn of(tone: Tone, look: Look) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Warn => colored(look, Color::Yellow).add_modifier(Modifier::BOLD),
        Tone::Bad => colored(look, Color::Red).add_modifier(Modifier::BOLD),
    }
}
