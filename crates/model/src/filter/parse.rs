//! The grammar of filters.
//!
//! ```text
//! any  = all ("or" all)*
//! all  = one ("and" one)*
//! one  = "(" any ")" | field op value
//! op   = "=" | "!=" | ">" | "<" | ">=" | "<=" | "~"
//! ```

use super::{Field, Op, Test};

/// Parses a filter; the error is one sentence.
pub(super) fn parse(text: &str) -> Result<Test, String> {
    let mut parser = Parser {
        tokens: lex(text)?,
        at: 0,
        depth: 0,
    };
    let whole = parser.any()?;
    match parser.next() {
        None => Ok(whole),
        Some(Token::Close) => Err("`)` without `(`".to_owned()),
        Some(token) => Err(format!("missing `and` or `or` before `{token}`")),
    }
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
            }),
        }
    }
}

fn lex(text: &str) -> Result<Vec<Token>, String> {
    const ENDS_WORD: &str = "()=!<>~\"";
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '~' => Token::Op(Op::Contains),
            '=' => {
                // Programmers type `==`.
                chars.next_if_eq(&'=');
                Token::Op(Op::Equal)
            }
            '>' => Token::Op(chars.next_if_eq(&'=').map_or(Op::Greater, |_| Op::AtLeast)),
            '<' => Token::Op(chars.next_if_eq(&'=').map_or(Op::Less, |_| Op::AtMost)),
            '!' if chars.next_if_eq(&'=').is_some() => Token::Op(Op::Unequal),
            '!' => return Err("`!` needs a `=`; write `!=` for unequal".to_owned()),
            '"' => {
                let mut word = String::new();
                loop {
                    match chars.next() {
                        Some('"') => break Token::Quoted(word),
                        Some(c) => word.push(c),
                        None => return Err("missing closing `\"`".to_owned()),
                    }
                }
            }
            first => {
                let mut word = String::from(first);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !ENDS_WORD.contains(*c))
                {
                    word.push(c);
                }
                Token::Word(word)
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// More than anyone types; a deeper nesting would exhaust the stack.
const MAX_DEPTH: usize = 50;

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn next_if_word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Test, String> {
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

    fn all(&mut self) -> Result<Test, String> {
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

    fn one(&mut self) -> Result<Test, String> {
        let name = match self.next() {
            Some(Token::Word(name)) => name,
            Some(Token::Open) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(format!("more than {MAX_DEPTH} nested `(`"));
                }
                let test = self.any()?;
                self.depth -= 1;
                return match self.next() {
                    Some(Token::Close) => Ok(test),
                    _ => Err("missing `)`".to_owned()),
                };
            }
            Some(token) => return Err(format!("missing field before `{token}`")),
            None => {
                return Err(format!(
                    "missing field at the end; known: {}",
                    Field::known(Field::ALL)
                ));
            }
        };
        let field = name.parse().map_err(|_| {
            let known = Field::known(Field::ALL);
            format!("`{name}` is not a field; known: {known}")
        })?;
        let Some(Token::Op(op)) = self.next() else {
            return Err(format!(
                "missing operator after `{name}`: = != > < >= <= or ~"
            ));
        };
        let Some(Token::Word(value) | Token::Quoted(value)) = self.next() else {
            return Err(format!("missing value after `{name}{}`", Token::Op(op)));
        };
        Test::of(field, &name, op, &value)
    }
}
