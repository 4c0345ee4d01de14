package scimserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
)

func TestBodyLimits(t *testing.T) {
	for name, test := range map[string]struct {
		path    string
		size    int
		chunked bool
		want    int
	}{
		"a user of two megabytes":               {"/scim/v2/Users", 2 << 20, false, 413},
		"a user of two megabytes, unannounced":  {"/scim/v2/Users", 2 << 20, true, 413},
		"a group of two megabytes":              {"/scim/v2/Groups", 2 << 20, false, 201},
		"a group of more than the limit":        {"/scim/v2/Groups", maxGroupBody + 1, false, 413},
		"a group of more than it, unannounced":  {"/scim/v2/Groups", maxGroupBody + 1, true, 413},
		"a user just under the limit":           {"/scim/v2/Users", maxUserBody, false, 201},
		"a user just over the limit":            {"/scim/v2/Users", maxUserBody + 1, false, 413},
		"a user just over the limit, unannounc": {"/scim/v2/Users", maxUserBody + 1, true, 413},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(found)
			body := `{"userName":"babs","displayName":"x"` + strings.Repeat(" ", test.size-len(`{"userName":"babs","displayName":"x"}`)) + "}"
			r := request("POST", test.path, body)
			if test.chunked {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			}
			w := serve(s, r)
			if test.want == 413 {
				wantSCIMError(t, w, 413, "")
			} else if w.Code != test.want {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

// TestALargeBodyMayBeSentToItsEnd is about clients that look for the answer only then.
func TestALargeBodyMayBeSentToItsEnd(t *testing.T) {
	const size = 16 << 20
	body := strings.Repeat(" ", size)
	for name, text := range map[string]string{
		"announced":   fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body),
		"unannounced": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body),
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(found)
			server := httptest.NewServer(s.Handler())
			defer server.Close()
			connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = connection.Close() })
			head := "POST /scim/v2/Bulk HTTP/1.1\r\nHost: scim.example.com\r\nAuthorization: Bearer " + goodToken + "\r\n"
			if _, err := io.WriteString(connection, head+text); err != nil {
				t.Fatalf("the body was not taken: %v", err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("got %s", answer.Status)
			}
		})
	}
}

// stalled is a body that stops arriving.
type stalled struct{ err error }

func (s stalled) Read([]byte) (int, error) { return 0, s.err }
func (s stalled) Close() error             { return nil }

func TestBodiesThatDoNotArrive(t *testing.T) {
	for name, test := range map[string]struct {
		err      error
		want     int
		scimType string
	}{
		"the connection is too slow": {&net.OpError{Op: "read", Err: context.DeadlineExceeded}, 408, ""},
		"the connection breaks":      {io.ErrUnexpectedEOF, 400, scim.TypeInvalidSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(found)
			r := request("POST", "/scim/v2/Users", "")
			r.Body, r.ContentLength = stalled{test.err}, 100
			wantSCIMError(t, serve(s, r), test.want, test.scimType)
		})
	}
}

func TestEveryRequestHasADeadline(t *testing.T) {
	for name, test := range map[string]struct {
		method        string
		clientLeaves  bool
		wantCancelled bool
	}{
		"a read ends with its client":       {"GET", true, true},
		"a write goes on without it":        {"POST", true, false},
		"a read of a client that waits":     {"GET", false, false},
		"a write of a client that waits on": {"POST", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			called := false
			s, _ := testServer(func(ctx context.Context) (scim.Resource, error) {
				called = true
				if _, ok := ctx.Deadline(); !ok {
					t.Error("no deadline")
				}
				if test.clientLeaves {
					leave()
				}
				if cancelled := ctx.Err() != nil; cancelled != test.wantCancelled {
					t.Errorf("cancelled: %v", cancelled)
				}
				return found(ctx)
			})
			path := "/scim/v2/Users"
			if test.method == "GET" {
				path += "/" + someID
			}
			serve(s, request(test.method, path, `{"userName":"babs"}`).WithContext(ctx))
			if !called {
				t.Error("the store was not reached")
			}
		})
	}
}

// TestABodyThatCannotBeThrownAwayIsNotRead is about bodies that say that they are larger than what the server would read.
func TestABodyThatCannotBeThrownAwayIsNotRead(t *testing.T) {
	for _, path := range []string{"/Users", "/Groups", "/Bulk", "/.search", "/Users/.search"} {
		for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
			s, _ := testServer(found)
			server := httptest.NewServer(s.Handler())
			connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			// Nothing of the body is sent: a server that waits for it never answers.
			head := "POST /scim/v2" + path + " HTTP/1.1\r\nHost: scim.example.com\r\nAuthorization: Bearer " + goodToken + "\r\n" +
				expect + "Content-Length: 1099511627776\r\n\r\n"
			if _, err := io.WriteString(connection, head); err != nil {
				t.Fatal(err)
			}
			from := bufio.NewReader(connection)
			answer, err := http.ReadResponse(from, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil {
				t.Error(err)
			}
			if answer.StatusCode != http.StatusRequestEntityTooLarge || !answer.Close {
				t.Errorf("%s: got %s, the connection is to be closed: %v", path, answer.Status, answer.Close)
			}
			if _, err := from.ReadByte(); err == nil {
				t.Errorf("%s: the connection goes on", path)
			}
			_ = connection.Close()
			server.Close()
		}
	}
}
