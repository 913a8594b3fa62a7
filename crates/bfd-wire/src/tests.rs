use proptest::prelude::*;

use super::*;

/// Init, P, C, D; multiplier 3; both discriminators; 300 ms, 250 ms, 50 ms. Written by hand from RFC 5880 section 4.1.
const PLAIN: [u8; 24] = [
    0x21, 0xaa, 0x03, 0x18, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x00, 0x04, 0x93, 0xe0, 0x00,
    0x03, 0xd0, 0x90, 0x00, 0x00, 0xc3, 0x50,
];

fn control() -> Control {
    Control {
        diag: Diag::DETECTION_TIME_EXPIRED,
        state: State::Init,
        poll: true,
        is_final: false,
        control_plane_independent: true,
        demand: true,
        detect_mult: 3,
        my_discriminator: 0x1122_3344,
        your_discriminator: 0x5566_7788,
        desired_min_tx: 300_000,
        required_min_rx: 250_000,
        required_min_echo_rx: 50_000,
    }
}

fn changed(at: usize, value: u8) -> [u8; 24] {
    let mut packet = PLAIN;
    packet[at] = value;
    packet
}

fn key(kind: AuthType, secret: &[u8]) -> AuthKey {
    AuthKey::new(kind, 7, secret).unwrap()
}

fn signed(key: &AuthKey, sequence: u32) -> Vec<u8> {
    let mut out = [0; MAX_LEN];
    control().encode(key.section_len(), &mut out);
    key.sign(&mut out, Sequence(sequence));
    out[..usize::from(out[3])].to_vec()
}

#[test]
fn a_packet_written_by_hand_is_understood_and_written() {
    let packet = Packet::decode(&PLAIN).unwrap();
    assert_eq!(packet.control, control());
    assert_eq!(packet.auth(), Ok(None));
    let mut out = [0; MAX_LEN];
    control().encode(0, &mut out);
    assert_eq!(out[..24], PLAIN);
}

#[test]
fn poll_and_final_are_set_in_place() {
    let mut out = [0; MAX_LEN];
    control().encode(0, &mut out);
    set_poll_final(&mut out, false, true);
    let packet = Packet::decode(&out).unwrap().control;
    assert_eq!(packet, Control { poll: false, is_final: true, ..control() });
}

#[test]
fn rules_of_the_format_in_their_order() {
    assert_eq!(Packet::decode(&[]), Err(Error::Truncated(0)));
    assert_eq!(Packet::decode(&PLAIN[..3]), Err(Error::Truncated(3)));
    assert_eq!(Packet::decode(&changed(0, 0x41)), Err(Error::Version(2)));
    assert_eq!(Packet::decode(&changed(0, 0x01)), Err(Error::Version(0)));
    assert_eq!(Packet::decode(&changed(3, 23)), Err(Error::LengthTooSmall(23)));
    let mut auth = changed(3, 25);
    auth[1] |= 0x04;
    assert_eq!(Packet::decode(&auth), Err(Error::LengthTooSmall(25)));
    assert_eq!(Packet::decode(&changed(3, 25)), Err(Error::LengthBeyondPayload { length: 25, payload: 24 }));
    assert_eq!(Packet::decode(&PLAIN[..20]), Err(Error::LengthBeyondPayload { length: 24, payload: 20 }));
    assert_eq!(Packet::decode(&changed(2, 0)), Err(Error::DetectMultZero));
    assert_eq!(Packet::decode(&changed(1, 0xab)), Err(Error::Multipoint));
    let mut nameless = PLAIN;
    nameless[4..8].fill(0);
    assert_eq!(Packet::decode(&nameless), Err(Error::MyDiscriminatorZero));
    for (state, accepted) in [(0, true), (1, true), (2, false), (3, false)] {
        let mut unknown = PLAIN;
        unknown[8..12].fill(0);
        unknown[1] = unknown[1] & 0x3f | state << 6;
        assert_eq!(Packet::decode(&unknown).is_ok(), accepted, "state {state}");
    }
}

#[test]
fn octets_behind_the_length_are_ignored() {
    let mut long = PLAIN.to_vec();
    long.extend([0xff; 40]);
    let packet = Packet::decode(&long).unwrap();
    assert_eq!(packet.bytes(), PLAIN);
}

#[test]
fn a_simple_password_as_the_rfc_draws_it() {
    let packet = signed(&key(AuthType::Simple, b"secret"), 0);
    assert_eq!(packet[1] & 4, 4);
    assert_eq!(packet[3], 24 + 9);
    assert_eq!(packet[24..], [1, 9, 7, b's', b'e', b'c', b'r', b'e', b't']);
}

