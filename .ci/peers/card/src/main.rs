//! An OpenPGP card in software, for tests. The card is the crate opcard, which is what Nitrokeys
//! run; this program gives it a memory in a file, a finger, and a place in a virtual reader.
//!
//!     openpgp-card FOLDER
//!
//! The reader is vsmartcard's vpcd, a driver of pcscd, on its usual port of 127.0.0.1. The folder
//! is the card: its file `memory` holds keys, PINs and counters, it is in the reader while there
//! is a file `inserted`, and a person touches it while there is a file `touched`.

mod backends;

use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use iso7816::{command::CommandView, Instruction, Status};
use trussed::platform::{Platform as _, UserInterface};
use trussed::virt::{with_platform, StorageConfig, StoreConfig};
use trussed_core::types::{consent::Level, Bytes};

/// The longest command or answer of an OpenPGP card in bytes: a certificate.
const LONGEST: usize = 7609;

/// Finger is the person's: it lies on the card while a file exists.
struct Finger(PathBuf);

impl UserInterface for Finger {
    fn check_user_presence(&mut self) -> Level {
        if self.0.exists() {
            Level::Normal
        } else {
            Level::None
        }
    }
}

/// Slot is the card in its reader. It puts together commands that come in parts, and hands out
/// answers in the parts that are asked for.
struct Slot<C: opcard::Client> {
    card: opcard::Card<C>,
    parts: Vec<u8>,
    answer: heapless::Vec<u8, LONGEST>,
    sent: usize,
}

impl<C: opcard::Client> Slot<C> {
    fn run(&mut self, message: &[u8]) -> Result<usize, Status> {
        let command = CommandView::try_from(message).map_err(|_| Status::WrongLength)?;
        if command.instruction() == Instruction::GetResponse {
            return Ok(command.expected());
        }
        self.parts.extend_from_slice(command.data());
        if self.parts.len() > LONGEST {
            self.parts.clear();
            return Err(Status::WrongLength);
        }
        if !command.class().chain().last_or_only() {
            return Ok(0);
        }
        let data = std::mem::take(&mut self.parts);
        let header = [0x00, message[1], message[2], message[3]];
        let whole = assemble(header, &data, command.expected());
        let whole = CommandView::try_from(&whole[..]).map_err(|_| Status::WrongLength)?;
        self.answer.clear();
        self.sent = 0;
        self.card.handle(whole, &mut self.answer)?;
        Ok(command.expected())
    }
}

/// assemble writes a command in the extended form of ISO 7816-4.
fn assemble(header: [u8; 4], data: &[u8], expected: usize) -> Vec<u8> {
    let mut out = header.to_vec();
    out.push(0);
    if !data.is_empty() {
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    if expected > 0 || data.is_empty() {
        out.extend((expected.min(65535) as u16).to_be_bytes());
    }
    out
}

impl<C: opcard::Client> vpicc::VSmartCard for Slot<C> {
    fn power_off(&mut self) {
        self.card.reset();
    }

    fn reset(&mut self) {
        self.card.reset();
    }

    fn execute(&mut self, message: &[u8]) -> Vec<u8> {
        let (part, status) = match self.run(message) {
            Err(status) => (&[][..], status),
            Ok(expected) => {
                let rest = &self.answer[self.sent..];
                let part = &rest[..rest.len().min(expected)];
                self.sent += part.len();
                match rest.len() - part.len() {
                    0 => (part, Status::Success),
                    left => (part, Status::MoreAvailable(left.min(255) as u8)),
                }
            }
        };
        let status: [u8; 2] = status.into();
        [part, &status].concat()
    }
}

/// A while is how long it takes until a change of the folder is seen.
const A_WHILE: Duration = Duration::from_millis(20);

/// insert waits for the file `inserted`, and puts the card into the reader.
fn insert(inserted: &Path) -> TcpStream {
    loop {
        if inserted.exists() {
            if let Ok(reader) = TcpStream::connect((vpicc::DEFAULT_HOST, vpicc::DEFAULT_PORT)) {
                return reader;
            }
        }
        std::thread::sleep(A_WHILE);
    }
}

/// pull takes the card out of the reader once the file `inserted` is gone.
fn pull(inserted: &Path, reader: &TcpStream) {
    while inserted.exists() && reader.peer_addr().is_ok() {
        std::thread::sleep(A_WHILE);
    }
    let _ = reader.shutdown(Shutdown::Both);
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder] = &arguments[..] else {
        eprintln!("usage: openpgp-card FOLDER");
        std::process::exit(2);
    };
    let folder = PathBuf::from(folder);
    let inserted = folder.join("inserted");
    let store = StoreConfig {
        internal: StorageConfig::filesystem(folder.join("memory")),
        external: StorageConfig::ram(),
        volatile: StorageConfig::ram(),
    };
    with_platform(store, |mut platform| {
        platform.user_interface().set_inner(Box::new(Finger(folder.join("touched"))));
        let backends = backends::Backends::new(Bytes::from(b"a key of no hardware"));
        platform.run_client_with_backends("opcard", backends, backends::ALL, |client| {
            let mut options = opcard::Options::default();
            options.manufacturer = [0xff, 0xfe]; // reserved for tests
            options.serial = [0, 0, 0x12, 0x34];
            let card = opcard::Card::new(client, options);
            let mut slot = Slot { card, parts: Vec::new(), answer: heapless::Vec::new(), sent: 0 };
            loop {
                let reader = insert(&inserted);
                let (watched, file) = (reader.try_clone()?, inserted.clone());
                let watcher = std::thread::spawn(move || pull(&file, &watched));
                let _ = vpicc::Connection::from(reader.try_clone()?).run(&mut slot);
                slot.card.reset(); // it has no power any more
                let _ = reader.shutdown(Shutdown::Both);
                let _ = watcher.join();
            }
        })
    })
}
