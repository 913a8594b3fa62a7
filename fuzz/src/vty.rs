//! Checks of what a client can send to a vty socket, without the socket. Panics are findings.

use ferr_vty::{Daemon, Framing, MAX_LINE, Received, complete, interpret};

/// The first octet chooses the socket, the second one how much is read at once; the rest is the stream.
pub fn stream(input: &[u8]) {
    let [door, chunk, bytes @ ..] = input else { return };
    let door = Daemon::ALL[usize::from(*door) % Daemon::ALL.len()];
    let lines = read(bytes, bytes.len());
    assert_eq!(read(bytes, usize::from(*chunk) + 1), lines, "lines depend on how they arrive");
    assert_eq!(lines.len(), bytes.iter().filter(|b| **b == 0).count(), "each NUL ends one line");
    for line in lines {
        let Received::Line(text) = line else { continue };
        one_line(door, &text);
    }
}

fn read(bytes: &[u8], at_once: usize) -> Vec<Received> {
    let mut framing = Framing::default();
    bytes.chunks(at_once.max(1)).flat_map(|chunk| framing.feed(chunk)).collect()
}

fn one_line(door: Daemon, text: &str) {
    // Octets that are not UTF-8 are replaced by three each.
    assert!(text.len() <= 3 * MAX_LINE);
    for word in complete(door, text) {
        assert!(!word.text.is_empty());
    }
    let Ok(command) = interpret(door, text) else { return };
    // What was understood is understood again, also with the blanks that a person would type.
    let tidy = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(interpret(door, &tidy), Ok(command), "{tidy:?}");
}
