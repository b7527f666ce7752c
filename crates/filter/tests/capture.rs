//! Captures: every way in which pcap and pcapng write a frame, and every way to be wrong.

use std::io::{self, Read};
use std::time::Duration;

use palisade_filter::ByteOrder::{self, Big, Little};
use palisade_filter::capture::{
    CaptureError, Captured, LinkType, MOST_FRAME, Part, Reader, Writer,
};

/// Bytes in an order, put together.
struct Bytes(ByteOrder, Vec<u8>);

impl Bytes {
    fn new(order: ByteOrder) -> Self {
        Self(order, Vec::new())
    }

    fn n16(mut self, numbers: &[u16]) -> Self {
        self.1.extend(numbers.iter().flat_map(|n| self.0.bytes16(*n)));
        self
    }

    fn n32(mut self, numbers: &[u32]) -> Self {
        self.1.extend(numbers.iter().flat_map(|n| self.0.bytes32(*n)));
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.1.extend(bytes);
        self
    }

    /// A block of pcapng around `body`.
    fn block(self, kind: u32, body: &[u8]) -> Self {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = u32::try_from(12 + body.len() + padding.len()).expect("small");
        self.n32(&[kind, length]).raw(body).raw(&padding).n32(&[length])
    }

    fn section(self) -> Self {
        let body = Self::new(self.0).n32(&[0x1a2b_3c4d]).n16(&[1, 0]).n32(&[u32::MAX; 2]).1;
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, snap: u32, options: &[u8]) -> Self {
        let body = Self::new(self.0).n16(&[link, 0]).n32(&[snap]).raw(options).1;
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, ticks: u64, frame: &[u8], wire: u32) -> Self {
        let [high, low] =
            [ticks >> 32, ticks & 0xffff_ffff].map(|n| u32::try_from(n).expect("half"));
        let len = u32::try_from(frame.len()).expect("small");
        let body = Self::new(self.0).n32(&[interface, high, low, len, wire]).raw(frame).1;
        self.block(6, &body)
    }
}

fn pcap(order: ByteOrder, magic: u32) -> Bytes {
    Bytes::new(order).n32(&[magic]).n16(&[2, 4]).n32(&[0, 0, 96, 1])
}

type Owned = (Vec<u8>, u32, Option<Duration>);

fn read(file: impl Read) -> Result<Vec<Owned>, CaptureError> {
    let mut reader = Reader::new(file)?;
    let mut all = Vec::new();
    while let Some(Captured { frame, wire, time }) = reader.next()? {
        all.push((frame.to_vec(), wire, time));
    }
    Ok(all)
}

/// The message about a file that cannot be read.
fn wrong(file: &[u8]) -> String {
    read(file).map(|all| format!("{} frames", all.len())).expect_err("it is wrong").to_string()
}

#[test]
fn pcap_is_read_in_both_orders_with_both_units_of_time() {
    for order in [Little, Big] {
        for (magic, unit) in [(0xa1b2_c3d4, 1000u32), (0xa1b2_3c4d, 1)] {
            let file = pcap(order, magic)
                .n32(&[7, 5, 3, 3])
                .raw(b"abc")
                .n32(&[8, 0, 0, 1500])
                .n32(&[9, 1, 2, 90])
                .raw(b"de")
                .1;
            let at = |seconds, fraction| Some(Duration::new(seconds, fraction * unit));
            let want = [
                (b"abc".to_vec(), 3, at(7, 5)),
                (vec![], 1500, at(8, 0)),
                (b"de".to_vec(), 90, at(9, 1)),
            ];
            assert_eq!(read(file.as_slice()).expect("a capture"), want);
        }
    }
}

