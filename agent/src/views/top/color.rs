//! Colour on the screen.

use ratatui::style::{Color, Style};

use crate::views::Look;

/// A style that applies only if colour is on.
pub fn colored(look: Look, color: Color) -> Style {
    if look.color {
        Style::new().fg(color)
    } else {
        Style::new()
    }
}
