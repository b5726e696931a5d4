package keys

// sshSignature recognises the armor of ssh-keygen -Y sign.
func sshSignature(armorBlock) []*Signature {
	return problemSignature(unsupported("SSH signatures are not supported"))
}
