//! NTLM against the worked examples of MS-NLMP, and against peers that do not do what they should.

use super::ntlm::{
    Authenticate, Binding, Challenge, MAGIC, Names, Refusal, binding_of, field, utf16,
    version_2_key,
};
use super::seal::{Direction, Rc4, Way, hmac_md5};
use proptest::prelude::*;

/// MS-NLMP 4.2.1: the values that all examples share.
const NONCE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|char| char.to_digit(16)).collect();
    let pairs = digits.chunks(2);
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
    pairs.map(byte).collect()
}

/// MS-NLMP 4.2.4.1 and 4.2.4.2: the key, the proof, the base key and the wrapped session key.
#[test]
fn the_keys_are_those_of_the_specification() {
    let key = version_2_key("Password", &utf16("User"), &utf16("Domain"));
    assert_eq!(key.to_vec(), from_hex("0c868a403bfd7a93a3001ef22ef02e3f"));
    let blob = from_hex(
        "0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000
         02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000",
    );
    let proof = hmac_md5(&key, &[&NONCE, &blob]);
    assert_eq!(proof.to_vec(), from_hex("68cd0ab851e51c96aabc927bebef6a1c"));
    let base = hmac_md5(&key, &[&proof]);
    assert_eq!(base.to_vec(), from_hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
    let mut wrapped = [0x55; 16];
    Rc4::new(&base).apply(&mut wrapped);
    assert_eq!(
        wrapped.to_vec(),
        from_hex("c5dad2544fc9799094ce1ce90bc9d03e")
    );
}

fn names() -> Names {
    Names {
        computer: "BENCH".to_owned(),
        domain: Some("LARK".to_owned()),
        dns_computer: "bench.lark.example".to_owned(),
        dns_domain: Some("lark.example".to_owned()),
        version: (10, 0, 20348),
    }
}

/// A peer, as far as the tests need one.
struct Peer {
    password: &'static str,
    av_flags: Option<u32>,
    binding: Option<[u8; 16]>,
    response_version: u8,
    bent: bool,
}

const PEER: Peer = Peer {
    password: "Pässword 🔑",
    av_flags: Some(2),
    binding: None,
    response_version: 1,
    bent: false,
};

const FLAGS: u32 = 0xe288_8235;
const SESSION_KEY: [u8; 16] = [0x42; 16];

fn negotiate() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(FLAGS.to_le_bytes());
    bytes.extend([0; 24]);
    bytes
}

impl Peer {
    fn answer(&self, challenge: &Challenge) -> Vec<u8> {
        let (user, domain) = (utf16("Änne"), utf16("LARK"));
        let key = version_2_key(self.password, &user, &domain);
        let mut blob = vec![self.response_version, 1, 0, 0, 0, 0, 0, 0];
        blob.extend([9; 16]);
        blob.extend([0; 4]);
        let mut add = |id: u16, value: &[u8]| {
            blob.extend(id.to_le_bytes());
            blob.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            blob.extend(value);
        };
        if let Some(flags) = self.av_flags {
            add(6, &flags.to_le_bytes());
        }
        if let Some(binding) = self.binding {
            add(10, &binding);
        }
        add(0, &[]);
        let nonce = &challenge.message()[24..32];
        let proof = hmac_md5(&key, &[nonce, &blob]);
        let base = hmac_md5(&key, &[&proof]);
        let mut wrapped = SESSION_KEY;
        Rc4::new(&base).apply(&mut wrapped);
        let response = [&proof[..], &blob].concat();
        let parts = [&[0; 24][..], &response, &domain, &user, &[], &wrapped];
        let mut message = MAGIC.to_vec();
        message.extend(3_u32.to_le_bytes());
        let mut at = 88;
        for part in parts {
            message.extend(field(part.len(), at));
            at += part.len();
        }
        message.extend(FLAGS.to_le_bytes());
        message.extend([0; 24]);
        message.extend(parts.concat());
        let mut code = hmac_md5(&SESSION_KEY, &[&negotiate(), challenge.message(), &message]);
        code[0] ^= u8::from(self.bent);
        message[72..88].copy_from_slice(&code);
        message
    }

