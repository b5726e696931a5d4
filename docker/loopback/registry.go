// Package loopback runs a real registry inside the process, on a free port of 127.0.0.1, with
// its content in memory. The sandbox practises releases against it, and tests use it.
//
// Nothing outside the machine can reach it; anything on the machine can. It holds no more than
// was pushed to it and ends with its context.
package loopback

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Registry is a running registry.
type Registry struct {
	host  string
	serve *http.Server
	stop  func() bool
	once  sync.Once
	done  chan struct{}
}

// Start runs a registry that lists referrers itself (OCI distribution specification 1.1). It
// ends with ctx or with Close.
func Start(ctx context.Context) (*Registry, error) {
	return start(ctx, withReferrers(registry.New(silent(), registry.WithReferrersSupport(true))))
}

// StartWithoutReferrers is Start for a registry of before OCI 1.1, where clients keep the list
// of referrers themselves under a fallback tag.
func StartWithoutReferrers(ctx context.Context) (*Registry, error) {
	return start(ctx, registry.New(silent()))
}

func silent() registry.Option { return registry.Logger(log.New(io.Discard, "", 0)) }

func start(ctx context.Context, h http.Handler) (*Registry, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Registry{
		host:  l.Addr().String(),
		serve: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)},
		done:  make(chan struct{}),
	}
	go func() {
		defer close(r.done)
		_ = r.serve.Serve(l) // ends with ErrServerClosed
	}()
	r.stop = context.AfterFunc(ctx, r.Close)
	return r, nil
}

// Host is "127.0.0.1:PORT": what a reference to an image in this registry begins with.
func (r *Registry) Host() string { return r.host }

// Close stops the registry and forgets what it held. It may be called more than once.
func (r *Registry) Close() {
	r.once.Do(func() {
		if r.stop != nil {
			r.stop()
		}
		_ = r.serve.Close()
		<-r.done
	})
}
