//! `receive`: the packets of an interface, taken around the stack by AF_XDP sockets.
//!
//! Where the interface carries a policy that delivers, the sockets are put into its map, and taken out
//! of it by the kernel when this process ends. Else a program of its own brings the packets.
//!
//! It never replaces a program, and leaves none behind: its own program is held by a link, which the
//! kernel gives up with this process, however it ends. Sockets come first and
//! the program last, so that no packet is brought to where nobody is. When it ends in good order, the
//! program goes first, and what it had brought by then is still taken.

mod capture;
mod program;
mod queue;
mod report;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use palisade_filter::Name;
use palisade_loader::xdp::{self, Hold, Mode};
use palisade_loader::xsk::{self, FrameSize, Transfer, Umem, XskError};
use palisade_loader::{Errno, Link, Program, link, wait_for_running_programs};

use crate::args::{Global, Receive};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::delivery::Delivery;
use crate::running::exchange::is_about_the_driver;
use crate::running::program::describe_program;
use crate::stop::Stop;
use capture::Capture;
use queue::{Queue, Sink};
use report::Report;

/// Frames of a queue.
const FRAMES: u32 = 4096;
/// What an Ethernet header with two tags adds to the MTU.
const HEADER: u32 = 14 + 2 * 4;
/// How long a measurement lasts.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to see that it is to stop while packets come without a pause.
const LOOK: Duration = Duration::from_millis(20);
/// How soon it is looked whether packets have been sent.
const UNSENT: Duration = Duration::from_millis(1);
/// How long packets may take to be sent once none come any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// Receives until told to stop, or so many packets.
pub fn run(global: &Global, args: &Receive, out: &mut Output) -> Outcome {
    global.refuse_name("the policy that delivers is found by the interface; leave it out")?;
    let link = link::by_name(&args.device)?;
    let delivery = if link.xdp.is_some() { Delivery::on(&global.bpffs, &link)? } else { None };
    if delivery.is_none() {
        refuse_occupied(&link)?;
    }
    let numbers = numbers(args, &link)?;
    let stop = Stop::new()?;
    let size = frame_size(&link, out)?;
    let umems: Vec<Umem> =
        numbers.iter().map(|_| Umem::new(FRAMES, size)).collect::<Result<_, XskError>>()?;
    let mut queues = Vec::new();
    for (number, umem) in numbers.iter().zip(&umems) {
        let queue = Queue::new(umem, link.index, *number, args.transfer.into());
        queues.push(queue.map_err(|error| unbound(error, &link))?);
    }
    let sink =
        Sink { capture: args.pcap.as_deref().map(Capture::create).transpose()?, echo: args.echo };
    let bringing = match delivery {
        Some(delivery) => {
            queues.iter().try_for_each(|queue| delivery.bring_to(queue.socket()))?;
            Bringing::Policy(delivery)
        }
        None => Bringing::Own(attach(&link, &program::load(&queues)?, args, out)?),
    };
    let (mode, policy) = (bringing.mode(), bringing.policy());
    let report = Report { link: &link, mode, policy, live: args.pcap.is_none() };
    report.begin(&queues, out)?;
    let mut receiver = Receiver { queues, sink, left: args.count.unwrap_or(u64::MAX) };
    let received = receiver.receive(&stop, &bringing, &report, out);
    bringing.end(&receiver.queues);
    let settled = receiver.settle();
    let ended = report.end(&receiver.queues, out);
    received.and(settled).and(ended)
}

/// What brings the packets to the sockets.
pub enum Bringing {
    /// The program of this command.
    Own(Hold),
    /// A policy that delivers.
    Policy(Delivery),
}

impl Bringing {
    /// In which mode its program is.
    pub fn mode(&self) -> Mode {
        match self {
            Self::Own(hold) => hold.mode(),
            Self::Policy(delivery) => delivery.mode,
        }
    }

    /// The policy, where it is one.
    fn policy(&self) -> Option<Name> {
        match self {
            Self::Own(_) => None,
            Self::Policy(delivery) => Some(delivery.policy.clone()),
        }
    }

