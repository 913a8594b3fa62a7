//! AS paths between 2 and 4 octets (RFC 6793 section 4).

use ferr_types::Asn;
use ferr_types::aspath::{AsPath, MalformedAsPath, SegmentKind};

/// Appends the 4-octet form of a 2-octet AS_PATH, checked as RFC 7606 section 7.2 demands.
pub(crate) fn widen(mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), MalformedAsPath> {
    while let [kind, count, tail @ ..] = bytes {
        let len = usize::from(*count) * 2;
        if SegmentKind::from_code(*kind).is_none() || len == 0 {
            return Err(MalformedAsPath);
        }
        let (asns, rest) = tail.split_at_checked(len).ok_or(MalformedAsPath)?;
        out.extend_from_slice(&[*kind, *count]);
        for asn in asns.as_chunks::<2>().0 {
            out.extend_from_slice(&[0, 0, asn[0], asn[1]]);
        }
        bytes = rest;
    }
    if bytes.is_empty() { Ok(()) } else { Err(MalformedAsPath) }
}

/// Appends the 2-octet form, AS_TRANS for what does not fit; tells whether anything did not.
pub(crate) fn narrow(path: AsPath<'_>, out: &mut Vec<u8>) -> bool {
    let mut lossy = false;
    for segment in path.segments() {
        out.extend_from_slice(&[segment.kind as u8, segment.len() as u8]);
        for asn in segment.asns() {
            lossy |= asn.0 > 0xffff;
            out.extend_from_slice(&asn.to_2_octets().to_be_bytes());
        }
    }
    lossy
}

/// Appends `path` without its confederation segments, as AS4_PATH carries it (RFC 6793 section 3).
pub(crate) fn without_confed(path: AsPath<'_>, out: &mut Vec<u8>) {
    for segment in path.segments().filter(|s| !s.kind.is_confed()) {
        push_segment(out, segment.kind, segment.asns());
    }
}

fn push_segment(out: &mut Vec<u8>, kind: SegmentKind, asns: impl Iterator<Item = Asn>) {
    let start = out.len();
    out.extend_from_slice(&[kind as u8, 0]);
    let mut count = 0;
    for asn in asns {
        out.extend_from_slice(&asn.0.to_be_bytes());
        count += 1;
    }
    // Segments come from checked paths, so `count` is at most 255.
    out[start + 1] = count;
}

/// Appends the true path of a message from a 2-octet speaker: the leading ASes of `as_path` that `as4_path` lacks,
/// then `as4_path` without confederation segments. `as_path` alone when it is the shorter one (RFC 6793 section 4.2.3).
pub(crate) fn merge(as_path: AsPath<'_>, as4_path: AsPath<'_>, out: &mut Vec<u8>) {
    let (old, new) = (as_path.hop_count(false), as4_path.hop_count(false));
    let Some(mut missing) = old.checked_sub(new) else {
        out.extend_from_slice(as_path.as_bytes());
        return;
    };
    for segment in as_path.segments() {
        match segment.kind {
            // Leading ones, and those next to a segment that is taken over.
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => {
                push_segment(out, segment.kind, segment.asns());
            }
            _ if missing == 0 => break,
            SegmentKind::Set => {
                push_segment(out, segment.kind, segment.asns());
                missing -= 1;
            }
            SegmentKind::Sequence => {
                let take = missing.min(segment.len() as u32);
                push_segment(out, segment.kind, segment.asns().take(take as usize));
                missing -= take;
                if (take as usize) < segment.len() {
                    break;
                }
            }
        }
    }
    without_confed(as4_path, out);
}
