//! What `receive` says: how it begins, packets a second, and totals with what the kernel counted.

use std::time::Duration;

use palisade_filter::Name;
use palisade_loader::Link;
use palisade_loader::xdp::Mode;
use palisade_loader::xsk::Statistics;
use serde_json::{Value, json};

use super::queue::Queue;
use crate::failure::Outcome;
use crate::output::{Output, human};
use crate::running::counters::Count;

/// What stays the same.
pub struct Report<'a> {
    /// The interface.
    pub link: &'a Link,
    /// In which mode its program is.
    pub mode: Mode,
    /// The policy that delivers, where it is one.
    pub policy: Option<Name>,
    /// Whether there is a line a second.
    pub live: bool,
}

impl Report<'_> {
    /// Says what is received on, and how.
    pub fn begin(&self, queues: &[Queue<'_>], out: &mut Output) -> Outcome {
        let policy = self.policy.as_ref();
        let mut documents = Vec::new();
        for queue in queues {
            let zero_copy = queue.socket().is_zero_copy()?;
            let number = queue.socket().queue();
            documents.push(json!({"queue": number, "zero_copy": zero_copy}));
            let how = if zero_copy { "without a copy" } else { "copied" };
            out.say(format_args!(
                "receiving on {}{} in {} mode, queue {number}, packets are {how}",
                human::printable(&self.link.name),
                policy.map_or_else(String::new, |name| format!(" what `{name}` delivers,")),
                self.mode
            ))?;
        }
        let mode = self.mode.to_string();
        let mut document = json!({"interface": self.link.name, "mode": mode, "queues": documents});
        if let Some(name) = policy {
            document["policy"] = json!(name.as_str());
        }
        out.json(&document)?;
        out.flush()
    }

    /// Says what has come since the last time.
    pub fn measurement(
        &self,
        queues: &mut [Queue<'_>],
        period: Duration,
        out: &mut Output,
    ) -> Outcome {
        if !self.live {
            return Ok(());
        }
        let seconds = period.as_secs_f64();
        let (mut words, mut documents) = (Vec::new(), Vec::new());
        for queue in queues {
            let number = queue.socket().queue();
            let new = queue.count.since(std::mem::replace(&mut queue.told, queue.count));
            let [pps, bytes] =
                [new.packets, new.bytes].map(|n| (n as f64 / seconds).round() as u64);
            let (packets, grouped) = (human::grouped(pps), human::grouped(bytes));
            words.push(format!("queue {number}: {packets} packets/s, {grouped} bytes/s"));
            let Count { packets, bytes: all } = queue.count;
            documents.push(json!({
                "queue": number, "packets": packets, "bytes": all, "pps": pps, "bps": bytes * 8,
            }));
        }
        let interval = (seconds * 1000.0).round() / 1000.0;
        out.json(&json!({"interval": interval, "queues": documents}))?;
        out.say(words.join("; "))?;
        out.flush()
    }

    /// Says what has come in all, and what the kernel did not bring.
    pub fn end(&self, queues: &[Queue<'_>], out: &mut Output) -> Outcome {
        let mut all = Count::default();
        let (mut lines, mut documents) = (Vec::new(), Vec::new());
        for queue in queues {
            let Queue { count, sent, unsent, .. } = queue;
            let kernel = queue.socket().statistics()?;
            all.packets += count.packets;
            all.bytes += count.bytes;
            lines.push(format!(
                "queue {}: {}, {}{}; {}",
                queue.socket().queue(),
                human::counted(count.packets, "packet", "packets"),
                human::counted(count.bytes, "byte", "bytes"),
                sent_words(*sent, *unsent),
                kernel_words(&kernel)
            ));
            documents.push(json!({
                "queue": queue.socket().queue(), "packets": count.packets, "bytes": count.bytes,
                "sent": sent, "unsent": unsent, "kernel": kernel_json(&kernel),
            }));
        }
        out.json(&json!({"packets": all.packets, "bytes": all.bytes, "queues": documents}))?;
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
