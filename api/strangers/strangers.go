// Package strangers bounds what whoever reaches a server can hold of it without having proved anything.
package strangers

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Connections bounds how many connections there are. When there is no room for a new one, one of a stranger gives way, the
// one that has done nothing for longest, and without any one of a client that is between two requests. So a stranger can neither fill the memory nor keep clients out, and a request that is being served is not cut off.
type Connections struct {
	limit int
	cut   func()

	mu   sync.Mutex
	open map[*connection]struct{}
	// steps counts what happened, which tells what was before what.
	steps int
}

// connection is a connection that counts until it is closed.
type connection struct {
	net.Conn
	of *Connections
	// Guarded by of.mu: known says that a client has shown over it that it is one, busy that a request is being served, and last is
	// the step of the last change of these.
	known, busy bool
	last        int
}

// New returns an empty set of at most limit Connections. cut is called for each one that is closed because the set is full.
func New(limit int, cut func()) *Connections {
	return &Connections{limit: limit, cut: cut, open: make(map[*connection]struct{})}
}

// Bind attaches the bound to a server, and returns what the server must serve in the place of its listener.
func (c *Connections) Bind(server *http.Server, listener net.Listener) net.Listener {
	server.ConnContext, server.ConnState = withConnection, c.change
	return boundListener{listener, c}
}

// Len is how many connections there are.
func (c *Connections) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// boundListener is a listener whose connections are bounded.
type boundListener struct {
	net.Listener
	connections *Connections
}

// Accept implements net.Listener.
func (l boundListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.connections.admit(conn), nil
}

// admit counts a new connection, and closes another one if there are too many. If that cannot be, it closes the new one.
func (c *Connections) admit(conn net.Conn) *connection {
	admitted := &connection{Conn: conn, of: c}
	c.mu.Lock()
	var victim *connection
	if len(c.open) >= c.limit {
		if victim = c.dispensable(); victim == nil {
			victim = admitted
		}
		delete(c.open, victim)
	}
	if victim != admitted {
		c.step(admitted)
		c.open[admitted] = struct{}{}
	}
	c.mu.Unlock()
	if victim != nil {
		c.cut()
		// Its request, if there is one, ends with an error; nobody is left to be told another one.
		_ = victim.Conn.Close()
	}
	return admitted
}

// dispensable returns the connection that gives way, or nil if none can.
func (c *Connections) dispensable() *connection {
	var found *connection
	for candidate := range c.open {
		switch {
		case candidate.known && candidate.busy:
		case found == nil, found.known && !candidate.known, found.known == candidate.known && candidate.last < found.last:
			found = candidate
		}
	}
	return found
}

func (c *Connections) step(of *connection) {
	c.steps++
	of.last = c.steps
}

// change notes what http.Server tells of a connection.
func (c *Connections) change(conn net.Conn, state http.ConnState) {
	changed := counted(conn)
	if changed == nil || state != http.StateActive && state != http.StateIdle {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	changed.busy = state == http.StateActive
	c.step(changed)
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// counted returns the connection below TLS; nil for one that is not counted.
func counted(conn net.Conn) *connection {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	found, _ := conn.(*connection)
	return found
}

type connectionKey struct{}

func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if of := counted(conn); of != nil {
		return context.WithValue(ctx, connectionKey{}, of)
	}
	return ctx
}

// Known notes that the connection of a request is that of a client, not of a stranger.
func Known(r *http.Request) {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		c.of.mu.Lock()
		c.known = true
		c.of.mu.Unlock()
	}
}
