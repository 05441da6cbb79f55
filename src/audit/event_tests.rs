use proptest::prelude::*;

use super::*;
use crate::audit::json::is_escaped;
use crate::audit::schema;

pub(crate) fn source() -> Source {
    Source {
        store_id: "00112233445566778899aabbccddeeff".into(),
        principal: "svc-checkout".into(),
        verified: true,
        address: "pay-03".into(),
        user_agent: "keyfold-py/0.1.0 pid/4121".into(),
    }
}

fn key(n: u8) -> KeyRef {
    KeyRef { key_id: [n; 16], version: u32::from(n), material_id: [n; 8] }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

pub(crate) fn api_call(name: &'static str) -> Event {
    let mut event = Event::new(name, EventType::ApiCall, 1_795_640_400_113);
    event.request = Some(map(serde_json::json!({ "keyId": "alias/cards" })));
    event.keys = vec![key(3)];
    event
}

/// Names that forge lines, move cursors, turn text round, end strings, or are just long.
pub(crate) fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "x\n{\"eventName\":\"Decrypt\"}",
        "x\r\n{\"eventVersion\":\"1.0\",\"seq\":9}",
        "\"}\n",
        "\\\"},{",
        "\\u000a",
        "</script><script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31m",
        "abc\u{202e}dcb\u{202c}",
        "\u{2066}\u{2069}\u{200f}\u{61c}",
        "line\u{2028}separator\u{2029}",
        "\u{85}next line",
        "nul\0nul",
        "\u{feff}bom",
        "tag\u{e0041}\u{e007f}",
        "k\u{f6}nigin \u{1f451}",
        "%s%n${jndi:ldap://x}",
        "",
    ]
    .map(String::from)
    .to_vec();
    names.extend((0..=0x9f).filter_map(char::from_u32).map(|c| format!("a{c}b")));
    names.extend([511, 512, 513, 8_192, 70_000].map(|n| "\u{202e}\n".repeat(n / 4 + 1)));
    names.extend((0..20).map(|n| format!("{}{{\"seq\":{n}}}", "\n".repeat(n))));
    names
}