#[test]
fn pcapng_is_read_with_sections_interfaces_and_all_kinds_of_packets() {
    // Ticks of a nanosecond, ten seconds later.
    let options = |order: ByteOrder| {
        let offset = order.bytes64(10);
        Bytes::new(order)
            .n16(&[2, 5])
            .raw(b"eth0\0\0\0\0")
            .n16(&[9, 1])
            .raw(&[9, 0, 0, 0])
            .n16(&[14, 8])
            .raw(&offset)
            .n16(&[0, 0])
            .1
    };
    let old = |order| Bytes::new(order).n16(&[0, 3]).n32(&[0, 7, 2, 2]).raw(b"ef").1;
    let simple = |order| Bytes::new(order).n32(&[9]).raw(b"ghij").1;
    let section = |order, bytes: Bytes| {
        Bytes(order, bytes.1)
            .section()
            .block(0xbad, b"unknown")
            .interface(1, 4, &[])
            .interface(105, 0, &[])
            .interface(1, 0, &options(order))
            .enhanced(2, 1_000_000_007, b"abc", 3)
            .block(5, b"statistics")
            .enhanced(0, 5_000_000_000_000_003, b"d", 60)
            .block(2, &old(order))
            .block(3, &simple(order))
    };
    let file = section(Little, section(Big, Bytes::new(Big))).1;
    let at = |seconds, nanoseconds| Some(Duration::new(seconds, nanoseconds));
    let one = [
        (b"abc".to_vec(), 3, at(11, 7)),
        (b"d".to_vec(), 60, at(5_000_000_000, 3000)),
        (b"ef".to_vec(), 2, at(0, 7000)),
        (b"ghij".to_vec(), 9, None),
    ];
    assert_eq!(read(file.as_slice()).expect("a capture"), [one.clone(), one].concat());
}

