package workflow

import (
	"context"
	"fmt"
	"path"
	"strings"

	"bulla/workflow/verify"
)

// isSourceArchive reports whether an artifact is called as source archives are: widget-1.4.0.tar.gz
// for the project widget. An archive of built files has more in its name.
func isSourceArchive(base, project, version string) bool {
	rest, ok := strings.CutPrefix(base, path.Base(project)+"-"+version)
	if !ok {
		return false
	}
	rest = strings.TrimPrefix(rest, "-src")
	rest = strings.TrimPrefix(rest, "-source")
	switch rest {
	case ".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz":
		return true
	}
	return false
}

// compareSources compares the source archives among the artifacts with the tag just made. What is
// found is a note and no failure: many archives hold generated files.
func (r *run) compareSources(ctx context.Context, v *verify.Verifier) string {
	var notes []string
	for _, f := range r.result.Files {
		if !isSourceArchive(f.Base(), r.plan.Project, r.plan.Version) {
			continue
		}
		// Who makes the release has the file of the configuration in his hand, committed or not.
		report, err := v.Source(ctx, f.Path, r.plan.Tag, v.Config().Release.Generated)
		switch {
		case err != nil:
			notes = append(notes, fmt.Sprintf("%s was not compared with the tag (%v)", f.Base(), rootCause(err)))
		case report.OK():
			notes = append(notes, f.Base()+" holds what the tag holds")
		default:
			notes = append(notes, fmt.Sprintf("note: %s differs from the tag in %s", f.Base(), plural(report.Differences, "place")))
		}
	}
	if len(notes) == 0 {
		return ""
	}
	return "; " + strings.Join(notes, "; ")
}
