// Package workflow knows what a release is: the walk
//
//	preflight → key → tag → artifacts → image → record → check as a stranger → push
//
// A [Session] is one repository as a release manager stands in it. It answers what a face has
// to show (which keys, which version, which files, which images), turns [Choices] into a
// [Plan] once preflight has nothing against it, and carries the Plan out step by step, telling
// each listener through [Event] values. A journal in the git directory lets another run
// resume or take back what a killed one began.
//
// The package prints nothing and asks nobody: a face hands in a [Face].
package workflow
