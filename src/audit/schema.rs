//! Whether a line is an event of docs/audit-event.schema.json. Compiled into tests alone: this crate's own, and by path
//! into the integration tests, so that every suite can hold what it emits against the one schema.

use serde_json::{Map, Value};

const SCHEMA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit-event.schema.json"));

/// The event, if the line is one.
///
/// # Errors
/// The path of the first thing that is not as the schema says, and why.
pub fn check(line: &str) -> Result<Value, String> {
    let schema: Value = serde_json::from_str(SCHEMA).map_err(|error| format!("the schema: {error}"))?;
    if line.contains(['\n', '\r']) || line.len() > 60_000 {
        return Err("the event is not one line of at most 60,000 bytes".into());
    }
    let event: Value = serde_json::from_str(line).map_err(|error| format!("the event: {error}"))?;
    conform(&schema, &schema, &event, "event")?;
    Ok(event)
}

/// The keywords of JSON Schema (draft 2020-12) that the schema uses; one that is not known here is an error, so that the
/// schema cannot ask for what nobody checks.
fn conform(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let rules = schema.as_object().ok_or_else(|| format!("{path}: the schema is no object"))?;
    for (keyword, rule) in rules {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let target = rule.as_str().and_then(|at| root.pointer(at.strip_prefix('#')?));
                conform(root, target.ok_or_else(|| format!("{path}: {rule}"))?, value, path)?;
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is_type(name, value)),
                name => is_type(name, value),
            },
            "const" => value == rule,
            "enum" => rule.as_array().is_some_and(|all| all.contains(value)),
            "minLength" => {
                value.as_str().is_none_or(|text| Some(text.chars().count() as u64) >= rule.as_u64())
            }
            "minimum" => value.as_u64().is_none_or(|number| Some(number) >= rule.as_u64()),
            "format" => value.as_str().is_none_or(|text| has_format(rule, text)),
            "required" => value.as_object().is_none_or(|object| {
                rule.as_array().is_some_and(|names| {
                    names.iter().all(|name| object.contains_key(name.as_str().unwrap_or("")))
                })
            }),
            "dependentRequired" => value.as_object().is_none_or(|object| {
                rule.as_object().is_some_and(|rule| {
                    let given = rule.iter().filter(|(name, _)| object.contains_key(*name));
                    given
                        .flat_map(|(_, needs)| needs.as_array())
                        .flatten()
                        .all(|name| object.contains_key(name.as_str().unwrap_or("")))
                })
            }),
            "properties" => {
                for (name, schema) in rule.as_object().into_iter().flatten() {
                    if let Some(member) = value.get(name) {
                        conform(root, schema, member, &format!("{path}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = rules.get("properties").and_then(Value::as_object);
                let others = |object: &Map<String, Value>| {
                    object.keys().any(|name| !known.is_some_and(|known| known.contains_key(name)))
                };
                *rule != Value::Bool(false) || !value.as_object().is_some_and(others)
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    conform(root, rule, item, &format!("{path}[{at}]"))?;
                }
                true
            }
            "oneOf" => {
                let all = rule.as_array().into_iter().flatten();
                all.filter(|schema| conform(root, schema, value, path).is_ok()).count() == 1
            }
            other => {
                return Err(format!("{path}: the schema says {other:?}, which the checker does not know"));
            }
        };
        if !holds {
            return Err(format!("{path}: {keyword} {rule} does not hold of {value}"));
        }
    }
    Ok(())
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

fn has_format(format: &Value, text: &str) -> bool {
    let shape = |pattern: &str, text: &str| {
        pattern.len() == text.len()
            && pattern.bytes().zip(text.bytes()).all(|(shape, c)| match shape {
                b'9' => c.is_ascii_digit(),
                b'x' => c.is_ascii_digit() || (b'a'..=b'f').contains(&c),
                mark => mark == c,
            })
    };
    match format.as_str() {
        Some("date-time") => shape("9999-99-99T99:99:99.999Z", text),
        Some("uuid") => shape("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", text),
        _ => false,
    }
}
