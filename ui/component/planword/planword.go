// Package planword says in a few words what a release makes of each of its files, for the faces that
// show a plan as a table.
package planword

import (
	"slices"

	"bulla/artifacts"
	"bulla/workflow"
)

// Signature says what becomes of the signature beside an artifact.
func Signature(p *workflow.Plan, f workflow.PlannedFile) string {
	switch {
	case f.Existing == artifacts.StateValid:
		return "signed already"
	case p.ChecksumsOnly:
		return "listed"
	case f.Existing == artifacts.StateNone, f.Existing == "":
		return "+ .asc"
	}
	return ".asc replaced"
}

// List says of a checksums file or the record, by its base name, that it gets a signature, and what
// of both is there already and gets replaced.
func List(p *workflow.Plan, name string) string {
	switch list, signature := slices.Contains(p.Replaced, name), slices.Contains(p.Replaced, name+".asc"); {
	case list && signature:
		return "replaced, with its .asc"
	case list:
		return "replaced, + .asc"
	case signature:
		return ".asc replaced"
	}
	return "+ .asc"
}
