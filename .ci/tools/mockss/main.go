// Command mockss is a small org.freedesktop.secrets with faults, for tests of what a keychain
// can do to its callers. It keeps secrets in memory and serves the calls of go-keyring only.
//
//	mockss -mode MODE
//
// It owns the name on the session bus, prints READY and runs until it is killed. The modes:
//
//	ok              works
//	no-login        works, with no collection called login
//	prompt-ok       locked; the prompt is answered after 200 ms
//	prompt-dismiss  locked; the prompt is dismissed after 200 ms
//	prompt-never    locked; the prompt is never answered
//	hang            unlocking never returns
//	die-on-get      exits as soon as a secret is asked for
//	corrupt         keeps one byte less than it was given
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const (
	rootPath    = dbus.ObjectPath("/org/freedesktop/secrets")
	loginPath   = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	aliasPath   = dbus.ObjectPath("/org/freedesktop/secrets/aliases/default")
	sessionPath = dbus.ObjectPath("/org/freedesktop/secrets/session/s1")
	promptPath  = dbus.ObjectPath("/org/freedesktop/secrets/prompt/p1")
	noPath      = dbus.ObjectPath("/")
	iface       = "org.freedesktop.Secret."
)

var modes = []string{"ok", "no-login", "prompt-ok", "prompt-dismiss", "prompt-never", "hang", "die-on-get", "corrupt"}

// secret is the struct of the specification.
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

type service struct {
	conn   *dbus.Conn
	mode   string
	mu     sync.Mutex
	locked bool
	count  int
	items  map[dbus.ObjectPath]*item
}

type item struct {
	path       dbus.ObjectPath
	attributes map[string]string
	value      []byte
	service    *service
}

// collection, session and prompt are the service under its other interfaces.
type (
	collection struct{ *service }
	session    struct{}
	prompt     struct{ *service }
)

func (s *service) OpenSession(algorithm string, _ dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	if algorithm != "plain" {
		return dbus.Variant{}, noPath, dbus.NewError("org.freedesktop.DBus.Error.NotSupported", nil)
	}
	return dbus.MakeVariant(""), sessionPath, nil
}

func (s *service) Unlock(objects []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if s.mode == "hang" {
		select {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked {
		return []dbus.ObjectPath{}, promptPath, nil
	}
	return objects, noPath, nil
}

func (s *service) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) { return loginPath, nil }

func (p prompt) Prompt(string) *dbus.Error {
	complete := func(dismissed bool, unlocked []dbus.ObjectPath) {
		time.AfterFunc(200*time.Millisecond, func() {
			p.mu.Lock()
			p.locked = dismissed
			p.mu.Unlock()
			if err := p.conn.Emit(promptPath, iface+"Prompt.Completed", dismissed, dbus.MakeVariant(unlocked)); err != nil {
				log.Fatal(err)
			}
		})
	}
	switch p.mode {
	case "prompt-dismiss":
		complete(true, []dbus.ObjectPath{})
	case "prompt-ok":
		complete(false, []dbus.ObjectPath{loginPath})
	}
	return nil
}

func (p prompt) Dismiss() *dbus.Error { return nil }

func (s *service) match(attributes map[string]string) []dbus.ObjectPath {
	found := []dbus.ObjectPath{}
next:
	for path, it := range s.items {
		for k, v := range attributes {
			if it.attributes[k] != v {
				continue next
			}
		}
		found = append(found, path)
	}
	return found
}

func (c collection) SearchItems(attributes map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.match(attributes), nil
}

func (c collection) CreateItem(properties map[string]dbus.Variant, s secret, replace bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	attributes, ok := properties[iface+"Item.Attributes"].Value().(map[string]string)
	if !ok {
		return noPath, noPath, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mode == "corrupt" && len(s.Value) > 0 {
		s.Value = s.Value[:len(s.Value)-1]
	}
	if same := c.match(attributes); replace && len(same) > 0 {
		c.items[same[0]].value = s.Value
		return same[0], noPath, nil
	}
	c.count++
	it := &item{loginPath + dbus.ObjectPath(fmt.Sprintf("/%d", c.count)), attributes, s.Value, c.service}
	c.items[it.path] = it
	if err := c.conn.Export(it, it.path, iface+"Item"); err != nil {
		log.Fatal(err)
	}
	return it.path, noPath, nil
}

func (i *item) GetSecret(session dbus.ObjectPath) (secret, *dbus.Error) {
	if i.service.mode == "die-on-get" {
		os.Exit(3)
	}
	i.service.mu.Lock()
	defer i.service.mu.Unlock()
	return secret{session, []byte{}, i.value, "text/plain"}, nil
}

func (i *item) Delete() (dbus.ObjectPath, *dbus.Error) {
	i.service.mu.Lock()
	defer i.service.mu.Unlock()
	delete(i.service.items, i.path)
	if err := i.service.conn.Export(nil, i.path, iface+"Item"); err != nil {
		log.Fatal(err)
	}
	return noPath, nil
}

func (session) Close() *dbus.Error { return nil }

// export puts the service's objects on the bus.
func (s *service) export() error {
	for _, o := range []struct {
		object any
		path   dbus.ObjectPath
		name   string
	}{
		{s, rootPath, "Service"},
		{collection{s}, loginPath, "Collection"},
		{collection{s}, aliasPath, "Collection"},
		{session{}, sessionPath, "Session"},
		{prompt{s}, promptPath, "Prompt"},
	} {
		if err := s.conn.Export(o.object, o.path, iface+o.name); err != nil {
			return err
		}
	}
	collections := []dbus.ObjectPath{loginPath}
	if s.mode == "no-login" {
		collections = []dbus.ObjectPath{}
	}
	if _, err := prop.Export(s.conn, rootPath, prop.Map{iface + "Service": {"Collections": {Value: collections}}}); err != nil {
		return err
	}
	for _, p := range []dbus.ObjectPath{loginPath, aliasPath} {
		props := prop.Map{iface + "Collection": {"Locked": {Value: s.locked}, "Label": {Value: "Login"}}}
		if _, err := prop.Export(s.conn, p, props); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("mockss: ")
	mode := flag.String("mode", "ok", "one of "+strings.Join(modes, ", "))
	flag.Parse()
	if !slices.Contains(modes, *mode) {
		log.Fatalf("no mode %q", *mode)
	}
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		log.Fatal(err)
	}
	s := &service{conn: conn, mode: *mode, locked: strings.HasPrefix(*mode, "prompt-"), items: map[dbus.ObjectPath]*item{}}
	if err := s.export(); err != nil {
		log.Fatal(err)
	}
	reply, err := conn.RequestName("org.freedesktop.secrets", dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		log.Fatalf("the name is taken: %v %v", reply, err)
	}
	fmt.Println("READY")
	select {}
}
