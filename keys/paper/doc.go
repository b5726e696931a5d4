// Package paper writes a secret key for paper and reads it again when it was typed or scanned.
//
// The data are base32 (RFC 4648, section 6), which has no characters that look alike, in numbered
// lines of 25 octets. Each line ends in a checksum over its number and its octets, so that a
// mistake is found in the line in which it was made. The lines can be turned back without bulla,
// by sed and base32; the sheet says how.
//
// What is on the paper is as secret as the key file: it is protected by the key's passphrase.
package paper
