//! UPDATEs: decoding, and the way of routes through a speaker to its neighbors and to the RIB.

use ferr_bgp_wire::{MessageType, PeerKind, Scratch, SessionContext, Update, encode_withdrawals, frame};
use ferr_types::Family;

use crate::Work;
use crate::bgp_common::{Speaker, feed};
use crate::prefixes::of_either;

/// UPDATEs are taken apart.
pub(crate) fn decode(count: usize) -> Work {
    let feed = feed(&of_either(count), 65100, 1);
    Box::new(move || {
        let ctx = SessionContext::new(PeerKind::Ebgp);
        let mut scratch = Scratch::default();
        let (mut rest, mut seen) = (&feed[..], 0);
        while let Ok(Some(message)) = frame(rest, 4096) {
            rest = &rest[message.len..];
            if message.kind == MessageType::Update
                && let Ok(update) = Update::decode(message.body, &ctx, &mut scratch)
            {
                seen += update.announced.iter().count();
            }
        }
        seen
    })
}

/// A table from one neighbor, to the RIB and to a second neighbor.
pub(crate) fn announce(count: usize) -> Work {
    let feed = feed(&of_either(count), 65100, 1);
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    speaker.connect(2, 65200);
    Box::new(move || {
        let done = speaker.hear(source, &feed);
        if done.sent > feed.len() / 2 { done.routes } else { 0 }
    })
}

/// The same table from a third neighbor, whose paths are no better.
pub(crate) fn second_path(count: usize) -> Work {
    let prefixes = of_either(count);
    let (first, second) = (feed(&prefixes, 65100, 1), feed(&prefixes, 65300, 3));
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    speaker.connect(2, 65200);
    let other = speaker.connect(3, 65300);
    speaker.hear(source, &first);
    Box::new(move || {
        speaker.hear(other, &second);
        speaker.bgp.summary(Family::Ipv4Unicast).paths - count
    })
}

/// The table goes.
pub(crate) fn withdraw(count: usize) -> Work {
    let prefixes = of_either(count);
    let feed = feed(&prefixes, 65100, 1);
    let mut gone = Vec::new();
    let ctx = SessionContext::new(PeerKind::Ebgp);
    encode_withdrawals(&ctx, Family::Ipv4Unicast, prefixes.iter().map(|p| (0, *p)), &mut gone);
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    speaker.connect(2, 65200);
    speaker.hear(source, &feed);
    Box::new(move || speaker.hear(source, &gone).routes)
}

/// A small table to a hundred neighbors who are sent the same.
pub(crate) fn hundred_members(count: usize) -> Work {
    let feed = feed(&of_either(count), 65100, 1);
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    (2..102).for_each(|n| {
        speaker.connect(n, 65200);
    });
    Box::new(move || {
        let done = speaker.hear(source, &feed);
        if done.sent > 50 * feed.len() { done.routes } else { 0 }
    })
}
