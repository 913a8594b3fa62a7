use super::*;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn text_holds_no_nul_and_ends_with_the_status() {
    let mut bytes: Vec<u8> = Vec::new();
    let mut out = Out::new(&mut bytes, None);
    out.push("a\0b\n");
    block_on(out.finish(Status::Warning)).unwrap();
    assert_eq!(bytes, b"ab\n\0\0\0\x01");
}

#[test]
fn a_filter_sees_whole_lines_across_slices() {
    let mut bytes: Vec<u8> = Vec::new();
    block_on(async {
        let mut out = Out::new(&mut bytes, Regex::new("^keep").ok());
        for n in 0..10_000 {
            put!(out, "keep {n}\ndrop {n}");
            out.breathe().await.unwrap();
            out.push("\n");
        }
        out.finish(Status::Success).await.unwrap();
    });
    let text = String::from_utf8(bytes[..bytes.len() - 4].to_vec()).unwrap();
    assert_eq!(text.lines().count(), 10_000);
    assert!(text.lines().all(|l| l.starts_with("keep ")));
}
