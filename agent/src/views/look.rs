//! What the terminal supports: colour and non-ASCII characters.

use std::env::var_os;
use std::io::IsTerminal;

use crate::cli::When;

/// How much attention a cell needs. Colour never adds to the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// None.
    #[default]
    Plain,
    /// Some.
    Warn,
    /// Much.
    Bad,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether to use colour; it never carries meaning alone.
    pub color: bool,
    /// Whether to print only ASCII.
    pub ascii: bool,
}

impl Look {
    /// Without colour, with more than ASCII: to compare texts, and for tests.
    pub const PLAIN: Self = Self {
        color: false,
        ascii: false,
    };

    /// A text in the colour of its tone.
    pub fn painted(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            _ if !self.color => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Warn => 33,
            Tone::Bad => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// From `--color`, NO_COLOR, TERM, the locale and the type of stdout.
    pub fn detect(when: When) -> Self {
        let color = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                let refused = var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = var_os("TERM").is_some_and(|value| value == "dumb");
                !refused && !dumb && std::io::stdout().is_terminal()
            }
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(var_os)
            .find(|value| !value.is_empty())
            .map(|value| value.to_string_lossy().into_owned());
        Self {
            color,
            ascii: !is_utf8(locale.as_deref()),
        }
    }
}

/// Whether a locale uses UTF-8; no locale at all is the C locale.
fn is_utf8(locale: Option<&str>) -> bool {
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utf8_locales_get_more_than_ascii() {
        assert!(is_utf8(Some("C.UTF-8")));
        assert!(is_utf8(Some("de_DE.utf8")));
        assert!(!is_utf8(Some("POSIX")));
        assert!(!is_utf8(None));
    }
}
