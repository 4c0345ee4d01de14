package issuers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	_ "golang.org/x/crypto/x509roots/fallback" // the operator's image has no certificates; where there are some, those count
)

const (
	// maxRedirects bounds how many redirects are followed, each to https.
	maxRedirects = 3
	// dialTimeout bounds a connection.
	dialTimeout = 3 * time.Second
	// maxAnswerHeader bounds the header of an answer.
	maxAnswerHeader = 16 << 10
)

var (
	errNotPublic = errors.New("the address is not public")
	errRedirect  = errors.New("the answer is a redirect that is not followed")
)

// notPublic are the networks that nobody is to reach through the operator: its own pod, node and cluster, the metadata
// of clouds, and addresses that stand for others.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// global are the addresses of IPv6 that are given to networks of the Internet.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// public reports whether an address is one of the Internet's.
func public(address netip.Addr) bool {
	address = address.Unmap()
	if address.Is6() && (address.Zone() != "" || !global.Contains(address)) {
		return false
	}
	return !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(address) })
}

// onlyPublic lets no connection be made to an address that is not public. It sees what a name was resolved to.
func onlyPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !public(to.Addr()) {
		return errNotPublic
	}
	return nil
}

// ParseHosts reads hosts with commas between them, as flag --private-issuers has them: names or addresses, without a
// port.
func ParseHosts(text string) ([]string, error) {
	var hosts []string
	for host := range strings.SplitSeq(text, ",") {
		host = strings.ToLower(strings.TrimSpace(host))
		if host == "" || strings.ContainsAny(host, "/*@ \t") || strings.HasPrefix(host, "[") {
			return nil, fmt.Errorf("%q is not the name or address of a host", host)
		}
		if _, _, err := net.SplitHostPort(host); err == nil {
			return nil, fmt.Errorf("%q has a port; a host is named without one", host)
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// newClient returns the client for one issuer. It uses no proxy, whose own address would be checked instead.
func newClient(certificateAuthority string, private []string, timeout time.Duration) *http.Client {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if certificateAuthority != "" {
		config.RootCAs = x509.NewCertPool() // which stays empty, and trusts nobody, if there is no certificate
		config.RootCAs.AppendCertsFromPEM([]byte(certificateAuthority))
	}
	toPublic := &net.Dialer{Timeout: dialTimeout, ControlContext: onlyPublic}
	toPrivate := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err == nil && slices.Contains(private, strings.ToLower(host)) {
				return toPrivate.DialContext(ctx, network, address)
			}
			return toPublic.DialContext(ctx, network, address)
		},
		TLSClientConfig: config, TLSHandshakeTimeout: dialTimeout, MaxResponseHeaderBytes: maxAnswerHeader,
		// Keys are fetched every few minutes, and a small answer must not become a large one.
		DisableKeepAlives: true, DisableCompression: true,
	}
	return &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects || to.URL.Scheme != "https" || to.URL.User != nil {
				return errRedirect
			}
			return nil
		},
	}
}
