package scimserver

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwardedFor is the header to which each proxy adds the address that it got the request from. There is no standard
// for it, but it is what all proxies write; Forwarded (RFC 7239) is not looked at, because a proxy that writes the one
// lets the other through as the client has sent it.
const forwardedFor = "X-Forwarded-For"

// proxies are the networks whose word is taken for where a request came from.
type proxies []netip.Prefix

// ParseProxies parses the value of --trusted-proxies: CIDRs with commas between them.
func ParseProxies(text string) ([]netip.Prefix, error) {
	var trusted []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		prefix, err := parsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is no CIDR, such as 10.0.0.0/8 or 2001:db8::/32", part)
		}
		if prefix.Bits() == 0 {
			return nil, fmt.Errorf("%s is everybody: then each client could say which address it has", part)
		}
		trusted = append(trusted, prefix)
	}
	return trusted, nil
}

// parsePrefix parses a CIDR. One of IPv4 addresses in the form of IPv6 (::ffff:10.0.0.0/104) is that of the IPv4 addresses,
// as which they are compared.
func parsePrefix(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err == nil && prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix, err //nolint:wrapcheck // callers say it in their own words
}

// source is the address that a request comes from: that of the connection, or what the proxies say that stand between. Each
// adds the address that it sees at the end of the header, so this goes from there to the first address that is not a
// proxy's: what stands before that, the client has made up. The zero Addr is an address that is not known.
func (p proxies) source(r *http.Request) netip.Addr {
	source := parseAddress(r.RemoteAddr)
	headers := r.Header.Values(forwardedFor)
	for _, header := range slices.Backward(headers) {
		for more := true; more; {
			if !p.contains(source) {
				return source
			}
			var last string
			header, last, more = cutLast(header)
			if last = strings.TrimSpace(last); last == "" {
				continue // lists may have empty elements (RFC 9110 section 5.6.1)
			}
			before := parseAddress(last)
			if !before.IsValid() {
				return source
			}
			source = before
		}
	}
	return source
}

// cutLast cuts the last element off a list, and reports whether there are more.
func cutLast(list string) (rest, last string, more bool) {
	comma := strings.LastIndexByte(list, ',')
	if comma < 0 {
		return "", list, false
	}
	return list[:comma], list[comma+1:], true
}

func (p proxies) contains(address netip.Addr) bool {
	return slices.ContainsFunc([]netip.Prefix(p), func(trusted netip.Prefix) bool { return trusted.Contains(address) })
}

// parseAddress reads an address with or without a port, of IPv6 also in brackets; what is none is the zero Addr. An IPv4
// address in the form of IPv6 is the IPv4 one, and a zone, which means something to one machine only, is left out.
func parseAddress(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone("")
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if text, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}
		}
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

// sourceAllowed reports whether spec.allowedSources lets requests come from an address. A CIDR that cannot be read, which the
// API server does not take, is nobody's.
func sourceAllowed(allowed []string, source netip.Addr) bool {
	return len(allowed) == 0 || slices.ContainsFunc(allowed, func(cidr string) bool {
		prefix, err := parsePrefix(cidr)
		return err == nil && prefix.Contains(source)
	})
}
