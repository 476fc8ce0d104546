//! The grammar of filters.
//!
//! ```text
//! any  = all ("or" all)*
//! all  = one ("and" one)*
//! one  = "not" one | "(" any ")" | field op value
//! op   = "=" | "!=" | ">" | "<" | ">=" | "<=" | "~" | "=~"
//! ```

use std::ops::Range;

use super::{Field, Misfit, Op, Test, Wrong};

/// Parses a filter that may only use these fields.
pub(super) fn parse(text: &str, fields: &[Field]) -> Result<Test, Wrong> {
    let mut parser = Parser {
        tokens: lex(text)?,
        end: text.len(),
        fields,
        at: 0,
        depth: 0,
    };
    let whole = parser.any()?;
    match parser.next() {
        (None, _) => Ok(whole),
        (Some(Token::Close), at) => wrong(at, "`)` without `(`"),
        (Some(token), at) => wrong(at, format!("missing `and` or `or` before `{token}`")),
    }
}

fn wrong<T>(at: Range<usize>, what: impl Into<String>) -> Result<T, Wrong> {
    let what = what.into();
    Err(Wrong {
        at,
        what,
        known: None,
    })
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Op(Op),
    Open,
    Close,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) | Self::Quoted(word) => f.write_str(word),
            Self::Open => f.write_str("("),
            Self::Close => f.write_str(")"),
            Self::Op(op) => f.write_str(match op {
                Op::Equal => "=",
                Op::Unequal => "!=",
                Op::Greater => ">",
                Op::Less => "<",
                Op::AtLeast => ">=",
                Op::AtMost => "<=",
                Op::Contains => "~",
                Op::Matches => "=~",
            }),
        }
    }
}

fn lex(text: &str) -> Result<Vec<(Token, Range<usize>)>, Wrong> {
    const ENDS_WORD: &str = "()=!<>~\"";
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut next_is = |wanted: char| chars.next_if(|(_, c)| *c == wanted).is_some();
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '~' => Token::Op(Op::Contains),
            '=' if next_is('~') => {
                tokens.push((Token::Op(Op::Matches), start..start + 2));
                let (begin, end) = pattern(text, start + 2);
                if begin < end {
                    tokens.push((Token::Word(text[begin..end].to_owned()), begin..end));
                    while chars.next_if(|(at, _)| *at < end).is_some() {}
                }
                continue;
            }
            '=' => {
                // Programmers type `==`.
                next_is('=');
                Token::Op(Op::Equal)
            }
            '>' if next_is('=') => Token::Op(Op::AtLeast),
            '>' => Token::Op(Op::Greater),
            '<' if next_is('=') => Token::Op(Op::AtMost),
            '<' => Token::Op(Op::Less),
            '!' if next_is('=') => Token::Op(Op::Unequal),
            '!' => return wrong(start..start + 1, "`!` needs a `=`; write `!=` for unequal"),
            '"' => {
                let rest = &text[start + 1..];
                let Some(length) = rest.find('"') else {
                    return wrong(start..text.len(), "missing closing `\"`");
                };
                while chars.next_if(|(at, _)| *at <= start + 1 + length).is_some() {}
                Token::Quoted(rest[..length].to_owned())
            }
            _ => {
                let rest = &text[start..];
                let ends = |c: char| c.is_whitespace() || ENDS_WORD.contains(c);
                let length = rest.find(ends).unwrap_or(rest.len());
                while chars.next_if(|(at, _)| *at < start + length).is_some() {}
                Token::Word(rest[..length].to_owned())
            }
        };
        let end = chars.peek().map_or(text.len(), |(at, _)| *at);
        tokens.push((token, start..end));
    }
    Ok(tokens)
}

/// Where a pattern that is not quoted begins and ends. Operators are part of it, and so are brackets
/// that it opens itself.
fn pattern(text: &str, from: usize) -> (usize, usize) {
    let rest = text[from..].trim_start();
    let begin = text.len() - rest.len();
    if rest.starts_with('"') {
        return (begin, begin);
    }
    let mut word = rest.split(char::is_whitespace).next().unwrap_or_default();
    while word.ends_with(')') && word.matches(')').count() > word.matches('(').count() {
        word = &word[..word.len() - 1];
    }
    (begin, begin + word.len())
}

/// More than anyone types; a deeper nesting would exhaust the stack.
const MAX_DEPTH: usize = 50;

struct Parser<'a> {
    tokens: Vec<(Token, Range<usize>)>,
    /// Where the text ends.
    end: usize,
    fields: &'a [Field],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// The next token, if any, and its place.
    fn next(&mut self) -> (Option<Token>, Range<usize>) {
        let next = self.tokens.get(self.at).cloned();
        self.at += 1;
        match next {
            Some((token, at)) => (Some(token), at),
            None => (None, self.end..self.end),
        }
    }

    fn next_if_word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at),
            Some((Token::Word(word), _)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Test, Wrong> {
        let mut tests = vec![self.all()?];
        while self.next_if_word("or") {
            tests.push(self.all()?);
        }
        Ok(if tests.len() == 1 {
            tests.remove(0)
        } else {
            Test::Any(tests)
        })
    }

    fn all(&mut self) -> Result<Test, Wrong> {
        let mut tests = vec![self.one()?];
        while self.next_if_word("and") {
            tests.push(self.one()?);
        }
        Ok(if tests.len() == 1 {
            tests.remove(0)
        } else {
            Test::All(tests)
        })
    }

    fn one(&mut self) -> Result<Test, Wrong> {
        if self.next_if_word("not") {
            return self.deeper(|parser| Ok(Test::Not(Box::new(parser.one()?))));
        }
        match self.next() {
            (Some(Token::Word(name)), at) => self.comparison(&name, at),
            (Some(Token::Open), at) => {
                let test = self.deeper(Self::any)?;
                match self.next() {
                    (Some(Token::Close), _) => Ok(test),
                    _ => wrong(at, "missing `)`"),
                }
            }
            (Some(token), at) => wrong(at, format!("missing field before `{token}`")),
            (None, at) => Err(self.field_needed(at, "missing field at the end".to_owned())),
        }
    }

    fn deeper(&mut self, parse: fn(&mut Self) -> Result<Test, Wrong>) -> Result<Test, Wrong> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let (_, at) = self.next();
            return wrong(at, format!("more than {MAX_DEPTH} nested `(` or `not`"));
        }
        let test = parse(self)?;
        self.depth -= 1;
        Ok(test)
    }

    fn comparison(&mut self, name: &str, name_at: Range<usize>) -> Result<Test, Wrong> {
        let field = name.parse().ok();
        let Some(field) = field.filter(|field| self.fields.contains(field)) else {
            return Err(self.field_needed(name_at, format!("`{name}` is not a field here")));
        };
        let (op, op_at) = match self.next() {
            (Some(Token::Op(op)), at) => (op, at),
            (_, at) => {
                let what = format!("missing operator after `{name}`: = != > < >= <= ~ or =~");
                return wrong(at, what);
            }
        };
        let (value, value_at) = match self.next() {
            (Some(Token::Word(value) | Token::Quoted(value)), at) => (value, at),
            (_, at) => {
                let op = Token::Op(op);
                return wrong(at, format!("missing value after `{name}{op}`"));
            }
        };
        Test::of(field, name, op, &value).or_else(|misfit| match misfit {
            Misfit::Operator(what) => wrong(op_at, what),
            Misfit::Value(what) => wrong(value_at, what),
        })
    }

    fn field_needed(&self, at: Range<usize>, what: String) -> Wrong {
        let known = Some(Field::known(self.fields));
        Wrong { at, what, known }
    }
}
