//! Frames of any bytes, under policies that look at everything a policy can look at.

use std::cell::RefCell;

use palisade_filter::{BUILTIN, parse};

use super::judges::Judges;

/// Each looks at something that the ones before do not.
#[rustfmt::skip] // One policy an entry, the longer ones by subject.
const POLICIES: [&str; 12] = [
    BUILTIN,
    "drop udp dport 53\ndefault pass\n",
    "pass tcp dport 53\ndefault drop\n",
    "set n net { elements { 10.0.0.0/8, 192.0.2.1, 2001:db8::/32 } }\nset u net { counters off elements { 10.1.0.0/16, ::/1 } }\n\
     keep arp\nkeep nd\nkeep dhcp\npass src in u ttl < 9\ndrop host in n\ndefault pass\n",
    "set p service { elements { tcp/80, udp/1000-2000, any/53 } }\ncount service in p as seen\ndrop service in p not fragment\non fragment drop\ndefault pass\n",
    "set m mac { elements { 02:00:5e:10:00:01 } }\ndrop ether src in m\npass ether dst in m\ndrop vlan 5\npass inner-vlan 6\ndrop ethertype 0x88cc\ndefault pass\n",
    "on malformed pass\ndrop fragment dport 7\ndrop options\npass icmp type 8 code 0\ndrop icmp6 type 128\nabort proto 47\ndefault pass\n",
    "pass flags syn,!ack length > 60\ndrop flags rst\ncount dscp = 46 as ef\ndrop ttl = 1\ndrop length < 30\non fragment pass\ndefault drop\n",
    "drop ( src 10.0.0.0/8 or dst 2001:db8::/32 ) ( sport 1-1023 or dport { 22, 80, 443 } )\npass not ( tcp or udp ) ip6\ndefault drop\n",
    "drop src { 10.0.0.1, 10.0.0.2, 10.0.0.9-10.0.0.77, 10.2.0.0/15, 192.0.2.0/24, 198.51.100.1, 203.0.113.7, 2001:db8::1, 2001:db8::2, 2001:db8:1::/48, fe80::/10 }\n\
     drop port { 1, 3, 5, 7, 9, 11, 13, 17, 19-23, 25, 53, 80, 123, 443, 8080, 9000-9999 }\ndefault pass\n",
    "pass dst 224.0.0.0/4\npass ip4 not options ttl > 1\ndrop sctp\ndrop arp\npass ip6 proto 58\ndrop vlan 0\ndefault pass\n",
    "pass src 10.0.0.0/8 udp\ndrop dst 10.0.0.0/8 tcp flags fin,syn\ncount ip6\ncount tcp\ncount fragment\ndefault drop\non malformed drop\n",
];

thread_local! {
    static JUDGES: RefCell<Vec<Judges>> = RefCell::new(judges());
}

fn judges() -> Vec<Judges> {
    let judges = POLICIES.map(|text| {
        let policy = parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("fixed", text)));
        Judges::of(policy, &[]).expect("a small policy")
    });
    judges.into()
}

/// The first byte chooses a policy, unless it is the last one, which stands for all of them; the
/// others are a frame. Interpreter and oracle decide it alike.
pub fn packet(bytes: &[u8]) {
    let Some((which, frame)) = bytes.split_first() else { return };
    JUDGES.with_borrow_mut(|judges| match judges.get_mut(usize::from(*which)) {
        Some(judges) => drop(judges.decide(frame)),
        None => judges.iter_mut().for_each(|judges| drop(judges.decide(frame))),
    });
}
