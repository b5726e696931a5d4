// Package pgp has the form of OpenPGP data (RFC 9580): its numbers, packets and armor, without what they
// mean.
package pgp

// Tag is the type of a packet (RFC 9580, section 5).
type Tag byte

// The packet types that keys and signatures are made of.
const (
	TagSignature     Tag = 2
	TagSecretKey     Tag = 5
	TagPublicKey     Tag = 6
	TagSecretSubkey  Tag = 7
	TagMarker        Tag = 10
	TagTrust         Tag = 12
	TagUserID        Tag = 13
	TagPublicSubkey  Tag = 14
	TagUserAttribute Tag = 17
	TagPadding       Tag = 21
	// TagNonCritical is the first of the types that a reader skips when it does not know them.
	TagNonCritical Tag = 40
)

// Secret reports the packets with secret numbers.
func (t Tag) Secret() bool { return t == TagSecretKey || t == TagSecretSubkey }

// Primary reports the packets of primary keys.
func (t Tag) Primary() bool { return t == TagSecretKey || t == TagPublicKey }

// Key reports the packets of keys and subkeys.
func (t Tag) Key() bool { return t.Secret() || t == TagPublicKey || t == TagPublicSubkey }

// Signature types (RFC 9580, section 5.2.1).
const (
	SigBinary         = 0x00
	SigText           = 0x01
	SigCertGeneric    = 0x10
	SigCertPositive   = 0x13
	SigSubkeyBinding  = 0x18
	SigPrimaryBinding = 0x19
	SigDirectKey      = 0x1f
	SigKeyRevoke      = 0x20
	SigSubkeyRevoke   = 0x28
	SigCertRevoke     = 0x30
)

// Subpacket types (RFC 9580, section 5.2.3.7).
const (
	SubCreated       = 2
	SubSigExpires    = 3
	SubExportable    = 4
	SubRevocable     = 7
	SubKeyExpires    = 9
	SubRevoker       = 12
	SubIssuer        = 16
	SubNotation      = 20
	SubPrimaryUserID = 25
	SubKeyFlags      = 27
	SubRevokeReason  = 29
	SubEmbedded      = 32
	SubIssuerFPR     = 33
)

// Key flags (RFC 9580, section 5.2.3.29).
const (
	FlagCertify      = 0x01
	FlagSign         = 0x02
	FlagEncryptComms = 0x04
	FlagEncryptStore = 0x08
)
