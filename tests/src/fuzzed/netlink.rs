//! Answers of the kernel's routing family: interfaces, or a refusal in the kernel's words.

use palisade_loader::xdp::{Asked, AttachError, Change, Expected, Mode};
use palisade_loader::{Ending, IfIndex, Link, NetlinkError, Question, link};

/// The question that the answers of the corpus are to.
const SEQUENCE: u32 = 1;
const PORT: u32 = 2;
/// What a message with an interface in it takes at least: two headers, and a name.
const LEAST: usize = 16 + 16 + 4;

/// A message in the form of the kernel: the end of a list that somebody else asked for.
fn of_a_stranger() -> Vec<u8> {
    let numbers = [20u32, 3, SEQUENCE, PORT + 1, 0];
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// The first byte says how the answer ends, and the next two how long the first datagram is; the
/// second one has the rest. What is read ends, is all in the bytes, and does not depend on what
/// strangers say, or on what comes behind the end.
pub fn netlink(bytes: &[u8]) {
    let Some(([how, len @ ..], datagrams)) = bytes.split_first_chunk::<3>() else { return };
    let ending = if how % 2 == 0 { Ending::Acknowledgement } else { Ending::List };
    let question = Question { sequence: SEQUENCE, port: PORT, ending };
    let (first, second) =
        datagrams.split_at(usize::from(u16::from_le_bytes(*len)).min(datagrams.len()));
    let told = link::in_reply(question, [first, second]);
    match &told {
        Ok(Some(links)) => all_there(links, datagrams),
        Ok(None) => {}
        Err(NetlinkError::Refused { errno, extack }) => {
            assert!(errno.number() > 0);
            assert!(extack.as_ref().is_none_or(|text| !text.is_empty() && !text.contains('\0')));
            explained(NetlinkError::Refused { errno: *errno, extack: extack.clone() });
        }
        Err(error) => explained(error.clone()),
    }
    let stranger = of_a_stranger();
    assert_eq!(link::in_reply(question, [&stranger[..], first, second]), told);
    if !matches!(told, Ok(None)) {
        assert_eq!(link::in_reply(question, [first, second, &[0xff; 20]]), told);
    }
}

fn all_there(links: &[Link], datagrams: &[u8]) {
    assert!(links.len() * LEAST <= datagrams.len(), "{links:?}");
    assert!(links.is_sorted_by_key(|link| link.index));
    for link in links {
        assert!(!link.name.contains('\0'), "{link:?}");
        if let Some(attached) = link.xdp {
            assert_eq!(attached.in_mode(attached.mode), Some(attached.program_id));
        }
    }
}

/// A refusal of a change says what was asked, what the kernel said, and what to do.
fn explained(error: NetlinkError) {
    let (change, expected) = (Change::Attach, Expected::Empty);
    let index = IfIndex::new(1).expect("a number");
    let asked = Asked { change, index, mode: Mode::Native, expected };
    let said = error.to_string();
    let error = match error {
        NetlinkError::Refused { errno, extack } => AttachError::Refused { asked, errno, extack },
        source => AttachError::Netlink { asked, source },
    };
    assert!(error.to_string().ends_with(&said), "{error} should end with {said}");
    assert!(!error.reason().help().is_empty());
}
