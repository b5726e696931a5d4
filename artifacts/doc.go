// Package artifacts finds the files of a release, signs them, lists their checksums and
// verifies what others signed.
//
// Every file is read once. One pass over it feeds the digest for the checksums file, the state
// that is signed and, where a signature is there already, the check of that signature. Memory
// stays flat whatever the file's size, and a file that changes while it is read is refused
// rather than signed half old and half new.
//
// For a file dist/app.tar.gz the package makes dist/app.tar.gz.asc, an armored detached
// signature of type 0x00 (RFC 9580, section 5.2.1), and for all files together SHA256SUMS, in
// the format of coreutils, with SHA256SUMS.asc.
package artifacts
