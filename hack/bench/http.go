package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"

	"github.com/go-logr/logr"
)

// connection is a plain HTTP/1.1 client: requests are bytes that are ready to be
// sent, and of an answer only what is needed is read. A full client would take
// more of the shared cores than the server does.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

func dial(address string) (*connection, error) {
	conn, err := net.Dial("tcp", address) //nolint:noctx // loopback, at once
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	return &connection{conn: conn, reader: bufio.NewReaderSize(conn, 1<<16)}, nil
}

func (c *connection) close() { _ = c.conn.Close() }

// request renders a request to the tenant's endpoint.
func request(method, path, body string) []byte { return requestBy(token, method, path, body) }

// requestBy is request with another token.
func requestBy(token, method, path, body string) []byte {
	head := method + " /scim/v2" + path + " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token + "\r\n"
	if body != "" {
		head += "Content-Type: application/scim+json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return []byte(head + "\r\n" + body)
}

// do sends a request and reads the whole answer; its body is kept until the next call.
func (c *connection) do(request []byte) (status int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("read the head of an answer: %w", err)
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first && len(line) > 12:
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, fmt.Errorf("read the status: %w", err)
			}
		case len(line) == 0:
			return status, c.readBody(length, chunked)
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			if length, err = strconv.Atoi(string(line[16:])); err != nil {
				return 0, fmt.Errorf("read the length: %w", err)
			}
		case bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked")):
			chunked = true
		}
	}
}

func (c *connection) readBody(length int, chunked bool) error {
	c.body = c.body[:0]
	if chunked {
		return c.readChunks()
	}
	return c.readPart(length)
}

// readPart appends so many bytes to the body.
func (c *connection) readPart(length int) error {
	from := len(c.body)
	c.body = slices.Grow(c.body, length)[:from+length]
	if _, err := io.ReadFull(c.reader, c.body[from:]); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	return nil
}

// readChunks reads the body of a long answer, whose length nobody knew (RFC 9112 section 7.1).
func (c *connection) readChunks() error {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read a chunk: %w", err)
		}
		length, err := strconv.ParseUint(string(bytes.TrimRight(line, "\r\n")), 16, 31)
		if err != nil {
			return fmt.Errorf("read a chunk's length: %w", err)
		}
		if err := c.readPart(int(length)); err != nil {
			return err
		}
		if _, err := c.reader.Discard(len("\r\n")); err != nil {
			return fmt.Errorf("read a chunk: %w", err)
		}
		if length == 0 {
			return nil
		}
	}
}

// newLogger logs as the operator does.
func newLogger(w io.Writer) logr.Logger {
	return logr.FromSlogHandler(slog.NewJSONHandler(w, nil))
}
