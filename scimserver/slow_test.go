package scimserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/scimserver/scim"
)

// stuckClients is how many clients of each kind hold a connection.
const stuckClients = 3

// largeAnswer is more than what the system takes in for a client that does not read.
const largeAnswer = 32 << 20

// dial opens connections and sends the same beginning of a request over each.
func dial(t *testing.T, address, text string) []net.Conn {
	t.Helper()
	connections := make([]net.Conn, stuckClients)
	for i := range connections {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		if _, err := io.WriteString(connection, text); err != nil {
			t.Fatal(err)
		}
		connections[i] = connection
	}
	return connections
}

func TestStuckClientsAreCutOffAndHoldNobody(t *testing.T) {
	const authorization = "Host: scim.example.com\r\nAuthorization: Bearer " + goodToken + "\r\n"
	const short, long = 300 * time.Millisecond, time.Minute
	for name, test := range map[string]struct {
		text     string
		timeouts connectionTimeouts
		// wantStatus begins what the client is told, if it is told anything.
		wantStatus string
		// wantLogged is the status in the access log; 0 for a request that never was one.
		wantLogged float64
	}{
		"headers that do not end": {"GET /scim/v2/Users HTTP/1.1\r\n" + authorization,
			connectionTimeouts{header: short, request: long, answer: long, idle: long}, "", 0},
		"a body that does not arrive": {
			"POST /scim/v2/Users HTTP/1.1\r\n" + authorization + "Content-Length: 100\r\n\r\n{",
			connectionTimeouts{header: long, request: short, answer: long, idle: long}, "HTTP/1.1 408", 408},
		"an answer that is not read": {
			"GET /scim/v2/Users/" + someID + " HTTP/1.1\r\n" + authorization + "\r\n",
			connectionTimeouts{header: long, request: long, answer: short, idle: long}, "", 200},
		"a connection that is not used": {
			"GET /scim/v2/Schemas HTTP/1.1\r\n" + authorization + "\r\n",
			connectionTimeouts{header: long, request: long, answer: long, idle: short}, "HTTP/1.1 200", 200},
	} {
		t.Run(name, func(t *testing.T) {
			large := strings.Repeat("x", largeAnswer)
			s, logs := testServer(func(ctx context.Context) (scim.Resource, error) {
				res, err := found(ctx)
				res["title"] = large
				return res, err
			})
			s.timeouts = test.timeouts
			start(t, s)
			stuck := dial(t, s.Address(), test.text)
			// On a busy machine its connection, too, may be cut off before it has come to send anything.
			waitFor(t, "another client to be served", func() bool {
				status, err := get(t.Context(), &http.Client{}, "http://"+s.Address()+"/scim/v2/ServiceProviderConfig")
				return err == nil && status == http.StatusOK
			})
			if test.wantLogged != 0 {
				waitFor(t, "the server to be done with the requests", func() bool {
					done := 0
					for _, line := range logs.lines("Request") {
						if line["route"] == "/ServiceProviderConfig" || line["status"] != test.wantLogged {
							continue
						}
						done++
						if by := line["brokenOffBy"]; test.wantLogged == 200 && by != brokenByTimeout && test.wantStatus == "" {
							t.Fatalf("the access log tells that an answer that is not read was broken off by %v", by)
						}
					}
					return done == stuckClients
				})
			}
			for _, connection := range stuck {
				// It ends, because the server closes the connection.
				told, _ := io.ReadAll(connection)
				if !strings.HasPrefix(string(told), test.wantStatus) {
					t.Errorf("the client is told %.40q", told)
				}
				if len(told) >= largeAnswer {
					t.Error("the whole answer was sent to a client that does not read")
				}
			}
		})
	}
}

// metric returns the value of a counter, with a label the sum of those that have this value in it.
func metric(t *testing.T, name string, value ...string) (sum float64) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if len(value) == 0 || m.GetLabel()[0].GetValue() == value[0] {
				sum += m.GetCounter().GetValue()
			}
		}
		return sum
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestPanicsAreCounted(t *testing.T) {
	s, _ := testServer(func(context.Context) (scim.Resource, error) { panic("at the worst time") })
	before := metric(t, "scim_http_panics_total")
	wantSCIMError(t, serve(s, request("POST", "/scim/v2/Users", `{"userName":"babs"}`)), 500, "")
	if got := metric(t, "scim_http_panics_total"); got != before+1 {
		t.Errorf("%v panics are counted, then %v", before, got)
	}
}
