//! Documents are checked against docs/schema. Schemas of these types use few keywords of JSON
//! Schema, so this is far less code than the crates that know all of them.

use serde_json::Value;

macro_rules! schemas {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../docs/schema/", $name, ".json")))),*]
    };
}

const SCHEMAS: [(&str, &str); 11] = schemas!(
    "culprits" "doctor" "exits" "explain" "fleet-culprits" "fleet-top" "fleet-zombies" "stuck"
    "top" "workload" "zombies"
);

/// How a document differs from its schema, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A field is missing, as in documents of older agents.
    Missing(String),
    /// A value or a field is not in the schema.
    Invalid(String),
}

/// All differences between a document and the schema with this name.
pub(crate) fn problems(name: &str, document: &Value) -> Vec<Problem> {
    let schema = SCHEMAS.iter().find(|(known, _)| *known == name);
    let (_, schema) = schema.unwrap_or_else(|| panic!("no schema {name}"));
    let root = serde_json::from_str(schema).expect("a schema is JSON");
    let mut found = Vec::new();
    check(&root, &root, document, name, &mut found);
    found
}

/// Checks a value against a part of the schema `root`.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<Problem>) {
    let mut require = |is_met: bool, keyword: &str, rule: &Value| {
        if !is_met {
            found.push(Problem::Invalid(format!(
                "{at}: {value} fails {keyword} {rule}"
            )));
        }
    };
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "type" => require(is_of_type(rule, value), keyword, rule),
            "const" => require(rule == value, keyword, rule),
            "enum" => require(list(rule).contains(value), keyword, rule),
            "format" => require(has_format(rule, value), keyword, rule),
            "minimum" => require(!is_less(value.as_f64(), rule), keyword, rule),
            "maximum" => require(!is_greater(value.as_f64(), rule), keyword, rule),
            "minLength" => require(!is_less(length(value), rule), keyword, rule),
            "maxLength" => require(!is_greater(length(value), rule), keyword, rule),
            // Checked below, or only descriptive.
            "$ref" | "anyOf" | "oneOf" | "items" | "properties" | "required" | "$schema"
            | "$defs" | "title" | "description" | "default" => {}
            other => panic!("the keyword {other} is not checked yet"),
        }
    }
    if let Some(Value::String(path)) = schema.get("$ref") {
        let part = root.pointer(path.trim_start_matches('#'));
        check(root, part.expect("a definition"), value, at, found);
    }
    for alternatives in ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)) {
        let tried = list(alternatives).iter().map(|alternative| {
            let mut found = Vec::new();
            check(root, alternative, value, at, &mut found);
            found
        });
        let invalid = |it: &&Problem| matches!(it, Problem::Invalid(_));
        let best = tried.min_by_key(|tried| (tried.iter().filter(invalid).count(), tried.len()));
        found.extend(best.expect("alternatives"));
    }
    if let (Some(items), Value::Array(values)) = (schema.get("items"), value) {
        for (index, value) in values.iter().enumerate() {
            check(root, items, value, &format!("{at}[{index}]"), found);
        }
    }
    if let Value::Object(fields) = value {
        check_fields(root, schema, fields, at, found);
    }
}

fn check_fields(
    root: &Value,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    at: &str,
    found: &mut Vec<Problem>,
) {
    let required = schema
        .get("required")
        .map_or(&[][..], |required| list(required));
    let required = required.iter().filter_map(Value::as_str);
    let missing = required.filter(|field| !fields.contains_key(*field));
    found.extend(missing.map(|field| Problem::Missing(format!("{at}.{field}"))));
    let Some(known) = schema.get("properties") else {
        return;
    };
    for (field, value) in fields {
        let at = format!("{at}.{field}");
        match known.get(field) {
            Some(schema) => check(root, schema, value, &at, found),
            None => found.push(Problem::Invalid(at + " is not in the schema")),
        }
    }
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    match rule {
        Value::Array(types) => types.iter().any(|rule| is_of_type(rule, value)),
        rule => match rule.as_str().expect("a type") {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("no type {other}"),
        },
    }
}

/// The formats of numbers repeat their types and limits.
fn has_format(rule: &Value, value: &Value) -> bool {
    let text = value.as_str();
    rule != "date-time" || text.is_none_or(|text| text.parse::<jiff::Timestamp>().is_ok())
}

/// A limit does not apply to null.
fn is_less(number: Option<f64>, limit: &Value) -> bool {
    number.is_some_and(|number| limit.as_f64().is_some_and(|limit| number < limit))
}

fn is_greater(number: Option<f64>, limit: &Value) -> bool {
    number.is_some_and(|number| limit.as_f64().is_some_and(|limit| number > limit))
}

fn length(value: &Value) -> Option<f64> {
    value.as_str().map(|text| text.chars().count() as f64)
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().expect("a list")
}
