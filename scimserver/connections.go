package scimserver

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// connections bounds how many connections there are. When there is no room for a new one, one of a stranger gives way, the
// one that has done nothing for longest, and without any one of a client that is between two requests. So whoever has
// no token can neither fill the memory nor keep clients out, and a request that is being served is not cut off.
type connections struct {
	limit int

	mu   sync.Mutex
	open map[*connection]struct{}
	// steps counts what happened, which tells what was before what.
	steps int
}

// connection is a connection that counts until it is closed.
type connection struct {
	net.Conn
	of *connections
	// Guarded by of.mu: known says that a valid token has come over it, busy that a request is being served, and last is
	// the step of the last change of these.
	known, busy bool
	last        int
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, open: make(map[*connection]struct{})}
}

// boundListener is a listener whose connections are bounded.
type boundListener struct {
	net.Listener
	connections *connections
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
func (c *connections) admit(conn net.Conn) *connection {
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
		connectionsCut.Inc()
		// Its request, if there is one, ends with an error; nobody is left to be told another one.
		_ = victim.Conn.Close()
	}
	return admitted
}

// dispensable returns the connection that gives way, or nil if none can.
func (c *connections) dispensable() *connection {
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

func (c *connections) step(of *connection) {
	c.steps++
	of.last = c.steps
}

// change notes what http.Server tells of a connection.
func (c *connections) change(conn net.Conn, state http.ConnState) {
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

// noteKnown notes that the request's connection is that of a client, not of a stranger.
func noteKnown(r *http.Request) {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		c.of.mu.Lock()
		c.known = true
		c.of.mu.Unlock()
	}
}
