// Command ociregistry runs the registry of cuelabs.dev/go/oci, which lists referrers itself
// (distribution specification 1.1), on a free port of 127.0.0.1. It keeps everything in memory,
// prints "listening on 127.0.0.1:PORT" and ends with its standard input.
//
// It is a module of its own, so that nothing of it gets into bulla.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "ociregistry:", err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("listening on", l.Addr())
	fmt.Fprintln(os.Stderr, "ociregistry:", http.Serve(l, ociserver.New(ocimem.New(), nil)))
	os.Exit(1)
}
