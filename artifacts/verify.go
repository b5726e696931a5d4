package artifacts

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"bulla/keys"
	"bulla/keys/limits"
)

// Verified is what the check of one file found.
type Verified struct {
	// Verdicts has one entry for each signature, or one that says there is none.
	Verdicts []keys.Verdict
	// SHA256 is the file's digest in lower-case hexadecimal.
	SHA256 string
}

// Verify judges the detached signatures of a file, reading the file once. sigPath names the
// signature; "" stands for path with ".asc" or, if that does not exist, ".sig" appended, and
// neither of them makes the verdict unsigned. Verdicts carry path as their target, and the digest of
// what was read.
//
// An error means that the file or its signature could not be read: *NotRegularError,
// *ChangedError, *fs.PathError. A signature that was read but makes no sense is a verdict.
func Verify(ctx context.Context, path, sigPath string, j *keys.Judge) (Verified, error) {
	sigs, trouble, err := signaturesOf(keys.KindArtifact, path, sigPath)
	if err != nil {
		return Verified{}, err
	}
	check := j.Begin(sigs)
	sums := newStates(check, crypto.SHA256) // and what the check lends
	if err := pathSource(path).feed(ctx, sums, quietly); err != nil {
		return Verified{}, err
	}
	v := Verified{SHA256: sums.hex(crypto.SHA256), Verdicts: trouble}
	if trouble == nil {
		v.Verdicts = check.Verdicts(keys.KindArtifact, path)
	}
	for i := range v.Verdicts {
		v.Verdicts[i].SHA256 = v.SHA256
	}
	return v, nil
}

// quietly is the progress report that nobody hears.
func quietly(int64, int64) {}

// signaturesOf reads the signatures that go with path. Where there is a signature file that
// can't be judged, trouble says why.
func signaturesOf(kind keys.Kind, path, sigPath string) (sigs []*keys.Signature, trouble []keys.Verdict, err error) {
	if sigPath == "" {
		if sigPath = signatureBeside(path); sigPath == "" {
			return nil, nil, nil
		}
	}
	data, err := limits.ReadFile(sigPath, maxSignature)
	if errors.Is(err, ErrTooLarge) {
		reason := fmt.Sprintf("The signature file is larger than %d bytes.", maxSignature)
		return nil, []keys.Verdict{keys.NotChecked(kind, path, reason)}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	sigs, err = keys.ParseSignatures(data)
	if err != nil {
		return nil, []keys.Verdict{keys.NotChecked(kind, path, "The signature was not checked: "+err.Error()+".")}, nil
	}
	if len(sigs) == 0 {
		return nil, []keys.Verdict{{
			Target: path, Kind: kind, Status: keys.StatusMalformed, Reason: "The signature file is empty.",
		}}, nil
	}
	return sigs, nil, nil
}

// signatureBeside finds the detached signature that belongs to path, or "".
func signatureBeside(path string) string {
	for _, ext := range []string{".asc", ".sig"} {
		if exists(path + ext) {
			return path + ext
		}
	}
	return ""
}
