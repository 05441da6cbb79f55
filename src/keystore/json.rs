//! The one JSON reader of the key store: strict, and bounded before it parses.
//!
//! Size and depth are checked on the bytes first; a name twice in one object, a number that is not a whole one of 64
//! bits, and anything after the value are refused. Field access is typed; what nobody took stays and is written back.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a text is not taken; the caller adds what it was reading.
pub(super) type Refused<T> = std::result::Result<T, &'static str>;

const DEPTH: usize = 8;

/// An object of a document, from which the reader takes the fields it knows.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads one object of at most `limit` bytes and eight levels.
    pub(super) fn parse(text: &str, limit: usize) -> Refused<Fields> {
        check_bounds(text, limit)?;
        match serde_json::from_str::<Strict>(text) {
            Ok(Strict(Value::Object(fields))) => Ok(Fields(fields)),
            _ => Err("it is not a JSON object in the form this store writes"),
        }
    }

    /// The same for an object with a field `name` that maps numbers of two hexadecimal digits to digests: hundreds of
    /// them, which are read without a detour over values. They come second, in order.
    pub(super) fn parse_with_digests(
        text: &str,
        limit: usize,
        name: &'static str,
    ) -> Refused<(Fields, Vec<(u8, Digest)>)> {
        check_bounds(text, limit)?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = WithDigests(name).deserialize(&mut reader).and_then(|read| reader.end().map(|()| read));
        match read {
            Ok((fields, Some(digests))) => Ok((Fields(fields), digests)),
            Ok((_, None)) => Err("a field is missing"),
            Err(_) => Err("it is not a JSON object in the form this store writes"),
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

/// What each character is worth as a lower-case hexadecimal digit; 255 for those that are none.
const WORTH: [u8; 256] = {
    let mut worth = [u8::MAX; 256];
    let mut digit = 0;
    while digit < 16 {
        worth[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    worth
};

/// Fills `out` from lower-case hexadecimal of exactly its size.
pub(super) fn from_hex(text: &str, out: &mut [u8]) -> bool {
    if text.len() != out.len() * 2 {
        return false;
    }
    let mut all = 0;
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = [WORTH[usize::from(pair[0])], WORTH[usize::from(pair[1])]];
        all |= high | low;
        *byte = high << 4 | low & 15;
    }
    all < 16
}

fn check_bounds(text: &str, limit: usize) -> Refused<()> {
    if text.len() > limit {
        return Err("it is too large");
    }
    match depth(text) > DEPTH {
        true => Err("it is nested too deeply"),
        false => Ok(()),
    }
}

/// The deepest nesting of brackets outside strings; an upper bound for well-formed text.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest) = (0usize, 0);
    let mut rest = text.as_bytes().iter();
    while let Some(c) = rest.next() {
        match c {
            b'"' => {
                while let Some(b'\\') = rest.find(|c| matches!(c, b'"' | b'\\')) {
                    // Whatever stands behind it is of the string.
                    rest.next();
                }
            }
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
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

/// 32 bytes, in hexadecimal.
pub(super) type Digest = [u8; 32];

/// Reads an object, and the field of this name in it as a map of digests.
struct WithDigests(&'static str);

impl<'de> DeserializeSeed<'de> for WithDigests {
    type Value = (Map<String, Value>, Option<Vec<(u8, Digest)>>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for WithDigests {
    type Value = (Map<String, Value>, Option<Vec<(u8, Digest)>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object with digests")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut object, mut digests) = (Map::new(), None);
        while let Some(name) = fields.next_key::<String>()? {
            let twice = match name == self.0 {
                true => digests.replace(fields.next_value::<Digests>()?.0).is_some(),
                false => object.insert(name, fields.next_value::<Strict>()?.0).is_some(),
            };
            if twice {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok((object, digests))
    }
}

struct Digests(Vec<(u8, Digest)>);

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digests, D::Error> {
        deserializer.deserialize_map(DigestsVisitor)
    }
}

struct DigestsVisitor;

impl<'de> Visitor<'de> for DigestsVisitor {
    type Value = Digests;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("digests by numbers of two hexadecimal digits")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Digests, A::Error> {
        let mut all = Vec::new();
        while let Some((Hex([number]), Hex(digest))) = fields.next_entry()? {
            all.push((number, digest));
        }
        all.sort_unstable_by_key(|(number, _)| *number);
        match all.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            true => Err(A::Error::custom("a name stands twice")),
            false => Ok(Digests(all)),
        }
    }
}

/// Exactly so many bytes, in lower-case hexadecimal.
struct Hex<const N: usize>([u8; N]);

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hex<N>, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor<const N: usize>;

impl<const N: usize> Visitor<'_> for HexVisitor<N> {
    type Value = Hex<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in lower-case hexadecimal")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex<N>, E> {
        let mut out = [0; N];
        match from_hex(text, &mut out) {
            true => Ok(Hex(out)),
            false => Err(E::custom("bytes in lower-case hexadecimal are expected")),
        }
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

    /// Mutations seen to fail it: no look at what stands twice, at either place.
    #[test]
    fn digests_are_read_as_strictly_as_everything_else() {
        let digest = "07".repeat(32);
        let text = format!("{{\"x\":[1],\"d\":{{\"0b\":\"{digest}\", \"0\\u0061\":\"{digest}\"}},\"y\":2}}");
        let (fields, digests) = Fields::parse_with_digests(&text, 200, "d").unwrap();
        assert_eq!(digests, [(10, [7; 32]), (11, [7; 32])]);
        assert_eq!(serde_json::to_string(&fields.rest()).unwrap(), "{\"x\":[1],\"y\":2}");
        assert_eq!(Fields::parse_with_digests("{\"d\":{}}", 200, "d").unwrap().1, []);
        for text in [
            "",
            "[]",
            "{}",
            "{\"d\":[]}",
            "{\"d\":{},\"d\":{}}",
            "{\"d\":{},\"x\":1,\"x\":1}",
            "{\"d\":{},\"x\":1.0}",
            "{\"d\":{}} {}",
            "{\"d\":{\"00\":\"07\"}}",
            "{\"d\":{\"00\":7}}",
            &format!("{{\"d\":{{\"0\":\"{digest}\"}}}}"),
            &format!("{{\"d\":{{\"0B\":\"{digest}\"}}}}"),
            &format!("{{\"d\":{{\"00\":\"{}\"}}}}", "0A".repeat(32)),
            &format!("{{\"d\":{{\"00\":\"{digest}\",\"00\":\"{digest}\"}}}}"),
        ] {
            assert!(Fields::parse_with_digests(text, 1_000, "d").is_err(), "{text}");
        }
        assert!(Fields::parse_with_digests(&text, text.len() - 1, "d").is_err());
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