    /// No more packets are brought; those that were still are there.
    fn end(self, queues: &[Queue<'_>]) {
        match self {
            Self::Own(hold) => drop(hold),
            Self::Policy(delivery) => {
                queues.iter().for_each(|queue| delivery.withdraw(queue.socket()));
            }
        }
    }

    /// Whether it still does.
    fn is_in_place(&self, link: &Link) -> Outcome<bool> {
        match self {
            Self::Own(hold) => Ok(hold.is_in_place()?),
            Self::Policy(delivery) => delivery.is_in_place(link),
        }
    }

    fn taken_off(&self, link: &Link) -> Failure {
        match self {
            Self::Own(_) => taken_off(link, "was taken off by somebody else"),
            Self::Policy(_) => taken_off(link, "delivers to this command no more"),
        }
    }
}

/// An interface with a program is left alone, whoever's it is.
fn refuse_occupied(link: &Link) -> Outcome {
    let Some(attached) = link.xdp else { return Ok(()) };
    let name = human::printable(&link.name);
    let there = format!("{} in {} mode", describe_program(attached.program_id), attached.mode);
    Err(Failure::refused(format!("{name} carries an XDP program already; `receive` replaces none"))
        .note("found", there)
        .note("help", format!("take it off first: `palisade detach {name}` where it is a policy's or an object's of palisade")))
}

/// The queues that are meant, in order and each once.
fn numbers(args: &Receive, link: &Link) -> Outcome<Vec<u32>> {
    let name = human::printable(&link.name);
    let there = link::receive_queues(link).map_err(|errno| {
        Failure::refused(format!("cannot ask how many queues {name} has: {errno}"))
    })?;
    if args.queues.is_empty() {
        return Ok((0..there).collect());
    }
    let mut queues = args.queues.clone();
    queues.sort_unstable();
    queues.dedup();
    match queues.iter().find(|queue| **queue >= there) {
        None => Ok(queues),
        Some(missing) => Err(Failure::usage(format!("{name} has no queue {missing}"))
            .note("found", human::counted(there.into(), "receive queue", "receive queues"))
            .note(
                "help",
                "queues are counted from 0; `ethtool -l` shows and sets how many there are",
            )),
    }
}

/// The frames that the packets of an interface fit, as far as any do.
fn frame_size(link: &Link, out: &mut Output) -> Outcome<FrameSize> {
    if let Some(size) = FrameSize::for_packets_of(link.mtu.saturating_add(HEADER)) {
        return Ok(size);
    }
    let longest = FrameSize::Page.longest_packet();
    out.say(format_args!(
        "note: packets of more than {longest} bytes are dropped, and the MTU of {} is {}",
        human::printable(&link.name),
        link.mtu
    ))?;
    Ok(FrameSize::Page)
}

/// Why there is no socket, with the interface by its name.
fn unbound(error: XskError, link: &Link) -> Failure {
    let failure = match error {
        XskError::Bind { transfer: Transfer::ZeroCopy, errno: Errno::EOPNOTSUPP, .. } => {
            Failure::refused(error.to_string()).note(
                "help",
                "the driver cannot do without copies; `--transfer auto` copies where it must",
            )
        }
        other => other.into(),
    };
    failure.because(format!("cannot receive on {}", human::printable(&link.name)))
}

/// Attaches the program in the first mode that the driver takes.
fn attach(link: &Link, program: &Program, args: &Receive, out: &mut Output) -> Outcome<Hold> {
    let modes = args.mode.modes();
    for mode in modes {
        match xdp::hold(link.index, program, *mode) {
            Ok(hold) => return Ok(hold),
            Err(error) if modes.last() != Some(mode) && is_about_the_driver(&error) => {
                out.say(format_args!("note: {error}"))?;
            }
            Err(error) => {
                let name = human::printable(&link.name);
                return Err(Failure::from(error).because(format!("cannot attach to {name}")));
            }
        }
    }
    Err(Failure::bug("there was no mode to try"))
}

/// What receives.
struct Receiver<'u> {
    queues: Vec<Queue<'u>>,
    sink: Sink,
    /// How many packets are still wanted.
    left: u64,
}

impl Receiver<'_> {
    fn receive(
        &mut self,
        stop: &Stop,
        bringing: &Bringing,
        report: &Report<'_>,
        out: &mut Output,
    ) -> Outcome {
        let mut measured = Instant::now();
        let mut looked = measured;
        while self.left > 0 {
            let taken = self.turn()?;
            let now = Instant::now();
            if now - measured >= INTERVAL {
                report.measurement(&mut self.queues, now - measured, out)?;
                measured = now;
                self.sink.flush()?;
                if !bringing.is_in_place(report.link)? {
                    return Err(bringing.taken_off(report.link));
                }
            }
            if taken == 0 {
                let most = INTERVAL.saturating_sub(measured.elapsed());
                let sockets = || self.queues.iter().map(Queue::socket);
                // Nobody says when the last packets have been sent.
                let sending = sockets().any(|socket| socket.sending() > 0);
                let most = if sending { most.min(UNSENT) } else { most };
                xsk::wait(sockets(), Some(stop.as_fd()), most)?;
            }
            if taken == 0 || now - looked >= LOOK {
                looked = now;
                if stop.came()? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes what has come to each queue, some packets at a time; how many.
    fn turn(&mut self) -> Outcome<u64> {
        let mut taken = 0;
        for queue in &mut self.queues {
            let some = queue.turn(self.left, &mut self.sink)?;
            self.left -= some;
            taken += some;
        }
        Ok(taken)
    }

    /// Takes what had come before the program was taken off, and waits until all is sent.
    fn settle(&mut self) -> Outcome {
        // Where the kernel does not wait for programs, a packet that one still brings is not counted.
        let _ = wait_for_running_programs();
        while self.left > 0 && self.turn()? > 0 {}
        let start = Instant::now();
        for queue in &mut self.queues {
            while queue.is_sending()? && start.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
        }
        self.sink.flush()
    }
}

fn taken_off(link: &Link, how: &str) -> Failure {
    let name = human::printable(&link.name);
    let found = match link::by_index(link.index) {
        Ok(Link { xdp: Some(there), .. }) => {
            format!("{} in {} mode", describe_program(there.program_id), there.mode)
        }
        Ok(_) => "no program".to_owned(),
        Err(error) => error.to_string(),
    };
    Failure::refused(format!("the program on {name} {how}, or {name} is gone")).note("found", found)
}
