//! A record as a line, for people and as JSON.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use palisade_filter::Verdict;
use palisade_filter::plan::Carried;
use palisade_filter::policy::Protocol;
use serde_json::{Value, json};

use super::source::Told;
use crate::output::human;

/// A line of text: when, where, what became of it, the packet, and the rule.
pub fn text(told: &Told<'_>) -> String {
    let record = told.record;
    let mut line = format!("{} {} {}", utc(told.time), told.device, verdict(told));
    if let Some(protocol) = record.protocol {
        let _ = write!(line, " {}", name(protocol));
    }
    if let Some([source, destination]) = record.addresses {
        let _ = match record.ports {
            Some([sport, dport]) => {
                let [from, to] = [(source, sport), (destination, dport)].map(SocketAddr::from);
                write!(line, " {from} > {to}")
            }
            None => write!(line, " {source} > {destination}"),
        };
    }
    if let Some([kind, code]) = record.icmp {
        let _ = write!(line, " type {kind} code {code}");
    }
    let _ = write!(line, " length {}, {}", record.length, rule(told));
    if !record.bytes.is_empty() {
        let _ = write!(line, ": {}", human::hex(&record.bytes));
    }
    line
}

fn verdict(told: &Told<'_>) -> String {
    match (told.record.verdict, told.record.done) {
        (None, _) => "event".to_owned(),
        (Some(verdict), Carried::Out) => verdict.word().to_owned(),
        (Some(verdict), Carried::Not) => format!("{verdict} (shadow)"),
    }
}

/// The rule as lines and captures name it.
pub fn rule(told: &Told<'_>) -> String {
    match told.row {
        Some(row) => {
            let line = row.line.map_or(String::new(), |line| format!("line {line}: "));
            format!("{line}{}", human::printable(&row.text))
        }
        None => "of a policy that is gone".to_owned(),
    }
}

/// The same as JSON.
pub fn json(told: &Told<'_>) -> Value {
    let record = told.record;
    let [source, destination] = record.addresses.map_or([None, None], |all| all.map(Some));
    let [sport, dport] = record.ports.map_or([None, None], |ports| ports.map(Some));
    let [kind, code] = record.icmp.map_or([None, None], |icmp| icmp.map(Some));
    json!({
        "time": told.time.as_nanos() as f64 / 1e9,
        "at": utc(told.time),
        "interface": told.device,
        "ifindex": record.interface,
        "queue": record.queue,
        "line": told.row.and_then(|row| row.line),
        "rule": told.row.map(|row| &row.text),
        "name": told.row.and_then(|row| row.name.as_ref().map(|name| name.as_str())),
        "verdict": record.verdict.map(Verdict::word),
        "carried_out": record.verdict.map(|_| record.done == Carried::Out),
        "length": record.length,
        "src": source.map(|addr| addr.to_string()),
        "dst": destination.map(|addr| addr.to_string()),
        "protocol": record.protocol.map(|protocol| protocol.0),
        "sport": sport,
        "dport": dport,
        "type": kind,
        "code": code,
        "bytes": human::hex(&record.bytes),
    })
}

fn name(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol::SCTP => "sctp".to_owned(),
        Protocol::ICMP => "icmp".to_owned(),
        Protocol::ICMPV6 => "icmp6".to_owned(),
        Protocol(number) => format!("proto {number}"),
    }
}

/// A time as RFC 3339 writes it, to the microsecond.
fn utc(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, of_day) = (seconds / 86400, seconds % 86400);
    let [year, month, day] = date(days);
    let [hour, minute, second] = [of_day / 3600, of_day / 60 % 60, of_day % 60];
    let micros = time.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The date so many days behind the beginning of 1970, by the Gregorian calendar: years are counted
/// from March on, so that the day that is sometimes there is the last one.
fn date(days: u64) -> [u64; 3] {
    let from_march_0000 = days + 719_468;
    let (era, of_era) = (from_march_0000 / 146_097, from_march_0000 % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    [year_of_era + 400 * era + u64::from(month <= 2), month, day]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_827_696, "2000-02-29T12:34:56.000000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(utc(Duration::from_secs(seconds)), text);
        }
    }
}
