use super::*;
use crate::audit::leaf_hash;
use crate::secret::OnFork;

/// The key and note of the package documentation of golang.org/x/mod/sumdb/note, where the format comes from.
const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NEUMANN_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

pub(crate) fn test_key(name: &str) -> SigningKey {
    let seed = Key32::new_with(OnFork::Wipe, |out| {
        *out = leaf_hash(name.as_bytes());
        Ok(())
    });
    SigningKey::new(name.into(), seed.unwrap())
}

fn edge(leaves: u64) -> RightEdge {
    let mut edge = RightEdge::default();
    (0..leaves).for_each(|n| edge.push(leaf_hash(&n.to_be_bytes())));
    edge
}

#[test]
fn a_note_that_go_signed_is_read() {
    let key: VerifierKey = NEUMANN.parse().unwrap();
    assert_eq!(key.to_string(), NEUMANN);
    let text = open(NEUMANN_NOTE, &key).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.ends_with("is.\n"));
    let changed = NEUMANN_NOTE.replace("answer", "Answer");
    assert!(open(&changed, &key).is_err());
}

#[test]
fn keys_of_other_logs_are_read_as_they_are_published() {
    let sums = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    assert_eq!(sums.parse::<VerifierKey>().unwrap().to_string(), sums);
    let wrong = [
        "".to_owned(),
        sums.replace("033de0ae", "033de0af"),
        sums.replace("033de0ae", "033DE0AE"),
        sums.replace("+Ac4", "+Bc4"),
        sums.replace("sum.", "sum "),
        sums.replace("+033", "033"),
        sums[..sums.len() - 4].to_owned(),
    ];
    for text in wrong {
        assert_eq!(
            text.parse::<VerifierKey>().unwrap_err().status(),
            crate::Status::InvalidArgument,
            "{text}"
        );
    }
}

/// The example of C2SP tlog-checkpoint: its text, and its signature's line, which is of a key we do not have.
#[test]
fn the_checkpoint_of_the_specification_is_read_and_is_signed_by_nobody_known() {
    let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let read = SignedCheckpoint { note: note.into(), edge: None };
    assert_eq!(read.claimed_size(), Some(20_852_163));
    let error = parse_signed(note, &test_key("example.com/behind-the-sofa").verifier()).unwrap_err();
    assert!(error.to_string().contains("not signed by the log's key"), "{error}");
}

/// Mutations seen to fail it: the signature over the text with the empty line; the key's hash without its line end.
#[test]
fn a_checkpoint_comes_back_from_its_note_and_any_change_is_refused() {
    let key = test_key("keyfold.dev/store/00ff");
    let edge = edge(11);
    let note = sign(&key, edge.size(), &edge.root()).unwrap();
    let read = parse_signed(&note, &key.verifier()).unwrap();
    assert_eq!(read, Checkpoint { origin: "keyfold.dev/store/00ff".into(), size: 11, root: edge.root() });

    for at in 0..note.len() {
        let mut changed = note.clone().into_bytes();
        changed[at] ^= 1;
        if let Ok(changed) = String::from_utf8(changed) {
            assert!(parse_signed(&changed, &key.verifier()).is_err(), "byte {at}");
        }
    }
    for end in (0..note.len()).filter(|end| note.is_char_boundary(*end)) {
        assert!(parse_signed(&note[..end], &key.verifier()).is_err(), "cut at {end}");
    }
    assert!(parse_signed(&note, &test_key("keyfold.dev/store/00fe").verifier()).is_err());
}

#[test]
fn a_witness_may_sign_beside_the_log_and_a_second_signature_of_the_log_must_be_true() {
    let (log, witness) = (test_key("keyfold.dev/store/01"), test_key("witness.example/w"));
    let note = sign(&log, 3, &edge(3).root()).unwrap();
    let text = &note[..note.find("\n\n").unwrap() + 1];
    let cosignature = |key: &SigningKey, text: &str| {
        let mut bytes = key.verifier().id().to_be_bytes().to_vec();
        bytes.extend(ed25519_sign(&key.seed, text.as_bytes()).unwrap());
        format!("— {} {}\n", key.name, base64::encode(&bytes))
    };
    let many: String = std::iter::repeat_n(cosignature(&witness, text), 16).collect();
    assert_eq!(parse_signed(&format!("{note}{many}"), &log.verifier()).unwrap().size, 3);
    let forged = format!("{note}{}", cosignature(&log, "another text\n"));
    assert!(parse_signed(&forged, &log.verifier()).is_err());
    let flood: String = std::iter::repeat_n(cosignature(&witness, text), SIGNATURES_LIMIT).collect();
    assert!(parse_signed(&format!("{note}{flood}"), &log.verifier()).is_err());
}

#[test]
fn text_that_is_signed_but_is_no_checkpoint_is_refused() {
    let key = test_key("keyfold.dev/store/02");
    let root = base64::encode(&[7; 32]);
    let name = &key.name;
    let good = format!("{name}\n5\n{root}\n");
    let texts = [
        format!("{name}\n05\n{root}\n"),
        format!("{name}\n+5\n{root}\n"),
        format!("{name}\n18446744073709551616\n{root}\n"),
        format!("{name}\n5\n{}\n", base64::encode(&[7; 31])),
        format!("{name}\n5\n"),
        format!("\n5\n{root}\n"),
        format!("{name}\n5\n{root}\n\nan extension after an empty line\n"),
        format!("another.log/x\n5\n{root}\n"),
    ];
    let signed = |text: &str| {
        let mut bytes = key.verifier().id().to_be_bytes().to_vec();
        bytes.extend(ed25519_sign(&key.seed, text.as_bytes()).unwrap());
        format!("{text}\n— {name} {}\n", base64::encode(&bytes))
    };
    assert!(parse_signed(&signed(&good), &key.verifier()).is_ok());
    assert!(parse_signed(&signed(&format!("{good}an extension\n")), &key.verifier()).is_ok());
    for text in texts {
        assert!(open(&signed(&text), &key.verifier()).is_ok());
        assert!(parse_signed(&signed(&text), &key.verifier()).is_err(), "{text}");
    }
}

#[test]
fn a_checkpoints_line_bears_its_edge() {
    let key = test_key("keyfold.dev/store/03");
    for size in [0, 1, 11, 1 << 10] {
        let checkpoint = SignedCheckpoint::sign(&key, &edge(size)).unwrap();
        let line = checkpoint.line();
        assert!(!line.contains('\n'));
        assert_eq!(SignedCheckpoint::parse_line(&line), Some(checkpoint));
    }
    let line = SignedCheckpoint::sign(&key, &edge(11)).unwrap().line();
    let without = serde_json::from_str::<serde_json::Value>(&line).unwrap();
    let without = serde_json::json!({ "checkpoint": without["checkpoint"] }).to_string();
    assert_eq!(SignedCheckpoint::parse_line(&without).unwrap().edge, None);
    assert_eq!(SignedCheckpoint::parse_line("{\"eventVersion\":\"1.0\"}"), None);
}
