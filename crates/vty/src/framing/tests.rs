use super::*;

#[test]
fn several_lines_in_one_read_and_one_line_in_several() {
    let mut framing = Framing::default();
    assert_eq!(
        framing.feed(b"enable\0conf t\0rou"),
        [Received::Line("enable".into()), Received::Line("conf t".into())]
    );
    assert_eq!(framing.feed(b"ter bgp 1\n\0"), [Received::Line("router bgp 1\n".into())]);
    assert_eq!(framing.feed(b"\0"), [Received::Line(String::new())]);
}

#[test]
fn a_line_that_never_ends_holds_no_memory() {
    let mut framing = Framing::default();
    for _ in 0..1000 {
        assert!(framing.feed(&[b'x'; 1000]).is_empty());
        assert!(framing.buf.capacity() <= 2 * MAX_LINE);
    }
    assert_eq!(framing.feed(b"\0show version\0"), [Received::TooLong, Received::Line("show version".into())]);
}