#[test]
fn digests_as_the_rfc_draws_them() {
    // The digests were computed with Python's hashlib over the packet with the padded key in their place.
    let md5 = signed(&key(AuthType::MeticulousMd5, b"secret"), 0x0102_0304);
    assert_eq!(md5[24..32], [3, 24, 7, 0, 1, 2, 3, 4]);
    assert_eq!(md5.len(), 48);
    assert_eq!(md5[32..], MD5_OF_SECRET);
    let sha1 = signed(&key(AuthType::KeyedSha1, b"secret"), 0x0102_0304);
    assert_eq!(sha1[24..32], [4, 28, 7, 0, 1, 2, 3, 4]);
    assert_eq!(sha1.len(), 52);
    assert_eq!(sha1[32..], SHA1_OF_SECRET);
}

const MD5_OF_SECRET: [u8; 16] =
    [0x41, 0x7a, 0x8b, 0x0a, 0xb1, 0x73, 0xe9, 0x09, 0x8c, 0x64, 0x94, 0xd1, 0xd1, 0xaa, 0xb8, 0x53];
const SHA1_OF_SECRET: [u8; 20] = [
    0xea, 0xb8, 0x1f, 0x99, 0x03, 0xfc, 0xb3, 0x0f, 0x00, 0xfd, 0xdc, 0x8d, 0x42, 0xde, 0xed, 0x84, 0x8b,
    0xf5, 0x74, 0xeb,
];

const KINDS: [AuthType; 5] = [
    AuthType::Simple,
    AuthType::KeyedMd5,
    AuthType::MeticulousMd5,
    AuthType::KeyedSha1,
    AuthType::MeticulousSha1,
];

#[test]
fn what_was_signed_is_accepted_with_the_same_key_only() {
    for kind in KINDS {
        let ours = key(kind, b"secret");
        let bytes = signed(&ours, 9);
        let packet = Packet::decode(&bytes).unwrap();
        let auth = packet.auth().unwrap().unwrap();
        assert_eq!(auth.kind(), kind);
        assert_eq!(auth.sequence(), (kind != AuthType::Simple).then_some(Sequence(9)));
        assert_eq!(ours.verify(&packet, &auth), Ok(()));
        assert_eq!(key(kind, b"sekret").verify(&packet, &auth), Err(AuthError::Mismatch));
        let other_id = AuthKey::new(kind, 8, b"secret").unwrap();
        assert_eq!(other_id.verify(&packet, &auth), Err(AuthError::UnknownKey(7)));
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            assert_eq!(key(other, b"secret").verify(&packet, &auth), Err(AuthError::WrongType(kind)));
        }
    }
    let short = signed(&key(AuthType::Simple, b"secret"), 0);
    let packet = Packet::decode(&short).unwrap();
    let auth = packet.auth().unwrap().unwrap();
    assert_eq!(key(AuthType::Simple, b"secret2").verify(&packet, &auth), Err(AuthError::Length));
}

#[test]
fn one_flipped_bit_anywhere_is_noticed() {
    for kind in &KINDS[1..] {
        let ours = key(*kind, b"secret");
        let bytes = signed(&ours, 9);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(packet) = Packet::decode(&flipped) else { continue };
            let Ok(Some(auth)) = packet.auth() else { continue };
            assert!(ours.verify(&packet, &auth).is_err(), "{kind}, bit {bit}");
        }
    }
}

#[test]
fn sections_that_make_no_sense() {
    let bytes = signed(&key(AuthType::KeyedSha1, b"secret"), 9);
    let auth = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        Packet::decode(&bytes).unwrap().auth().map(|_| ())
    };
    assert_eq!(auth(&|b| b[24] = 0), Err(AuthError::UnknownType(0)));
    assert_eq!(auth(&|b| b[24] = 6), Err(AuthError::UnknownType(6)));
    assert_eq!(auth(&|b| b[25] = 27), Err(AuthError::Length));
    assert_eq!(auth(&|b| b[25] = 29), Err(AuthError::Length));
    assert_eq!(auth(&|b| b[24] = 2), Err(AuthError::Length));
    assert_eq!(auth(&|b| (b[24], b[25]) = (1, 3)), Err(AuthError::Length));
    assert_eq!(auth(&|b| (b[24], b[25]) = (1, 20)), Err(AuthError::Length));
}

#[test]
fn windows_of_the_sequence_number() {
    let last = Sequence(u32::MAX - 1);
    let follows = |ahead: u32, meticulous| Sequence(last.0.wrapping_add(ahead)).follows(last, 3, meticulous);
    assert!(follows(0, false) && !follows(0, true));
    assert!(follows(1, false) && follows(1, true));
    assert!(follows(9, false) && follows(9, true));
    assert!(!follows(10, false) && !follows(10, true));
    assert!(!follows(u32::MAX, false) && !follows(u32::MAX, true));
}

