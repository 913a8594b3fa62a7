use super::*;

#[test]
fn ages() {
    let text = |s| uptime(Duration::from_secs(s));
    assert_eq!(text(0), "00:00:00");
    assert_eq!(text(86_399), "23:59:59");
    assert_eq!(text(86_400 + 2 * 3600 + 3 * 60), "1d02h03m");
    assert_eq!(text(9 * 86_400 + 3 * 3600), "01w2d03h");
    assert_eq!(text(367 * 86_400), "01y00w2d");
}

#[test]
fn calendar() {
    let at = |s| UNIX_EPOCH + Duration::from_secs(s);
    assert_eq!(ctime(at(1_795_326_559)), "Sun Nov 22 05:49:19 2026");
    assert_eq!(ctime(at(0)), "Thu Jan  1 00:00:00 1970");
    assert_eq!(ctime(at(951_782_400)), "Tue Feb 29 00:00:00 2000");
    assert_eq!(log_time(at(1_795_326_559)), "2026/11/22 05:49:19");
}

#[test]
fn sizes() {
    assert_eq!(memory(4416), "4416 bytes");
    assert_eq!(memory(2_965_856), "2896 KiB");
    assert_eq!(memory(15 << 20), "15 MiB");
}
