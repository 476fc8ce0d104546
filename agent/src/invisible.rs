//! Characters that move a cursor, or reorder or hide the text around them. Processes choose their
//! own names, so tables, labels, logs and commands to copy replace or escape these.

/// Whether it is a control or format character.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text with these written as `\n` or `\u{202e}`.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bidirectional_and_hidden_characters_are_escaped() {
        let text = "a\n\u{1b}b\u{202e}c\u{2066}d\u{200b}\u{feff}é 日\\";
        let shown = r"a\n\u{1b}b\u{202e}c\u{2066}d\u{200b}\u{feff}é 日\";
        assert_eq!(escaped(text), shown);
    }
}
