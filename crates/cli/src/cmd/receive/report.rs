//! What `receive` says: how it begins, packets a second, and totals with what the kernel counted.

use std::time::Duration;

use palisade_loader::Link;
use palisade_loader::xdp::Mode;
use palisade_loader::xsk::Statistics;
use serde_json::{Value, json};

use super::lane::{Count, Lane};
use crate::failure::Outcome;
use crate::output::{Output, human};

/// What stays the same.
pub struct Report<'a> {
    /// The interface.
    pub link: &'a Link,
    /// In which mode its program is.
    pub mode: Mode,
    /// Whether there is a line a second.
    pub live: bool,
}

impl Report<'_> {
    /// Says what is received on, and how.
    pub fn begin(&self, lanes: &[Lane<'_>], out: &mut Output) -> Outcome {
        let mut queues = Vec::new();
        for lane in lanes {
            let zero_copy = lane.socket().is_zero_copy()?;
            let queue = lane.socket().queue();
            queues.push(json!({"queue": queue, "zero_copy": zero_copy}));
            let how = if zero_copy { "without a copy" } else { "copied" };
            out.say(format_args!(
                "receiving on {} in {} mode, queue {queue}, packets are {how}",
                human::printable(&self.link.name),
                self.mode
            ))?;
        }
        let mode = self.mode.to_string();
        out.json(&json!({"interface": self.link.name, "mode": mode, "queues": queues}))?;
        out.flush()
    }

    /// Says what has come since the last time.
    pub fn measurement(
        &self,
        lanes: &mut [Lane<'_>],
        period: Duration,
        out: &mut Output,
    ) -> Outcome {
        if !self.live {
            return Ok(());
        }
        let seconds = period.as_secs_f64();
        let (mut words, mut queues) = (Vec::new(), Vec::new());
        for lane in lanes {
            let queue = lane.socket().queue();
            let new = lane.count.since(std::mem::replace(&mut lane.told, lane.count));
            let [pps, bytes] =
                [new.packets, new.bytes].map(|n| (n as f64 / seconds).round() as u64);
            let (packets, grouped) = (human::grouped(pps), human::grouped(bytes));
            words.push(format!("queue {queue}: {packets} packets/s, {grouped} bytes/s"));
            let Count { packets, bytes: all } = lane.count;
            queues.push(json!({
                "queue": queue, "packets": packets, "bytes": all, "pps": pps, "bps": bytes * 8,
            }));
        }
        let interval = (seconds * 1000.0).round() / 1000.0;
        out.json(&json!({"interval": interval, "queues": queues}))?;
        out.say(words.join("; "))?;
        out.flush()
    }

    /// Says what has come in all, and what the kernel did not bring.
    pub fn end(&self, lanes: &[Lane<'_>], out: &mut Output) -> Outcome {
        let mut all = Count::default();
        let (mut lines, mut queues) = (Vec::new(), Vec::new());
        for lane in lanes {
            let Lane { count, sent, unsent, .. } = lane;
            let kernel = lane.socket().statistics()?;
            all.packets += count.packets;
            all.bytes += count.bytes;
            lines.push(format!(
                "queue {}: {}, {}{}; {}",
                lane.socket().queue(),
                human::counted(count.packets, "packet", "packets"),
                human::counted(count.bytes, "byte", "bytes"),
                sent_words(*sent, *unsent),
                kernel_words(&kernel)
            ));
            queues.push(json!({
                "queue": lane.socket().queue(), "packets": count.packets, "bytes": count.bytes,
                "sent": sent, "unsent": unsent, "kernel": kernel_json(&kernel),
            }));
        }
        out.json(&json!({"packets": all.packets, "bytes": all.bytes, "queues": queues}))?;
        lines.iter().try_for_each(|line| out.say(line))
    }
}

fn sent_words(sent: u64, unsent: u64) -> String {
    match (sent, unsent) {
        (0, 0) => String::new(),
        (sent, 0) => format!(", {} sent back", human::grouped(sent)),
        (sent, unsent) => {
            let [sent, unsent] = [sent, unsent].map(human::grouped);
            format!(", {sent} sent back and {unsent} not, for want of room")
        }
    }
}

/// What the kernel did not bring; a number that it does not tell is left out.
fn kernel_words(kernel: &Statistics) -> String {
    let mut words = format!("dropped: {}", human::grouped(kernel.rx_dropped));
    if let Some(number) = kernel.rx_fill_ring_empty_descs {
        words.push_str(&format!(" (no frame free: {})", human::grouped(number)));
    }
    if let Some(number) = kernel.rx_ring_full {
        words.push_str(&format!(", receive ring full: {}", human::grouped(number)));
    }
    words
}

fn kernel_json(kernel: &Statistics) -> Value {
    json!({
        "rx_dropped": kernel.rx_dropped,
        "rx_invalid_descs": kernel.rx_invalid_descs,
        "tx_invalid_descs": kernel.tx_invalid_descs,
        "rx_ring_full": kernel.rx_ring_full,
        "rx_fill_ring_empty_descs": kernel.rx_fill_ring_empty_descs,
        "tx_ring_empty_descs": kernel.tx_ring_empty_descs,
    })
}
