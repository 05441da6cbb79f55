//! The one JSON reader of the key store: strict, and bounded before it parses.
//!
//! Size and depth are checked on the bytes first; a name twice in one object, a number that is not a whole one of 64
//! bits, and anything after the value are refused. Field access is typed; what nobody took stays and is written back.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a text is not taken; the caller adds what it was reading.
pub(super) type Refused<T> = std::result::Result<T, &'static str>;

const DEPTH: usize = 8;

/// An object of a document, from which the reader takes the fields it knows.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads one object of at most `limit` bytes and eight levels.
    pub(super) fn parse(text: &str, limit: usize) -> Refused<Fields> {
        if text.len() > limit {
            return Err("it is too large");
        }
        if depth(text) > DEPTH {
            return Err("it is nested too deeply");
        }
        match serde_json::from_str::<Strict>(text) {
            Ok(Strict(Value::Object(fields))) => Ok(Fields(fields)),
            _ => Err("it is not a JSON object in the form this store writes"),
        }
    }

    pub(super) fn from_value(value: Value) -> Refused<Fields> {
        match value {
            Value::Object(fields) => Ok(Fields(fields)),
            _ => Err("an object is expected"),
        }
    }

    pub(super) fn take(&mut self, name: &'static str) -> Refused<Value> {
        self.0.shift_remove(name).ok_or("a field is missing")
    }

    pub(super) fn take_if_there(&mut self, name: &'static str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Refused<String> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            _ => Err("a text is expected"),
        }
    }

    pub(super) fn text_if_there(&mut self, name: &'static str) -> Refused<Option<String>> {
        match self.take_if_there(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err("a text is expected"),
        }
    }

    pub(super) fn number(&mut self, name: &'static str) -> Refused<u64> {
        self.take(name)?.as_u64().ok_or("a whole number is expected")
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Refused<bool> {
        self.take(name)?.as_bool().ok_or("true or false is expected")
    }

    pub(super) fn list(&mut self, name: &'static str) -> Refused<Vec<Value>> {
        match self.take(name)? {
            Value::Array(items) => Ok(items),
            _ => Err("a list is expected"),
        }
    }

    pub(super) fn object(&mut self, name: &'static str) -> Refused<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(fields) => Ok(fields),
            _ => Err("an object is expected"),
        }
    }

    /// Exactly `N` bytes in lower-case hexadecimal.
    pub(super) fn bytes<const N: usize>(&mut self, name: &'static str) -> Refused<[u8; N]> {
        bytes(&self.take(name)?)
    }

    /// What is left: the fields this version does not know.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

/// Exactly `N` bytes in lower-case hexadecimal.
pub(super) fn bytes<const N: usize>(value: &Value) -> Refused<[u8; N]> {
    let mut out = [0; N];
    match value.as_str().map(|text| from_hex(text, &mut out)) {
        Some(true) => Ok(out),
        _ => Err("bytes in lower-case hexadecimal are expected"),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|n| char::from(DIGITS[usize::from(n)])).collect()
}

/// Fills `out` from lower-case hexadecimal of exactly its size.
pub(super) fn from_hex(text: &str, out: &mut [u8]) -> bool {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    text.len() == out.len() * 2
        && out.iter_mut().zip(text.as_bytes().chunks_exact(2)).all(|(byte, pair)| {
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => {
                    *byte = high << 4 | low;
                    true
                }
                _ => false,
            }
        })
}

/// The deepest nesting of brackets outside strings; an upper bound for well-formed text.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for c in text.bytes() {
        match (quoted, c) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'[' | b'{') => {
                now += 1;
                deepest = deepest.max(now);
            }
            (false, b']' | b'}') => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions and without a name twice")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = fields.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutations seen to fail it: no check of `insert`'s answer; a `visit_f64` that accepts; no look at `depth`.
    #[test]
    fn doubtful_texts_are_refused() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(8), "]".repeat(8));
        for text in [
            "",
            "1",
            "[]",
            "null",
            "{} {}",
            "{\"a\":1.0}",
            "{\"a\":1e2}",
            "{\"a\":-0}",
            "{\"a\":18446744073709551616}",
            "{\"a\":1,\"a\":1}",
            "{\"b\":[{\"a\":1,\"a\":2}]}",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"a\":\"\\ud800\"}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":01}",
            deep.as_str(),
        ] {
            assert!(Fields::parse(text, 1000).is_err(), "{text}");
        }
        assert!(Fields::parse("{\"a\":1}", 6).is_err());
        assert!(Fields::parse("{\"a\":1}", 7).is_ok());
        assert!(Fields::parse("{\"a\":\"[[[[[[[[[[[\\\"[[\"}", 100).is_ok());
    }

    #[test]
    fn fields_not_taken_are_left_as_they_were() {
        let text = "{\"x\":{\"deep\":[1,null,-3]},\"a\":18446744073709551615,\"y\":\"\u{fc}\"}";
        let mut fields = Fields::parse(text, 100).unwrap();
        assert_eq!(fields.number("a"), Ok(u64::MAX));
        assert_eq!(
            serde_json::to_string(&fields.rest()).unwrap(),
            "{\"x\":{\"deep\":[1,null,-3]},\"y\":\"\u{fc}\"}"
        );
    }

    #[test]
    fn hexadecimal_has_one_spelling() {
        let mut out = [0; 2];
        assert!(from_hex("0aff", &mut out) && out == [0x0a, 0xff]);
        for text in ["", "0af", "0aff0", "0aFF", "0a f", "\u{e4}0a"] {
            assert!(!from_hex(text, &mut out), "{text}");
        }
        assert_eq!(hex(&[0x0a, 0xff]), "0aff");
    }
}
