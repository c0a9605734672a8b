//! Keys: forms that others read, and what is no key.

use super::*;
use base64::Engine as _;
use rstest::rstest;

/// RFC 8032, 7.1, test 2: seed, public key, message, signature.
const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

/// RFC 8410, 10.3: a private key as others write it, and 10.1: a public one.
const RFC_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const RFC_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn the_standards_vector_is_met() {
    let key = SigningKey::from_seed(bytes(SEED).try_into().unwrap());
    assert_eq!(hex(key.public().as_bytes()), PUBLIC);
    assert_eq!(hex(&key.sign(&[0x72])), SIGNATURE);
    assert!(key.public().verifies(&[0x72], &bytes(SIGNATURE)));
    assert!(!key.public().verifies(&[0x73], &bytes(SIGNATURE)));
    assert!(!key.public().verifies(&[0x72], &bytes(SIGNATURE)[..63]));
}

#[test]
fn the_standards_pems_are_read_and_written_alike() {
    let key = SigningKey::from_pem(RFC_PRIVATE).unwrap();
    assert_eq!(*key.to_pem(), *RFC_PRIVATE);
    assert_eq!(key.public().to_pem(), RFC_PUBLIC);
    assert_eq!(PublicKey::from_pem(RFC_PUBLIC).unwrap(), key.public());
    assert_eq!(PublicKey::from_pem(RFC_PRIVATE).unwrap(), key.public());
    // With a trailing blank line, or none, as an environment variable has it.
    assert!(SigningKey::from_pem(RFC_PRIVATE.trim_end()).is_ok());
    assert!(SigningKey::from_pem(&format!("{RFC_PRIVATE}\n")).is_ok());
}

#[test]
fn a_key_id_is_the_digest_of_the_der_form() {
    // openssl pkey -pubin -outform DER | sha256sum
    assert_eq!(
        PublicKey::from_pem(RFC_PUBLIC).unwrap().id().as_str(),
        hex(&Sha256::digest(bytes(
            "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
        )))
    );
}

#[test]
fn new_keys_differ_and_show_nothing() {
    let (one, two) = (
        SigningKey::generate().unwrap(),
        SigningKey::generate().unwrap(),
    );
    assert_ne!(one.public(), two.public());
    let shown = format!("{one:?}");
    assert_eq!(shown, format!("SigningKey({})", one.public().id()));
    let secret: String = one.to_pem().lines().nth(1).unwrap().into();
    assert!(!shown.contains(&secret[20..]));
}

#[rstest]
#[case::empty("", KeyError::NotPem)]
#[case::text("hello", KeyError::NotPem)]
#[case::other_label(
    "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
    KeyError::OtherKind
)]
#[case::encrypted(
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----",
    KeyError::Encrypted
)]
#[case::public(RFC_PUBLIC, KeyError::Public)]
#[case::no_der(
    "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----",
    KeyError::NotEd25519
)]
#[case::no_end(
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE",
    KeyError::NotEd25519
)]
// X25519, not Ed25519.
#[case::other_algorithm(
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n",
    KeyError::NotEd25519
)]
fn what_is_no_private_key(#[case] pem: &str, #[case] error: KeyError) {
    assert_eq!(SigningKey::from_pem(pem).unwrap_err(), error);
    let said = error.to_string();
    assert!(!said.contains("MC4"), "{said}");
}

#[test]
fn a_weak_public_key_is_refused() {
    // The neutral element: every message has a signature under it.
    let der = [&bytes("302a300506032b6570032100")[..], &[1], &[0; 31]].concat();
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
    assert_eq!(PublicKey::from_pem(&pem), Err(KeyError::Weak));
}

#[test]
fn a_file_that_is_far_too_long_is_not_looked_at() {
    let pem = format!("{RFC_PRIVATE}{}x", "\n".repeat(MAX_PEM));
    assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), KeyError::NotPem);
}
