package scimserver

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestSourceOfRequests(t *testing.T) {
	trusted, err := ParseProxies("10.0.0.0/8, 2001:db8:1::/48,::ffff:192.0.2.0/120,")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		remote  string
		headers []string
		want    string
	}{
		"the connection's":                            {"203.0.113.7:1234", nil, "203.0.113.7"},
		"a stranger's word is not taken":              {"203.0.113.7:1234", []string{"198.51.100.1"}, "203.0.113.7"},
		"a proxy's is":                                {"10.0.0.1:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		"a proxy says nothing":                        {"10.0.0.1:1234", nil, "10.0.0.1"},
		"a proxy says nothing in many words":          {"10.0.0.1:1234", []string{"", " , ,"}, "10.0.0.1"},
		"what the client adds in front is no matter":  {"10.0.0.1:1234", []string{"192.0.2.9, 10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		"several proxies":                             {"10.0.0.1:1234", []string{"1.1.1.1, 198.51.100.1, 10.2.0.1, 192.0.2.3"}, "198.51.100.1"},
		"several headers are one list":                {"10.0.0.1:1234", []string{"1.1.1.1", "198.51.100.1", "10.2.0.1"}, "198.51.100.1"},
		"a header of the client before the proxy's":   {"10.0.0.1:1234", []string{"10.6.6.6, garbage", "198.51.100.1"}, "198.51.100.1"},
		"proxies only":                                {"10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a word that is no address":                   {"10.0.0.1:1234", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"a word behind another proxy":                 {"10.0.0.1:1234", []string{"198.51.100.1, _hidden, 10.0.0.2"}, "10.0.0.2"},
		"half of an address":                          {"10.0.0.1:1234", []string{"198.51.100"}, "10.0.0.1"},
		"an address with zeros that mean two things":  {"10.0.0.1:1234", []string{"198.051.100.1"}, "10.0.0.1"},
		"with a port":                                 {"10.0.0.1:1234", []string{"198.51.100.1:80"}, "198.51.100.1"},
		"IPv6":                                        {"[2001:db8:1::1]:1234", []string{"2001:db8:2::5"}, "2001:db8:2::5"},
		"IPv6 in brackets":                            {"[2001:db8:1::1]:1234", []string{"[2001:db8:2::5]"}, "2001:db8:2::5"},
		"IPv6 with a port":                            {"[2001:db8:1::1]:1234", []string{"[2001:db8:2::5]:443"}, "2001:db8:2::5"},
		"IPv6 with half of the brackets":              {"[2001:db8:1::1]:1234", []string{"[2001:db8:2::5"}, "2001:db8:1::1"},
		"a zone is left out":                          {"[fe80::1%eth0]:1234", nil, "fe80::1"},
		"a zone in the header":                        {"10.0.0.1:1234", []string{"fe80::7%25eth0"}, "fe80::7"},
		"IPv4 in the form of IPv6, of the connection": {"[::ffff:10.0.0.1]:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		"IPv4 in the form of IPv6, in the header":     {"10.0.0.1:1234", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"proxies named in the form of IPv6":           {"192.0.2.3:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		"no address at all":                           {"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{forwardedFor: tt.headers}}
			if got := proxies(trusted).source(r).String(); got != tt.want {
				t.Errorf("the source is %s, want %s", got, tt.want)
			}
			if got, want := proxies(nil).source(r), parseAddress(tt.remote); got != want {
				t.Errorf("without trusted proxies the source is %s, want %s", got, want)
			}
		})
	}
}

func TestTrustedProxiesAreCIDRs(t *testing.T) {
	for _, text := range []string{"10.0.0.1", "ingress", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10.0.0.0/8,::ffff:0:0/96", "fe80::1%eth0/64"} {
		if _, err := ParseProxies(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if none, err := ParseProxies(" "); err != nil || len(none) != 0 {
		t.Errorf("got %v, %v", none, err)
	}
}

func TestAllowedSources(t *testing.T) {
	for name, tt := range map[string]struct {
		allowed []string
		source  string
		want    bool
	}{
		"unset is any":                     {nil, "203.0.113.7", true},
		"unset is any, also none":          {nil, "", true},
		"one of several":                   {[]string{"198.51.100.0/24", "203.0.113.0/24"}, "203.0.113.7", true},
		"none of them":                     {[]string{"198.51.100.0/24"}, "203.0.113.7", false},
		"bits of the host do not matter":   {[]string{"203.0.113.5/24"}, "203.0.113.7", true},
		"a single address":                 {[]string{"203.0.113.7/32"}, "203.0.113.7", true},
		"the address beside it":            {[]string{"203.0.113.7/32"}, "203.0.113.8", false},
		"IPv6":                             {[]string{"2001:db8::/32"}, "2001:db8:1::5", true},
		"IPv4 in the form of IPv6":         {[]string{"203.0.113.0/24"}, "::ffff:203.0.113.7", true},
		"all of IPv6 has no IPv4":          {[]string{"::/0"}, "203.0.113.7", false},
		"an address that is not known":     {[]string{"0.0.0.0/0", "::/0"}, "", false},
		"what is no CIDR lets nobody pass": {[]string{"203.0.113.7", ""}, "203.0.113.7", false},
	} {
		t.Run(name, func(t *testing.T) {
			source := netip.Addr{}
			if tt.source != "" {
				source = parseAddress(tt.source)
			}
			if got := sourceAllowed(tt.allowed, source); got != tt.want {
				t.Errorf("%v lets %s pass: %v", tt.allowed, source, got)
			}
		})
	}
}
