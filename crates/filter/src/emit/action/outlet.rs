//! `redirect` and `deliver`: the frame leaves through another interface, or for a socket.
//!
//! The map of devices says which. Where it has none under the key, as the interface has vanished,
//! the helper gives what the lower bits of its flags say: the packet is aborted, so that the
//! kernel's `xdp_exception` tells. Where the map of sockets has none for the queue of a packet, it meets
//! the default of the policy.

use palisade_asm::{Assembler, Cond, Helper, Label, MapId, R0, R1, R2, R3, Size};

use super::address::to_station;
use crate::emit::frame::{CTX, ctx};
use crate::emit::next::WayOut;
use crate::emit::packet::frame_again;
use crate::plan::Target;
use crate::policy::{Redirect, Verdict};

const ADDRESS: i16 = 6;

/// Sends the frame out through what the map has under a key; the end of the program.
pub fn redirect(
    a: &mut Assembler,
    target: Target,
    redirect: &Redirect,
    (devices, key): (MapId, i32),
    broken: Label,
) {
    if let Some(mac) = redirect.mac {
        let frame = frame_again(a, ADDRESS, broken);
        to_station(a, target.order, frame, mac);
    }
    a.load_map(R1, devices).mov(R2, key).mov(R3, Verdict::Aborted.code());
    a.call(Helper::REDIRECT_MAP).exit();
}

/// Gives the frame to the socket of its queue; without one it meets the fallback, and goes out as all
/// that pass if it passes. The end of the program.
pub fn deliver(a: &mut Assembler, sockets: MapId, fallback: Verdict, way_out: WayOut) {
    CTX.load(a, R1);
    a.load(Size::W, R2, R1 + ctx::QUEUE).load_map(R1, sockets).mov(R3, fallback.code());
    a.call(Helper::REDIRECT_MAP);
    if let (WayOut::Slot { label, .. }, Verdict::Pass) = (way_out, fallback) {
        a.jump_if(R0, Cond::Eq, fallback.code(), label);
    }
    a.exit();
}