#[test]
fn keys_are_bounded_and_not_shown() {
    assert!(Key::new(AuthType::Simple, b"").is_err());
    assert!(Key::new(AuthType::KeyedMd5, &[1; 16]).is_ok());
    assert_eq!(Key::new(AuthType::KeyedMd5, &[1; 17]), Err(KeyError { len: 17, max: 16 }));
    assert!(Key::new(AuthType::MeticulousSha1, &[1; 20]).is_ok());
    assert!(Key::new(AuthType::MeticulousSha1, &[1; 21]).is_err());
    let ours = key(AuthType::Simple, b"secret");
    let bytes = signed(&ours, 0);
    let packet = Packet::decode(&bytes).unwrap();
    let text = format!("{ours:?} {:?} {:?}", packet.auth(), EchoKey::new(0x1234, 5));
    assert!(!text.contains("115") && !text.contains("secret") && !text.contains("4660"), "{text}");
}

#[test]
fn names_of_states_and_diagnostics() {
    assert_eq!(State::AdminDown.to_string(), "AdminDown");
    assert_eq!(Diag::new(1).to_string(), "Control Detection Time Expired");
    assert_eq!(Diag::new(8), Diag::REVERSE_CONCATENATED_PATH_DOWN);
    assert_eq!(Diag::new(0xff).to_string(), "Reserved (31)");
}

#[test]
fn echo_packets_of_others_and_forged_ones() {
    let ours = EchoKey::new(1, 2);
    let echo = Echo { discriminator: 0xa1a2_a3a4, sequence: 0xb1, sent: u64::MAX - 5 };
    let mut bytes = [0; ECHO_LEN];
    echo.encode(ours, &mut bytes);
    assert_eq!(Echo::decode(&bytes, ours), Ok(echo));
    assert_eq!(Echo::decode(&bytes, EchoKey::new(1, 3)), Err(EchoError::Forged));
    assert_eq!(Echo::decode(&bytes[..31], ours), Err(EchoError::Foreign));
    assert_eq!(Echo::decode(&PLAIN, ours), Err(EchoError::Foreign));
    for bit in 32..ECHO_LEN * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Echo::decode(&flipped, ours), Err(EchoError::Forged), "bit {bit}");
    }
}

prop_compose! {
    fn any_control()(
        (diag, state, detect_mult, flags) in (0u8..32, 0u8..4, 1u8.., 0u8..16),
        (my_discriminator, your_discriminator) in (1u32.., any::<u32>()),
        (desired_min_tx, required_min_rx, required_min_echo_rx) in any::<(u32, u32, u32)>(),
    ) -> Control {
        let state = [State::AdminDown, State::Down, State::Init, State::Up][usize::from(state)];
        Control {
            diag: Diag::new(diag),
            state,
            poll: flags & 1 != 0,
            is_final: flags & 2 != 0,
            control_plane_independent: flags & 4 != 0,
            demand: flags & 8 != 0,
            detect_mult,
            my_discriminator,
            your_discriminator: if state >= State::Init { your_discriminator.max(1) } else { your_discriminator },
            desired_min_tx,
            required_min_rx,
            required_min_echo_rx,
        }
    }
}

proptest! {
    #[test]
    fn decode_of_encode(control in any_control(), kind in 0usize..6, secret in prop::collection::vec(any::<u8>(), 1..16), id: u8, sequence: u32) {
        let mut out = [0; MAX_LEN];
        let Some(kind) = KINDS.get(kind) else {
            control.encode(0, &mut out);
            prop_assert_eq!(Packet::decode(&out[..24]).unwrap().control, control);
            return Ok(());
        };
        let key = AuthKey::new(*kind, id, &secret).unwrap();
        control.encode(key.section_len(), &mut out);
        key.sign(&mut out, Sequence(sequence));
        let packet = Packet::decode(&out[..usize::from(out[3])]).unwrap();
        prop_assert_eq!(packet.control, control);
        let auth = packet.auth().unwrap().unwrap();
        prop_assert_eq!(key.verify(&packet, &auth), Ok(()));
    }

    #[test]
    fn any_octets_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(packet) = Packet::decode(&bytes) {
            let again = packet.control;
            let mut out = [0; MAX_LEN];
            again.encode(0, &mut out);
            prop_assert_eq!(Packet::decode(&out[..24]).unwrap().control, again);
            if let Ok(Some(auth)) = packet.auth() {
                for kind in KINDS {
                    let key = AuthKey::new(kind, auth.key_id(), b"k").unwrap();
                    prop_assert!(auth.kind() == AuthType::Simple || key.verify(&packet, &auth).is_err());
                }
            }
        }
        let _ = Echo::decode(&bytes, EchoKey::new(1, 2));
    }
}
