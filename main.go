// Command bulla signs releases: the git tag, the files, the image; and checks them years later.
package main

import (
	_ "bulla/ui/early" // must be initialised before Bubble Tea: see there

	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"bulla/keys/vault"
	"bulla/ui/cli"
)

// version is set by the build: -ldflags "-X main.version=1.4.0".
var version string

func main() { os.Exit(run()) }

func run() int {
	// A core file or a debugger of the same user would see passphrases. Where the system does not
	// allow it to be forbidden, signing is still worth more than refusing.
	if err := vault.Harden(); err != nil && os.Getenv("BULLA_DEBUG") != "" {
		fmt.Fprintln(os.Stderr, "warning: core dumps could not be switched off:", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// The first Ctrl+C lets what is at work come to a clean end. The second ends the process at once,
	// whatever it waits for. Not so a second hang-up: a shell hands on the one that the terminal sent.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: the current folder is gone:", err)
		return 2
	}
	program, err := os.Executable()
	if err != nil {
		program = "" // it is only missed by bulla kit
	}
	return cli.Run(ctx, cli.Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ(), Dir: dir, Now: time.Now, Rand: rand.Reader, Version: versionText(), Program: program,
	})
}

// versionText is the version of the build, or the commit that the toolchain noted.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "development"
	}
	return text
}
