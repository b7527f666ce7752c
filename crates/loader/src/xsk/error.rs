//! Why something about a socket could not be done: what was asked, what the kernel said, what to do.

use super::{Fault, Ring, Transfer};
use crate::Errno;
use crate::link::IfIndex;

/// Why something about an AF_XDP socket could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XskError {
    /// There is no memory for so many frames.
    #[error("cannot get memory for {frames} frames of {bytes} bytes: {errno}")]
    Memory {
        /// How many frames.
        frames: u32,
        /// Bytes of one.
        bytes: u32,
        /// What the kernel said.
        errno: Errno,
    },
    /// There is no socket.
    #[error("cannot make an AF_XDP socket: {errno}")]
    Socket {
        /// What the kernel said.
        errno: Errno,
    },
    /// The kernel does not take the memory.
    #[error("cannot make {frames} frames of {bytes} bytes the memory of a socket: {errno}")]
    Register {
        /// How many frames.
        frames: u32,
        /// Bytes of one.
        bytes: u32,
        /// What the kernel said.
        errno: Errno,
    },
    /// A ring could not be made or mapped.
    #[error("cannot make a {ring} ring of {slots} slots: {errno}")]
    MakeRing {
        /// Which ring.
        ring: Ring,
        /// How many slots.
        slots: u32,
        /// What the kernel said.
        errno: Errno,
    },
    /// The queue is not to be had.
    #[error("cannot bind a socket to queue {queue} of interface {interface}{}: {errno}", words(*.transfer))]
    Bind {
        /// Which interface.
        interface: IfIndex,
        /// Which queue.
        queue: u32,
        /// How packets were to be transferred.
        transfer: Transfer,
        /// What the kernel said.
        errno: Errno,
    },
    /// The kernel does not tell something.
    #[error("cannot ask a socket for its {what}: {errno}")]
    Ask {
        /// What.
        what: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// The kernel does not send.
    #[error("cannot have the kernel send: {errno}")]
    Wake {
        /// What the kernel said.
        errno: Errno,
    },
    /// Sockets cannot be waited for.
    #[error("cannot wait for packets: {errno}")]
    Wait {
        /// What the kernel said.
        errno: Errno,
    },
    /// The socket has come to its end: most often, its interface has.
    #[error("the socket of queue {queue} of interface {interface} is broken: {errno}")]
    Broken {
        /// Which interface.
        interface: IfIndex,
        /// Which queue.
        queue: u32,
        /// What the kernel said.
        errno: Errno,
    },
    /// A ring holds what must not be in it.
    #[error("the {ring} ring is broken: {fault}")]
    Fault {
        /// Which ring.
        ring: Ring,
        /// What it is.
        fault: Fault,
    },
}

fn words(transfer: Transfer) -> &'static str {
    match transfer {
        Transfer::Auto => "",
        Transfer::Copy => ", with copies",
        Transfer::ZeroCopy => ", without copies",
    }
}

impl XskError {
    /// What the kernel said.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            XskError::Memory { errno, .. }
            | XskError::Socket { errno }
            | XskError::Register { errno, .. }
            | XskError::MakeRing { errno, .. }
            | XskError::Bind { errno, .. }
            | XskError::Ask { errno, .. }
            | XskError::Wake { errno }
            | XskError::Wait { errno }
            | XskError::Broken { errno, .. } => Some(*errno),
            XskError::Fault { .. } => None,
        }
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            XskError::Socket { errno: Errno::EAFNOSUPPORT } => {
                "this kernel has no AF_XDP; it takes one built with CONFIG_XDP_SOCKETS"
            }
            XskError::Socket { errno: Errno::EPERM } => {
                "run as root, or with CAP_NET_RAW besides what attaching takes"
            }
            XskError::Register { errno: Errno::ENOBUFS | Errno::EPERM, .. } => {
                "the memory lock limit (`ulimit -l`) is too small for the frames; CAP_IPC_LOCK is \
                 not bound by it"
            }
            XskError::Bind { errno: Errno::EBUSY, .. } => {
                "another socket has this queue; a queue has one at a time"
            }
            XskError::Bind { errno: Errno::EINVAL, .. } => {
                "the interface has no queue of that number"
            }
            XskError::Bind { errno: Errno::ENODEV, .. } | XskError::Broken { .. } => {
                "the interface is gone"
            }
            XskError::Bind { errno: Errno::EOPNOTSUPP, transfer: Transfer::ZeroCopy, .. } => {
                "the driver cannot do without copies; with copies every driver works"
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_was_asked_what_the_kernel_said_and_what_to_do() {
        let interface = IfIndex::new(3).expect("a number");
        let bind = |errno, transfer| XskError::Bind { interface, queue: 1, transfer, errno };
        #[rustfmt::skip] // One refusal a line.
        let refusals = [
            (XskError::Socket { errno: Errno::EAFNOSUPPORT }, "cannot make an AF_XDP socket: EAFNOSUPPORT", "CONFIG_XDP_SOCKETS"),
            (XskError::Socket { errno: Errno::EPERM }, "cannot make an AF_XDP socket: EPERM", "CAP_NET_RAW"),
            (XskError::Register { frames: 64, bytes: 2048, errno: Errno::ENOBUFS }, "64 frames of 2048 bytes", "ulimit -l"),
            (bind(Errno::EBUSY, Transfer::Auto), "cannot bind a socket to queue 1 of interface 3: EBUSY", "another socket"),
            (bind(Errno::EINVAL, Transfer::Auto), "queue 1 of interface 3: EINVAL", "no queue of that number"),
            (bind(Errno::EOPNOTSUPP, Transfer::ZeroCopy), "interface 3, without copies: EOPNOTSUPP", "with copies every driver works"),
            (bind(Errno::ENODEV, Transfer::Copy), "interface 3, with copies: ENODEV", "the interface is gone"),
        ];
        for (error, said, help) in refusals {
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.help().is_some_and(|text| text.contains(help)), "{error}");
        }
        let fault = Fault::Stray { address: 4096, len: 60 };
        let error = XskError::Fault { ring: Ring::Rx, fault };
        assert_eq!(
            error.to_string(),
            "the receive ring is broken: a descriptor names 60 bytes at 0x1000, where no frame is \
             that the kernel has"
        );
        assert_eq!((error.help(), error.errno()), (None, None));
    }
}
