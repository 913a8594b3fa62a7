//! The two sums of OSPF: Fletcher's over LSAs, that of IP over packets.

/// Where the sum stands, counted behind LS age, which it does not cover.
const SUM_AT: usize = 14;
/// Octets that can be added up before 32 bits may overflow.
const BLOCK: usize = 4096;

/// The two running sums of Fletcher's checksum (RFC 905 annex B), modulo 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fletcher {
    /// Sum of the octets.
    c0: u32,
    /// Sum of the sums.
    c1: u32,
}

impl Fletcher {
    fn over(octets: &[u8]) -> Self {
        let (mut c0, mut c1) = (0u32, 0u32);
        for block in octets.chunks(BLOCK) {
            for octet in block {
                c0 += u32::from(*octet);
                c1 += c0;
            }
            c0 %= 255;
            c1 %= 255;
        }
        Self { c0, c1 }
    }
}

/// The checksum of an LSA, of which the 16 bits of the checksum field count as 0 (RFC 2328 section 12.1.7). `lsa` begins with LS
/// age. 0, which no sum is, when it is shorter than a header.
pub fn fletcher(lsa: &[u8]) -> u16 {
    let Some(covered) = lsa.get(2..) else { return 0 };
    let Some((before, after)) = covered.get(..SUM_AT).zip(covered.get(SUM_AT + 2..)) else { return 0 };
    let head = Fletcher::over(before);
    let tail = Fletcher::over(after);
    // The tail's sums begin anew; each of its octets and of the two of the field adds the head's sum once more.
    let more = ((after.len() + 2) % 255) as u32;
    let (c0, c1) = ((head.c0 + tail.c0) % 255, (head.c1 + more * head.c0 + tail.c1) % 255);
    // Solves for the two octets that make both sums 0; `behind` octets follow the first of them.
    let behind = ((after.len() + 1) % 255) as u32;
    let x = (behind * c0 + 255 - c1) % 255;
    let y = (2 * 255 - c0 - x) % 255;
    let residue = |v: u32| if v == 0 { 255 } else { v as u16 };
    residue(x) << 8 | residue(y)
}

/// Whether the checksum of an LSA is right; 0 never is.
pub(crate) fn fletcher_holds(lsa: &[u8]) -> bool {
    let Some(covered) = lsa.get(2..) else { return false };
    let Some(field) = covered.get(SUM_AT..SUM_AT + 2) else { return false };
    field != [0, 0] && Fletcher::over(covered) == Fletcher { c0: 0, c1: 0 }
}

/// The Internet checksum (RFC 1071) over `parts` put end to end; all but the last have an even length. 0 when the parts hold a
/// right sum.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        let mut words = part.chunks_exact(2);
        for word in &mut words {
            sum += u64::from(u16::from_be_bytes([word[0], word[1]]));
        }
        if let [last] = words.remainder() {
            sum += u64::from(*last) << 8;
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
