// Package project knows what a repository says of its own releases: its bulla.toml, how a version
// becomes a tag and a tag a version, what the project is called and which remote is its own.
package project
