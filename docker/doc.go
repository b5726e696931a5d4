// Package docker knows image references and the registries that hold them: it resolves a
// reference to the digest that gets signed, and reads and writes what signature systems keep
// beside an image. The systems themselves are in the packages below it.
//
// No container engine is needed. A [Client] speaks the OCI distribution protocol (version 1.1,
// github.com/opencontainers/distribution-spec) and takes credentials from Docker's own
// configuration and helpers. go-containerregistry does the names, the credentials and the
// handshake; the handful of requests above that are made here, because bulla wants its own
// limits, its own deadlines, retries of reads only, and errors that say what happened.
//
// The package prints nothing and keeps no state outside the Client.
package docker
