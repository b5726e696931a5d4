// Serve runs one of the stand-ins of this folder on loopback, for tests of the whole program and to try
// things by hand:
//
//	serve vks                             prints vks:http://127.0.0.1:PORT
//	serve github|gitlab|gitea [ADDRESS…]  prints where the account is; ADDRESSes are confirmed in it
//
// It ends when its standard input does. GET /mail/ADDRESS on the first gives the link that was mailed;
// the token of an account is tok-xxxxxxxxxxxxxxxxxxxx.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"bulla/keys/publish/internal/standin"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: serve vks | serve github|gitlab|gitea [ADDRESS…]")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	base := "http://" + l.Addr().String()
	mux := http.NewServeMux()
	switch kind := args[0]; kind {
	case "vks":
		s := standin.EmptyVKS()
		mux.Handle("/", s.Handler())
		mux.HandleFunc("GET /mail/{address}", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, s.Mail(r.PathValue("address")))
		})
		fmt.Println("vks:" + base)
	case "github", "gitlab", "gitea":
		f := standin.EmptyForge(kind)
		f.Emails = args[1:]
		mux.Handle("/", f.Handler())
		if kind == "github" {
			base += "/api/v3"
		}
		fmt.Println(kind + ":" + base)
	default:
		return fmt.Errorf("there is no stand-in %q", kind)
	}
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