#[test]
fn units_of_time_beyond_all_numbers_are_no_time() {
    for (resolution, want) in [
        (0x83, Duration::new(512, 125_000_000)),
        (0xbf, Duration::from_nanos(0)),
        (0xff, Duration::ZERO),
        (0x7f, Duration::ZERO),
        (0, Duration::from_secs(4097)),
    ] {
        let options = Bytes::new(Little).n16(&[9, 1]).raw(&[resolution, 0, 0, 0]).1;
        let file =
            Bytes::new(Little).section().interface(1, 0, &options).enhanced(0, 4097, b"x", 1);
        let all = read(file.1.as_slice()).expect("a capture");
        assert_eq!(all, [(b"x".to_vec(), 1, Some(want))], "{resolution:#x}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let long = vec![7; usize::try_from(MOST_FRAME).expect("fits")];
    let frames = [
        Captured { frame: b"", wire: 0, time: None },
        Captured { frame: b"abc", wire: 1514, time: Some(Duration::new(5, 999_999_999)) },
        Captured { frame: &long, wire: MOST_FRAME + 1, time: Some(Duration::from_secs(1 << 32)) },
    ];
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for frame in &frames {
        writer.write(frame).expect("memory");
    }
    let all = read(writer.into_inner().as_slice()).expect("a capture");
    let times =
        [Duration::ZERO, Duration::new(5, 999_999_999), Duration::from_secs(u32::MAX.into())];
    for ((frame, time), (bytes, wire, told)) in frames.iter().zip(times).zip(&all) {
        assert_eq!((bytes.as_slice(), *wire, *told), (frame.frame, frame.wire, Some(time)));
    }
    assert_eq!(all.len(), frames.len());
}

#[test]
fn a_capture_that_ends_too_early_says_inside_what() {
    let whole = pcap(Little, 0xa1b2_c3d4).n32(&[7, 5, 3, 3]).raw(b"abc").1;
    let told = |len: usize| wrong(&whole[..len]);
    assert_eq!(told(0), "the capture is empty");
    assert_eq!(told(3), "this is neither pcap nor pcapng");
    for len in 4..24 {
        assert_eq!(told(len), "the capture ends inside its head, which begins at byte 0");
    }
    assert_eq!(read(&whole[..24]).expect("no packets"), []);
    for len in 25..40 {
        assert_eq!(
            told(len),
            "the capture ends inside the head of a packet, which begins at byte 24"
        );
    }
    for len in 40..43 {
        assert_eq!(told(len), "the capture ends inside a packet, which begins at byte 24");
    }
    let whole = Bytes::new(Big).section().interface(1, 0, &[]).enhanced(0, 1, b"abc", 3).1;
    let ends = [28, 48, whole.len()];
    for len in 4..whole.len() {
        let got = read(&whole[..len]);
        let is_end = ends.contains(&len);
        assert_eq!(got.is_ok(), is_end, "{len}");
        if let Err(error) = got {
            let begins = ends.iter().rev().find(|end| **end < len).copied().unwrap_or(0) as u64;
            let CaptureError::Truncated { offset, part } = error else { panic!("{error}") };
            assert_eq!(offset, begins, "{len}");
            assert!(matches!(part, Part::Block | Part::Packet), "{part}");
        }
    }
}

#[test]
fn every_contradiction_is_told_with_its_place() {
    let ng = || Bytes::new(Little).section().interface(1, 0, &[]);
    let cases = [
        (b"PK\x03\x04 and so on, no capture".to_vec(), "this is neither pcap nor pcapng"),
        (
            Bytes::new(Big).n32(&[0xa1b2_c3d4]).n16(&[1, 0]).n32(&[0, 0, 96, 1]).1,
            "version 1.0 of the format is not known, at byte 4",
        ),
        (
            Bytes::new(Big).n32(&[0xa1b2_c3d4]).n16(&[2, 4]).n32(&[0, 0, 96, 113]).1,
            "packets of link type 113 (Linux cooked capture) are not read, only Ethernet's, at byte 20",
        ),
        (
            pcap(Little, 0xa1b2_c3d4).n32(&[0, 0, MOST_FRAME + 1, 9]).1,
            "a packet of 262145 bytes, and 262144 are the most, at byte 24",
        ),
        (
            Bytes::new(Little).n32(&[0x0a0d_0d0a, 28, 0, 0]).1,
            "the order of bytes of the section at byte 0 is not told",
        ),
        (
            Bytes::new(Little).n32(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d]).n16(&[2, 0]).1,
            "version 2.0 of the format is not known, at byte 12",
        ),
        (ng().n32(&[6, 11]).1, "the block at byte 48 cannot have 11 bytes"),
        (ng().n32(&[6, 30]).1, "the block at byte 48 cannot have 30 bytes"),
        (ng().n32(&[6, 16, 0, 0, 0]).1, "the block at byte 48 cannot have 16 bytes"),
        (ng().n32(&[6, 32, 0, 0, 0, 1, 1, 32]).1, "the block at byte 48 cannot have 32 bytes"),
        (
            ng().n32(&[0xbad, 12, 16]).1,
            "the block at byte 48 begins with the length 12 and ends with 16",
        ),
        (
            ng().enhanced(1, 0, b"", 0).1,
            "the packet at byte 48 is of interface 1, which is not described",
        ),
        (
            ng().interface(127, 0, &[]).enhanced(1, 0, b"", 0).1,
            "packets of link type 127 (802.11 with radiotap) are not read, only Ethernet's, at byte 68",
        ),
        (Bytes::new(Little).section().interface(1, 0, &[9, 0, 1, 0, 9]).1, ""),
    ];
    for (file, message) in cases {
        if message.is_empty() {
            // A padded option is whole.
            assert_eq!(read(file.as_slice()).expect("no packets"), []);
        } else {
            assert_eq!(wrong(&file), message);
        }
    }
}

#[test]
fn no_length_is_allocated_before_its_bytes_have_come() {
    // A packet of the greatest length, of which there is nothing; and a block of four gigabytes.
    let pcap = pcap(Little, 0xa1b2_c3d4).n32(&[0, 0, MOST_FRAME, MOST_FRAME]).1;
    assert!(wrong(&pcap).ends_with("inside a packet, which begins at byte 24"));
    let ng = Bytes::new(Little).section().interface(1, 0, &[]).n32(&[
        6,
        0xffff_fffc,
        0,
        0,
        0,
        0xffff_ff00,
        0,
    ]);
    let message = wrong(&ng.1);
    assert!(message.starts_with("a packet of 4294967040 bytes"), "{message}");
    let skipped = Bytes::new(Little).section().n32(&[0xbad, 0xffff_fffc]).1;
    assert!(wrong(&skipped).ends_with("inside a block, which begins at byte 28"));
}

#[test]
fn what_the_system_says_is_told() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let file = pcap(Little, 0xa1b2_c3d4).1;
    let broken = read(file.as_slice().chain(Broken)).expect_err("it is broken");
    assert_eq!(broken.to_string(), "at byte 24: the disk is gone");
}

#[test]
fn link_types_have_names() {
    assert_eq!(LinkType(276).to_string(), "276 (Linux cooked capture v2)");
    assert_eq!(LinkType(9999).to_string(), "9999");
}
