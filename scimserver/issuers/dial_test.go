package issuers

import (
	"errors"
	"net/netip"
	"testing"
)

func TestOnlyAddressesOfTheInternetArePublic(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1", "127.9.9.9", "10.96.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "198.18.0.1",
		"::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"2002:7f00:1::", "2001::1", "2001:db8::1", "100::1", "::7f00:1", "fd00:ec2::254",
	} {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "20.190.128.1", "172.15.0.1", "172.32.0.1", "::ffff:1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	if err := onlyPublic(t.Context(), "tcp4", "127.0.0.1:443", nil); !errors.Is(err, errNotPublic) {
		t.Errorf("127.0.0.1: %v", err)
	}
}
