//go:build linux || netbsd || openbsd || (freebsd && cgo) || (dragonfly && cgo)

package vault

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"bulla/keys/limits"
)

// The Secret Service, https://specifications.freedesktop.org/secret-service/latest/.
const (
	ssName       = "org.freedesktop.secrets"
	ssPath       = dbus.ObjectPath("/org/freedesktop/secrets")
	ssLogin      = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	ssService    = "org.freedesktop.Secret.Service"
	ssCollection = "org.freedesktop.Secret.Collection"
	dbusGet      = "org.freedesktop.DBus.Properties.Get"
)

// probeSystem looks at the Secret Service within ctx. It starts no bus (go-keyring itself would
// run dbus-launch where there is none and leave that bus running), causes no prompt, and makes
// the same choice of a collection as go-keyring, which see in unix's keyring.go: "login" if
// there is one, else the default.
func probeSystem(ctx context.Context, env func(string) string) Status {
	st := Status{Name: "Secret Service", Where: "Secret Service over D-Bus", State: Absent}
	conn, reason := connectSessionBus(ctx, env)
	if conn == nil {
		st.Reason = reason
		return st
	}
	defer func() { _ = conn.Close() }()
	p := ssProbe{ctx: ctx, conn: conn}
	if st.Reason = p.offered(); st.Reason != "" {
		return st
	}

	var collections []dbus.ObjectPath
	if err := p.property(ssPath, ssService, "Collections", &collections); err != nil {
		st.Reason = p.explain("it does not answer", err)
		return st
	}
	owner := p.owner()
	st.Name = owner.name
	collection := ssLogin
	if !slices.Contains(collections, ssLogin) {
		err := conn.Object(ssName, ssPath).CallWithContext(ctx, ssService+".ReadAlias", 0, "default").Store(&collection)
		if err != nil {
			st.Reason = p.explain("it does not answer", err)
			return st
		}
		if collection == "/" || collection == "" {
			st.State, st.Reason = NeedsSetup, "it has no default collection yet (log in graphically once, or create one named \"login\")"
			return st
		}
	}
	st.Name += " (" + path.Base(string(collection)) + ")" // D-Bus allows only [A-Za-z0-9_] here
	var locked bool
	if err := p.property(collection, ssCollection, "Locked", &locked); err != nil {
		st.Reason = p.explain("its collection can't be read", err)
		return st
	}
	st.State, st.MayPrompt = Ready, owner.confirms
	if locked {
		st.State, st.MayPrompt, st.Reason = Locked, true, lockedReason(env)
	}
	return st
}

// connectSessionBus opens a private connection to a bus that is there already, or says why
// there is none. The connection ends with ctx.
func connectSessionBus(ctx context.Context, env func(string) string) (*dbus.Conn, string) {
	type result struct {
		conn *dbus.Conn
		dial bool
		err  error
	}
	ch := make(chan result, 1)
	go func() {
		// Neither dialling nor authentication looks at the context; its end closes the
		// connection, which ends authentication too.
		conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
		if err != nil {
			ch <- result{dial: true, err: err}
			return
		}
		if err = conn.Auth(nil); err == nil {
			err = conn.Hello()
		}
		if err != nil {
			_ = conn.Close()
			conn = nil
		}
		ch <- result{conn: conn, err: err}
	}()
	select {
	case r := <-ch:
		switch {
		case r.err == nil:
			return r.conn, ""
		case ctx.Err() != nil:
			return nil, "the D-Bus session does not answer"
		case r.dial && env("DBUS_SESSION_BUS_ADDRESS") == "":
			return nil, "there is no D-Bus session (over SSH, in a container, from cron or sudo there often is none)"
		}
		return nil, fmt.Sprintf("the D-Bus session can't be reached (%v)", r.err)
	case <-ctx.Done():
		return nil, "the D-Bus session does not answer"
	}
}

type ssProbe struct {
	ctx  context.Context
	conn *dbus.Conn
}

// offered returns "" if some program offers the Secret Service, or would be started for it.
func (p ssProbe) offered() (reason string) {
	bus := p.conn.BusObject()
	var owned bool
	if err := bus.CallWithContext(p.ctx, "org.freedesktop.DBus.NameHasOwner", 0, ssName).Store(&owned); err != nil {
		return p.explain("the D-Bus session does not answer", err)
	}
	if owned {
		return ""
	}
	var activatable []string
	if err := bus.CallWithContext(p.ctx, "org.freedesktop.DBus.ListActivatableNames", 0).Store(&activatable); err != nil {
		return p.explain("the D-Bus session does not answer", err)
	}
	if !slices.Contains(activatable, ssName) {
		return "no program offers a keychain (GNOME Keyring, KWallet and KeePassXC do)"
	}
	return ""
}

func (p ssProbe) property(object dbus.ObjectPath, iface, name string, into any) error {
	var v dbus.Variant
	err := p.conn.Object(ssName, object).CallWithContext(p.ctx, dbusGet, 0, iface, name).Store(&v)
	if err != nil {
		return err
	}
	return v.Store(into)
}

func (p ssProbe) explain(what string, err error) string {
	if p.ctx.Err() != nil {
		return what
	}
	return fmt.Sprintf("%s (%v)", what, err)
}

// keeper is a program that offers the Secret Service.
type keeper struct {
	name     string
	confirms bool // asks a person on each access, even while unlocked
}

// owner finds out which program it is by the name of its process. Where that can't be known it
// is called by the name of the interface.
func (p ssProbe) owner() keeper {
	var pid uint32
	if err := p.conn.BusObject().CallWithContext(p.ctx, "org.freedesktop.DBus.GetConnectionUnixProcessID", 0, ssName).Store(&pid); err == nil {
		if comm, err := limits.ReadFile(fmt.Sprintf("/proc/%d/comm", pid), 64); err == nil {
			return keeperOf(strings.TrimSpace(string(comm)))
		}
	}
	return keeperOf("")
}

// keeperOf knows the programs by their process names, which Linux cuts to 15 bytes.
func keeperOf(comm string) keeper {
	switch {
	case strings.HasPrefix(comm, "gnome-keyring"):
		return keeper{name: "GNOME Keyring"}
	case strings.HasPrefix(comm, "kwalletd"), strings.HasPrefix(comm, "ksecretd"):
		return keeper{name: "KWallet"}
	case strings.HasPrefix(comm, "keepassxc"):
		return keeper{name: "KeePassXC", confirms: true}
	}
	return keeper{name: "Secret Service"}
}

func lockedReason(env func(string) string) string {
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return "it is locked, and this session has no display for its dialog"
	}
	return "it is locked; its dialog will ask for the keychain's password"
}
