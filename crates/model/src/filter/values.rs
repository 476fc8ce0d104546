//! The values of fields that have a closed set of them: any other would match nothing, silently.

use api::How;
use strum::VariantArray;

use super::Field;
use crate::{culprit, signals, stuck};

/// How alike a name must be to be suggested, from 0 to 1; clap uses the same.
const ALIKE: f64 = 0.7;
/// What follows a signal in the exit of a process that dumped core.
const CORE: &str = " core";

/// The value as rows have it, or what is wrong with it.
pub(super) fn exact(field: Field, value: &str) -> Result<String, String> {
    match field {
        Field::Why => {
            let unexplained = [culprit::rules::UNEXPLAINED];
            let ids = culprit::rules::ids().chain(stuck::rules::ids());
            one_of(value, "a verdict", ids.chain(unexplained))
        }
        Field::How => {
            let names = How::VARIANTS.iter().map(Into::into);
            one_of(value, "a kind of reap", names)
        }
        Field::Exit => exit(value),
        _ => Ok(value.to_owned()),
    }
}

/// Whether the value of a row is the wanted one. A signal stands for deaths with and without a dump.
pub(super) fn is(field: Field, found: &str, wanted: &str) -> bool {
    let is_signal = field == Field::Exit && found.strip_suffix(CORE) == Some(wanted);
    found == wanted || is_signal
}

/// An exit code, such as `1` or `exit 1`, or a signal.
fn exit(value: &str) -> Result<String, String> {
    let code = value.strip_prefix("exit ").unwrap_or(value);
    if let Ok(code) = code.parse::<u8>() {
        return Ok(format!("exit {code}"));
    }
    let signal = value.strip_suffix(CORE).unwrap_or(value);
    let signals: Vec<_> = (1..=64).map(signals::name).collect();
    one_of(
        signal,
        "an exit code or a signal",
        signals.iter().map(|it| &**it),
    )?;
    Ok(value.to_owned())
}

fn one_of<'a>(
    value: &str,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<String, String> {
    if known.clone().any(|name| name == value) {
        return Ok(value.to_owned());
    }
    let alike = known.map(|name| (strsim::jaro(name, value), name));
    let nearest = alike.max_by(|this, that| this.0.total_cmp(&that.0));
    let nearest = nearest.filter(|(alike, _)| *alike > ALIKE);
    let hint = nearest.map(|(_, name)| format!("; did you mean `{name}`?"));
    Err(format!(
        "`{value}` is not {what}{}",
        hint.unwrap_or_default()
    ))
}