    fn meets(&self, binding: Binding) -> Result<(), Refusal> {
        let challenge = Challenge::answer(&negotiate(), NONCE, &names()).unwrap();
        let message = self.answer(&challenge);
        let answer = Authenticate::read(&message).unwrap();
        assert_eq!(
            (answer.user(), answer.domain()),
            ("Änne".to_owned(), "LARK".to_owned())
        );
        assert!(!answer.is_anonymous());
        assert!(challenge.is_modern(&answer, self.password));
        let mut session = challenge.judge(&answer, "Pässword 🔑", binding)?;
        let mut own = Direction::new(&SESSION_KEY, FLAGS, Way::ToServer);
        let mut text = b"hello".to_vec();
        let signature = own.seal(&mut text);
        assert!(session.incoming.unseal(&mut text, &signature));
        Ok(())
    }
}

#[test]
fn a_peer_that_does_all_that_is_asked_gets_in() {
    assert_eq!(PEER.meets(Binding::Ignored), Ok(()));
}

#[test]
fn a_wrong_password_an_old_version_and_missing_or_wrong_integrity_are_refused() {
    let refused = [
        (
            Peer {
                password: "wrong",
                ..PEER
            },
            Refusal::WrongPassword,
        ),
        (
            Peer {
                response_version: 9,
                ..PEER
            },
            Refusal::NotVersion2,
        ),
        (
            Peer {
                av_flags: None,
                ..PEER
            },
            Refusal::NoIntegrity,
        ),
        (
            Peer {
                av_flags: Some(0),
                ..PEER
            },
            Refusal::NoIntegrity,
        ),
        (Peer { bent: true, ..PEER }, Refusal::WrongIntegrity),
    ];
    for (peer, refusal) in refused {
        assert_eq!(peer.meets(Binding::Ignored), Err(refusal));
    }
}

#[test]
fn a_binding_to_another_certificate_is_refused_and_a_missing_one_only_when_strict() {
    let own = binding_of(&[1; 32]);
    let with = |binding| Peer { binding, ..PEER };
    let wrong = Err(Refusal::WrongBinding);
    for binding in [Binding::Relaxed(own), Binding::Strict(own)] {
        assert_eq!(with(Some(own)).meets(binding), Ok(()));
        assert_eq!(with(Some([7; 16])).meets(binding), wrong);
    }
    assert_eq!(with(None).meets(Binding::Relaxed(own)), Ok(()));
    assert_eq!(with(None).meets(Binding::Strict(own)), wrong);
}

/// MS-NLMP 4.2.4.2.1 has this `LMv2` answer; 4.2.2.2.2 has the `LMv1` one.
#[test]
fn an_lm_answer_of_version_1_is_told_from_one_of_version_2() {
    let challenge = Challenge::answer(&negotiate(), NONCE, &names()).unwrap();
    let modern = from_hex("86c35097ac9cec102554764a57cccc19 aaaaaaaaaaaaaaaa");
    let old = from_hex("98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13");
    for (lm, expected) in [(modern, true), (old, false), (vec![0; 24], true)] {
        let (domain, user) = (utf16("Domain"), utf16("User"));
        let mut message = MAGIC.to_vec();
        message.extend(3_u32.to_le_bytes());
        let parts = [&lm[..], &[], &domain, &user, &[], &[]];
        let mut at = 88;
        for part in parts {
            message.extend(field(part.len(), at));
            at += part.len();
        }
        message.extend([0; 28]);
        message.extend(parts.concat());
        let answer = Authenticate::read(&message).unwrap();
        assert_eq!(challenge.is_modern(&answer, "Password"), expected);
    }
}

#[test]
fn a_challenge_names_the_host_and_its_build() {
    let challenge = Challenge::answer(&negotiate(), NONCE, &names()).unwrap();
    let message = challenge.message();
    assert_eq!(&message[48..52], [10, 0, 0x7c, 0x4f]);
    let name = utf16("bench.lark.example");
    assert!(message.windows(name.len()).any(|window| window == name));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        Challenge::answer(&bytes, NONCE, &names());
        Authenticate::read(&bytes);
    }

    #[test]
    fn a_message_that_was_bent_is_judged_without_a_panic(at in 0..250_usize, byte in any::<u8>()) {
        let challenge = Challenge::answer(&negotiate(), NONCE, &names()).unwrap();
        let mut message = PEER.answer(&challenge);
        let at = at % message.len();
        message[at] = byte;
        if let Some(answer) = Authenticate::read(&message) {
            let _ = challenge.judge(&answer, "Pässword 🔑", Binding::Ignored);
        }
        Authenticate::read(&message[..at]);
    }
}
