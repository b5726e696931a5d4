package dct

import "sync"

// Clients are clients of trust servers, one for each server that was named. Their methods may be
// called from several goroutines.
type Clients struct {
	make func(server string) *Client

	mu   sync.Mutex
	open map[string]*Client
}

// NewClients are no clients yet; make makes the one of a server.
func NewClients(make func(server string) *Client) *Clients {
	return &Clients{make: make, open: map[string]*Client{}}
}

// Get is the client of a server.
func (c *Clients) Get(server string) *Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[server] == nil {
		c.open[server] = c.make(server)
	}
	return c.open[server]
}

// Close forgets the keys that were opened.
func (c *Clients) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.open {
		x.Close()
	}
}

// Keys is Docker's folder of keys, whichever server is meant.
func (c *Clients) Keys() *KeyFolder { return c.Get("").Keys() }
