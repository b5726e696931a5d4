//! What the card's operating system (trussed) needs to be told: who carries out which requests.

use trussed::{
    backend::{Backend as _, BackendId},
    platform::Platform,
    serde_extensions::{ExtensionDispatch, ExtensionId, ExtensionImpl},
    service::ServiceResources,
    types::Context,
};
use trussed_auth::AuthExtension;
use trussed_auth_backend::{AuthBackend, AuthContext, FilesystemLayout, MAX_HW_KEY_LEN};
use trussed_chunked::ChunkedExtension;
use trussed_core::{
    api::{reply, request, Reply, Request},
    types::{Bytes, Location},
    Error,
};
use trussed_staging::{StagingBackend, StagingContext};
use trussed_wrap_key_to_file::WrapKeyToFileExtension;

/// Who may carry out a request.
#[derive(Clone, Copy)]
pub enum Who {
    /// Pins keeps PINs and counts wrong ones.
    Pins,
    /// Files wraps keys into files and streams long ones.
    Files,
}

/// All are asked in this order.
pub const ALL: &[BackendId<Who>] =
    &[BackendId::Custom(Who::Files), BackendId::Custom(Who::Pins), BackendId::Core];

/// Kinds of requests beyond the operating system's own.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Kind {
    Pin,
    Wrap,
    Chunk,
}

impl From<Kind> for u8 {
    fn from(kind: Kind) -> u8 {
        kind as u8
    }
}

impl TryFrom<u8> for Kind {
    type Error = Error;

    fn try_from(id: u8) -> Result<Self, Error> {
        [Kind::Pin, Kind::Wrap, Kind::Chunk].get(usize::from(id)).copied().ok_or(Error::InternalError)
    }
}

pub struct Backends {
    pins: AuthBackend,
    files: StagingBackend,
}

#[derive(Default)]
pub struct Memory {
    pins: AuthContext,
    files: StagingContext,
}

impl Backends {
    pub fn new(hardware: Bytes<MAX_HW_KEY_LEN>) -> Self {
        Self {
            pins: AuthBackend::with_hw_key(Location::Internal, hardware, FilesystemLayout::V0),
            files: StagingBackend::new(),
        }
    }
}

impl ExtensionDispatch for Backends {
    type BackendId = Who;
    type Context = Memory;
    type ExtensionId = Kind;

    fn core_request<P: Platform>(
        &mut self,
        who: &Who,
        context: &mut Context<Memory>,
        request: &Request,
        resources: &mut ServiceResources<P>,
    ) -> Result<Reply, Error> {
        let memory = &mut context.backends;
        match who {
            Who::Pins => self.pins.request(&mut context.core, &mut memory.pins, request, resources),
            Who::Files => self.files.request(&mut context.core, &mut memory.files, request, resources),
        }
    }

    fn extension_request<P: Platform>(
        &mut self,
        who: &Who,
        kind: &Kind,
        context: &mut Context<Memory>,
        request: &request::SerdeExtension,
        resources: &mut ServiceResources<P>,
    ) -> Result<reply::SerdeExtension, Error> {
        let (core, memory) = (&mut context.core, &mut context.backends);
        match (who, kind) {
            (Who::Pins, Kind::Pin) => {
                self.pins.extension_request_serialized(core, &mut memory.pins, request, resources)
            }
            (Who::Files, Kind::Wrap) => ExtensionImpl::<WrapKeyToFileExtension>::extension_request_serialized(
                &mut self.files, core, &mut memory.files, request, resources,
            ),
            (Who::Files, Kind::Chunk) => ExtensionImpl::<ChunkedExtension>::extension_request_serialized(
                &mut self.files, core, &mut memory.files, request, resources,
            ),
            _ => Err(Error::RequestNotAvailable),
        }
    }
}

impl ExtensionId<AuthExtension> for Backends {
    type Id = Kind;
    const ID: Kind = Kind::Pin;
}

impl ExtensionId<WrapKeyToFileExtension> for Backends {
    type Id = Kind;
    const ID: Kind = Kind::Wrap;
}

impl ExtensionId<ChunkedExtension> for Backends {
    type Id = Kind;
    const ID: Kind = Kind::Chunk;
}