/// What a terminal, a log shipper or a reader could act on: named here once more, apart from `is_escaped`.
fn acts(c: char) -> bool {
    c.is_control()
        || "\u{2028}\u{2029}\u{200e}\u{200f}\u{61c}\u{feff}\u{e0041}".contains(c)
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// T-119. Mutations seen to fail it: no `write_char_escape` of ours and a line end written as itself; C1 left out of
/// `is_escaped`; the request not `bounded`.
#[test]
fn a_hostile_name_in_any_field_leaves_one_line_of_the_schema() {
    let names = hostile_names();
    assert!(names.len() >= 200);
    let mut trail = String::new();
    for (seq, name) in names.iter().enumerate() {
        for kind in [EventType::ApiCall, EventType::ServiceEvent] {
            let parameters = map(serde_json::json!({
                "keyId": name, name.as_str(): "value", "encryptionContext": { name.as_str(): [name, { "x": name }] },
            }));
            let event = Event {
                kind,
                keys: vec![key(1), key(2)],
                request: Some(parameters.clone()),
                response: Some(parameters.clone()),
                additional: parameters,
                error: Some(Error::KeyNotFound { name: name.as_str().into() }),
                ..api_call("DescribeKey")
            };
            let source = Source {
                principal: name.clone(),
                address: name.clone(),
                user_agent: name.clone(),
                ..source()
            };
            let line = event.write(&source, seq as u64).unwrap();
            assert!(line.len() <= EVENT_LIMIT, "{} bytes of {name:?}", line.len());
            assert!(!line.chars().any(acts), "{name:?}");
            let read = schema::check(&line).unwrap_or_else(|why| panic!("{why}: {name:?}"));
            if name.len() <= TEXT_LIMIT {
                assert_eq!(read["userIdentity"]["principalId"], name.as_str());
                assert_eq!(read["requestParameters"]["keyId"], name.as_str());
            }
            trail.push_str(&line);
            trail.push('\n');
        }
    }
    assert_eq!(trail.lines().count(), 2 * names.len());
}

#[test]
fn every_character_comes_back_and_those_that_act_are_escaped() {
    for c in (0..=0x10ffff).filter_map(char::from_u32) {
        if c > '\u{3000}' && !is_escaped(c) && u32::from(c) % 97 != 0 {
            continue;
        }
        let written = json::write(&c).unwrap();
        assert_eq!(serde_json::from_str::<char>(&written).unwrap(), c);
        assert_eq!(is_escaped(c) || "\"\\".contains(c), written.contains('\\'), "{c:?}");
    }
    assert_eq!(
        json::write(&"\n\t\u{8}\u{1b}\u{202e}\u{e0041}").unwrap(),
        r#""\u000a\u0009\u0008\u001b\u202e\udb40\udc41""#
    );
}

#[test]
fn an_event_reads_as_the_documentation_shows_it() {
    let mut event = api_call("GenerateDataKey");
    event.read_only = true;
    event.request.as_mut().unwrap().insert("encryptionContext".into(), serde_json::json!({ "tenant": "42" }));
    event.additional.insert("count".into(), 7.into());
    let line = event.write(&source(), 41).unwrap();
    assert!(line.starts_with(
        r#"{"eventVersion":"1.0","seq":41,"eventTime":"2026-11-25T21:00:00.113Z","monotonicTime":"#
    ));
    let read = schema::check(&line).unwrap();
    assert_eq!(read["eventSource"], "keyfold");
    assert_eq!(
        read["userIdentity"],
        serde_json::json!({ "type": "Principal", "principalId": "svc-checkout", "verified": true })
    );
    assert_eq!(
        read["resources"][0]["ARN"],
        "keyfold:00112233445566778899aabbccddeeff:key/03030303-0303-0303-0303-030303030303"
    );
    assert_eq!(
        read["additionalEventData"],
        serde_json::json!({ "keyVersion": 3, "keyMaterialId": "0303030303030303", "count": 7 })
    );
    assert_eq!(read["responseElements"], Value::Null);
    assert!(read.get("errorCode").is_none());
    assert_eq!(read["requestID"].as_str().unwrap().as_bytes()[14], b'4');
    let again: Value = serde_json::from_str(&event.write(&source(), 41).unwrap()).unwrap();
    assert_ne!(read["eventID"], again["eventID"]);
}

#[test]
fn a_service_event_and_a_refusal_say_so() {
    let mut event = Event::new("RotateKey", EventType::ServiceEvent, 0);
    event.keys = vec![key(9)];
    event.additional.insert("rotationType".into(), "AUTOMATIC".into());
    let read = schema::check(&event.write(&source(), 0).unwrap()).unwrap();
    assert_eq!(read["eventType"], "ServiceEvent");
    assert_eq!(read["userIdentity"]["type"], "Library");
    assert_eq!(read["userIdentity"]["invokedBy"], "keyfold");
    assert_eq!(read["requestParameters"], Value::Null);
    assert_eq!(read["serviceEventDetails"]["keyId"], "09090909-0909-0909-0909-090909090909");
    assert_eq!(read["serviceEventDetails"]["rotationType"], "AUTOMATIC");

    let mut refused = api_call("Decrypt");
    refused.error = Some(Error::Auth);
    let read = schema::check(&refused.write(&source(), 1).unwrap()).unwrap();
    assert_eq!(read["errorCode"], "InvalidCiphertextException");
    assert_eq!(read["errorMessage"], Error::Auth.to_string());
}

/// Mutation seen to fail it: the smallest member replaced first.
#[test]
fn what_is_too_large_is_replaced_by_its_digest_and_the_rest_stays() {
    let policy = "p".repeat(100_000);
    let mut event = api_call("UpdateKeyPolicy");
    event.request.as_mut().unwrap().insert("policy".into(), policy.clone().into());
    let read = schema::check(&event.write(&source(), 0).unwrap()).unwrap();
    assert_eq!(read["requestParameters"]["keyId"], "alias/cards");
    let mut hash = [0; 32];
    sha256_into(&[format!("\"{policy}\"").as_bytes()], &mut hash);
    let digest = serde_json::json!({ "bytes": 100_002, "sha256": json::hex(&hash) });
    assert_eq!(read["requestParameters"]["policy"], digest);

    let many: Map<_, _> = (0..5_000).map(|n| (format!("name{n}"), Value::from(n))).collect();
    event.request = Some(many);
    event.keys = vec![key(1); 9_000];
    let read = schema::check(&event.write(&source(), 0).unwrap()).unwrap();
    assert!(read["requestParameters"]["all"]["sha256"].is_string());
    assert_eq!(read["additionalEventData"]["keyCount"], 9_000);
    assert_eq!(read["resources"].as_array().unwrap().len(), KEYS_LIMIT);
}

#[test]
fn a_redacted_value_tells_equality_and_nothing_else() {
    assert_eq!(redacted(&[1; 32]), redacted(&[1; 32]));
    assert_eq!(redacted(&[0xab; 32]), format!("hmac-sha256:{}", "ab".repeat(32)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("KEYFOLD_LONG").is_some() { 5_000 } else { 100 }))]

    #[test]
    fn any_text_anywhere_keeps_to_the_limit_and_to_one_line(
        names in proptest::collection::vec("\\PC{0,40}|.{0,3000}", 0..12),
        seq: u64,
    ) {
        let mut event = api_call("CreateKey");
        let object: Map<_, _> = names.iter().map(|name| (name.clone(), Value::from(name.repeat(3)))).collect();
        event.request = Some(object.clone());
        event.response = Some(object.clone());
        event.additional = object;
        let line = event.write(&source(), seq).unwrap();
        prop_assert!(line.len() <= EVENT_LIMIT);
        prop_assert!(!line.chars().any(is_escaped));
        prop_assert_eq!(&serde_json::from_str::<Value>(&line).unwrap()["seq"], &Value::from(seq));
    }
}
