//! A policy of many rules of every sort, for what has to be quick or bounded however many there are.

/// A policy of so many rules. Up to some ten thousand, no two of them are alike.
pub fn mixed(rules: usize) -> String {
    let mut text = String::from("set block net\nset ports service\nkeep arp\nkeep nd\n");
    for i in 0..rules {
        let [.., a, b] = (i / 10).to_be_bytes();
        let port = 1024 + i % 60_000;
        text.push_str(&match i % 10 {
            0 => format!("drop src 10.{a}.{b}.0/24\n"),
            1 => format!("pass tcp src 172.16.{a}.{b} dport {port}\n"),
            2 => format!("drop udp dport {port}-{}\n", port + 3),
            3 => format!("drop ip6 src 2001:db8:{a:x}:{b:x}::/64 tcp\n"),
            4 => format!("count icmp type {} src 10.{a}.{b}.0/26\n", i / 10 % 200),
            5 => format!("drop tcp flags syn,!ack dport {port} ttl < {}\n", i / 10 % 200 + 2),
            6 => format!("drop dst {{ 192.0.{a}.{b}, 198.51.{a}.{b} }} udp sport {port}\n"),
            7 => format!("pass src in block vlan {}\n", i / 10 % 4095),
            8 => format!("drop ( tcp dport {port} or udp dport {port} ) length > {}\n", port / 2),
            _ => format!("drop service in ports not src 10.{a}.{b}.1\n"),
        });
    }
    text + "default pass\n"
}
